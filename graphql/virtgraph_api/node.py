"""What several kinds have in common, and `node`, which finds any of them by its id."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import Info

from virtgraph_api.enums import State
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.interface(description="Everything that has an id. https://relay.dev/graphql/objectidentification.htm")
class Node:
    id: strawberry.ID = strawberry.field(description="A UUID, the same for as long as it exists.")


@strawberry.interface(description="Something that exists, or is to exist, on hosts.")
class Resource(Node):
    name: str | None = strawberry.field(description="What people call it; null for what was never named.")
    state: State = strawberry.field(description="What it is in now.")
    created_at: DateTime = strawberry.field(description="When it came into the graph.")


@strawberry.type
class NodeQueries:
    @strawberry.field(description="Whatever has this id; null where nothing has.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A UUID.")]
    ) -> Node | None:
        return await read(info)
