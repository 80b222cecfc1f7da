"""NICs: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, BY_STATE, Direction, State
from virtgraph_api.nics.types import NIC
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.enum(description="What NICs can be sorted by.")
class NICOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT
    STATE = BY_STATE


@strawberry.input(description="An order of NICs; the id decides between equals.")
class NICOrder:
    field: NICOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which NICs: all of what is given must be true.")
class NICFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    state: list[State] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    stack: str | None = strawberry.field(default=UNSET, description="Their stack, by id or name.")
    network: str | None = strawberry.field(default=UNSET, description="Their network, by id or name.")
    vm: str | None = strawberry.field(default=UNSET, description="Their VM, by id or name.")
    hw_addr: str | None = strawberry.field(default=UNSET, description="The MAC address, such as 52:54:00:12:34:56.")
    ip_address: str | None = strawberry.field(default=UNSET, description="One of the IP addresses.")


@strawberry.type
class NICQueries:
    @strawberry.field(description="One NIC, by id or name.")
    async def nic(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
        stack: Annotated[
            str | None, argument(description="Its stack, by id or name, where several have the name.")
        ] = UNSET,
    ) -> NIC | None:
        return await read(info)

    @strawberry.field(description="All NICs, by name unless another order is asked for.")
    async def nics(
        self,
        info: Info,
        filter: Annotated[NICFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[NICOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[NIC]:
        return await read(info)
