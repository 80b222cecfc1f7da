"""Events: what can be asked for at the root. They themselves come by subscription."""

from __future__ import annotations

import strawberry

from virtgraph.store import events
from virtgraph_api.changes import Info


@strawberry.type
class EventQueries:
    @strawberry.field(
        description="The number of the newest event, 0 before the first: who subscribes behind it misses nothing from now on."
    )
    async def newest_event(self, info: Info) -> int:
        _, newest = await events.bounds(info.context.graph)
        return newest
