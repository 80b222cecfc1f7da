"""Which service this is."""

from __future__ import annotations

import strawberry

from virtgraph.store import schema
from virtgraph_api.changes import Info


@strawberry.type
class InstallationQueries:
    @strawberry.field(description="The UUID in the mark of the VMs and networks that this service makes on hosts.")
    async def installation(self, info: Info) -> strawberry.ID:
        return strawberry.ID(await schema.installation(info.context.graph))
