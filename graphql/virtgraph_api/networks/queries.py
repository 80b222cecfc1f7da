"""Networks: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_NAME, BY_STATE, Direction, NetworkType, State
from virtgraph_api.networks.types import Network
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.enum(description="What networks can be sorted by.")
class NetworkOrderField(Enum):
    NAME = BY_NAME
    CREATED_AT = BY_CREATED_AT
    STATE = BY_STATE
    VLAN_ID = strawberry.enum_value("vlanId", description="By tag.")


@strawberry.input(description="An order of networks; the id decides between equals.")
class NetworkOrder:
    field: NetworkOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which networks: all of what is given must be true.")
class NetworkFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    name: str | None = strawberry.field(default=UNSET, description="The whole name.")
    name_prefix: str | None = strawberry.field(default=UNSET, description="How the name begins.")
    name_contains: str | None = strawberry.field(default=UNSET, description="What the name contains.")
    state: list[State] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    stack: str | None = strawberry.field(default=UNSET, description="Their stack, by id or name.")
    type: NetworkType | None = strawberry.field(default=UNSET, description="How their frames travel.")
    vlan_id: int | None = strawberry.field(default=UNSET, description="The tag.")
    segment: str | None = strawberry.field(default=UNSET, description="The trunk that carries them, by name.")


@strawberry.type
class NetworkQueries:
    @strawberry.field(description="One network, by id or name.")
    async def network(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="Its id.")] = UNSET,
        name: Annotated[str | None, argument(description="Its name.")] = UNSET,
        stack: Annotated[
            str | None, argument(description="Its stack, by id or name, where several have the name.")
        ] = UNSET,
    ) -> Network | None:
        return await read(info)

    @strawberry.field(description="All networks, by name unless another order is asked for.")
    async def networks(
        self,
        info: Info,
        filter: Annotated[NetworkFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[NetworkOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Network]:
        return await read(info)
