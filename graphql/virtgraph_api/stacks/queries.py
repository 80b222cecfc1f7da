"""Stacks: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, Direction
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime
from virtgraph_api.stacks.types import Stack


@strawberry.enum(description="What stacks can be sorted by.")
class StackOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT


@strawberry.input(description="An order of stacks; the id decides between equals.")
class StackOrder:
    field: StackOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which stacks: all of what is given must be true.")
class StackFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")


@strawberry.type
class StackQueries:
    @strawberry.field(description="One stack, by id or name.")
    async def stack(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
    ) -> Stack | None:
        return await read(info)

    @strawberry.field(description="All stacks, by name unless another order is asked for.")
    async def stacks(
        self,
        info: Info,
        filter: Annotated[StackFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[StackOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Stack]:
        return await read(info)
