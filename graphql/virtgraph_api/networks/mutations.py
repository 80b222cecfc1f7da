"""Networks, made and removed."""

from __future__ import annotations

from typing import Any

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, Info, change, create
from virtgraph_api.enums import NetworkType
from virtgraph_api.refusals import refusable
from virtgraph_api.written import Written, given


@strawberry.input(description="Addresses that the graph allocates from, and the options that guests are told.")
class DHCPInput:
    range: str = strawberry.field(description="First and last address: `10.0.0.10-10.0.0.99`.")
    nameservers: list[str] | None = None
    gateway: str | None = None


@strawberry.input
class SubnetInput:
    cidr: str
    dhcp: DHCPInput | None = None

    def written(self) -> dict[str, Any]:
        dhcp = self.dhcp and given(range=self.dhcp.range, nameservers=self.dhcp.nameservers, gateway=self.dhcp.gateway)
        return given(cidr=self.cidr, dhcp=dhcp)


@strawberry.input
class CreateNetworkInput:
    name: str
    id: strawberry.ID | None = None
    stack: str = "default"
    type: NetworkType = NetworkType.VLAN
    vlan_id: int | None = None
    segment: str | None = None
    mtu: int | None = None
    subnets: list[SubnetInput] | None = None

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
        self, info: Info, input: CreateNetworkInput, idempotency_key: str | None = None
    ) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(description="Remove a network that no NIC is on.")
    @refusable
    async def delete_network(self, info: Info, id: strawberry.ID, idempotency_key: str | None = None) -> ChangeResult:
        stack = await stack_of(info.context.graph, "Network", id)
        edit = edits.delete_network(stack, id)
        return await change(info, stack, edit, id=id, input=id, idempotency_key=idempotency_key)
