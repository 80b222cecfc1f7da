"""Volumes: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, BY_STATE, Direction, State
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime
from virtgraph_api.volumes.types import Volume


@strawberry.enum(description="What volumes can be sorted by.")
class VolumeOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT
    STATE = BY_STATE
    SIZE = strawberry.enum_value("size", description="By how much it holds.")


@strawberry.input(description="An order of volumes; the id decides between equals.")
class VolumeOrder:
    field: VolumeOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which volumes: all of what is given must be true.")
class VolumeFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    state: list[State] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    stack: str | None = strawberry.field(default=UNSET, description="Their stack, by id or name.")
    host: str | None = strawberry.field(default=UNSET, description="Their host, by id or name.")
    pool: str | None = strawberry.field(default=UNSET, description="Their pool, by id or name.")


@strawberry.type
class VolumeQueries:
    @strawberry.field(description="One volume, by id or name.")
    async def volume(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
        stack: Annotated[
            str | None, argument(description="Its stack, by id or name, where several have the name.")
        ] = UNSET,
    ) -> Volume | None:
        return await read(info)

    @strawberry.field(description="All volumes, by name unless another order is asked for.")
    async def volumes(
        self,
        info: Info,
        filter: Annotated[VolumeFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[VolumeOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Volume]:
        return await read(info)
