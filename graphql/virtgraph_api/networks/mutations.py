"""Networks, made and removed."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, IdempotencyKey, Info, change, create
from virtgraph_api.enums import NetworkType
from virtgraph_api.refusals import refusable
from virtgraph_api.written import Written, given


@strawberry.input(description="Addresses that the graph allocates from, and the options that guests are told.")
class DHCPInput:
    range: str = strawberry.field(description="First and last address: `10.0.0.10-10.0.0.99`.")
    nameservers: list[str] | None = strawberry.field(
        default=None, description="The name servers that guests are told of; IPv4."
    )
    gateway: str | None = strawberry.field(
        default=None, description="The router that guests are told of, an address of the subnet."
    )


@strawberry.input(description="A range of addresses in a network.")
class SubnetInput:
    cidr: str = strawberry.field(description="By the address of the network: `10.0.0.0/24`.")
    dhcp: DHCPInput | None = strawberry.field(
        default=None, description="For one IPv4 subnet of a network; in others each NIC is given its addresses."
    )

    def written(self) -> dict[str, Any]:
        dhcp = self.dhcp and given(range=self.dhcp.range, nameservers=self.dhcp.nameservers, gateway=self.dhcp.gateway)
        return given(cidr=self.cidr, dhcp=dhcp)


@strawberry.input(description="A new network.")
class CreateNetworkInput:
    name: str = strawberry.field(description="What people call it; unique among the networks of its stack.")
    id: strawberry.ID | None = strawberry.field(default=None, description="A UUID, where it must be this one.")
    stack: str = strawberry.field(default="default", description="The stack that has it; made where there is none.")
    type: NetworkType = strawberry.field(default=NetworkType.VLAN, description="VLAN needs `vlanId`, FLAT takes none.")
    vlan_id: int | None = strawberry.field(default=None, description="The tag, 1 to 4094; unique in its segment.")
    segment: str | None = strawberry.field(default=None, description="The trunk that carries it; left out: `default`.")
    mtu: int | None = strawberry.field(
        default=None, description="The largest packet, 576 to 9216 bytes; left out: 1500."
    )
    subnets: list[SubnetInput] | None = strawberry.field(default=None, description="Up to 64, which do not overlap.")

    def written(self) -> Written:
        resource = given(
            type=f"resource/network/{self.type.value}",
            id=self.id,
            name=self.name,
            parameters=given(vlan_id=self.vlan_id, segment=self.segment, mtu=self.mtu) or None,
            subnets=[subnet.written() for subnet in self.subnets] if self.subnets else None,
        )
        return Written(self.stack, resource)


@strawberry.type
class NetworkMutations:
    @strawberry.mutation(description="Store a network; hosts get its bridge when a VM needs it there.")
    @refusable
    async def create_network(
        self, info: Info, input: CreateNetworkInput, idempotency_key: IdempotencyKey = None
    ) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(description="Remove a network that no NIC is on.")
    @refusable
    async def delete_network(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The network's id.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "Network", id)
        edit = edits.delete_network(stack, id)
        return await change(info, stack, edit, id=id, input=id, idempotency_key=idempotency_key)
