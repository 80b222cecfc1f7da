"""Hosts: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, BY_STATE, Direction, State
from virtgraph_api.hosts.types import Host
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.enum(description="What hosts can be sorted by.")
class HostOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT
    STATE = BY_STATE


@strawberry.input(description="An order of hosts; the id decides between equals.")
class HostOrder:
    field: HostOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which hosts: all of what is given must be true.")
class HostFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    state: list[State] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    label: str | None = strawberry.field(default=UNSET, description="One of the labels, `key=value`.")


@strawberry.type
class HostQueries:
    @strawberry.field(description="One host, by id or name.")
    async def host(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
    ) -> Host | None:
        return await read(info)

    @strawberry.field(description="All hosts, by name unless another order is asked for.")
    async def hosts(
        self,
        info: Info,
        filter: Annotated[HostFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[HostOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Host]:
        return await read(info)
