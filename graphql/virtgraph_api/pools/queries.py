"""Pools: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, Direction, State
from virtgraph_api.pools.types import Pool
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.enum(description="What pools can be sorted by.")
class PoolOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT


@strawberry.input(description="An order of pools; the id decides between equals.")
class PoolOrder:
    field: PoolOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which pools: all of what is given must be true.")
class PoolFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    state: list[State] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    host: str | None = strawberry.field(default=UNSET, description="Their host, by id or name.")


@strawberry.type
class PoolQueries:
    @strawberry.field(description="One pool, by id or name.")
    async def pool(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
        host: Annotated[
            str | None, argument(description="Its host, by id or name, where several have the name.")
        ] = UNSET,
    ) -> Pool | None:
        return await read(info)

    @strawberry.field(description="All pools, by name unless another order is asked for.")
    async def pools(
        self,
        info: Info,
        filter: Annotated[PoolFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[PoolOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Pool]:
        return await read(info)
