"""NICs, made and removed by themselves."""

from __future__ import annotations

from typing import Annotated

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, IdempotencyKey, Info, change, create
from virtgraph_api.refusals import refusable
from virtgraph_api.written import KEY, Written, given, unnamed


@strawberry.input(description="A new NIC that no VM has yet.")
class CreateNICInput:
    network: strawberry.ID = strawberry.field(description="The id of the network that it is on.")
    id: strawberry.ID | None = strawberry.field(default=None, description="A UUID, where it must be this one.")
    name: str | None = strawberry.field(
        default=None, description="What people call it, unique among the NICs of its stack; left out: one is made."
    )
    stack: str = strawberry.field(default="default", description="The stack that has it; made where there is none.")
    ip_addresses: list[str] | None = strawberry.field(
        default=None, description="Its addresses; left out: one of the network's DHCP range."
    )
    hw_addr: str | None = strawberry.field(default=None, description="Its MAC address; left out: derived from the id.")

    def written(self) -> Written:
        resource = given(
            type="resource/nic",
            id=self.id,
            name=self.name or unnamed("nic", self.id),
            ip_addresses=self.ip_addresses,
            hw_addr=self.hw_addr,
        )
        written = Written(self.stack, resource)
        written.relate_network(resource, KEY, self.network, f"{KEY}.network")
        return written


@strawberry.type
class NICMutations:
    @strawberry.mutation(name="createNIC", description="Store a NIC with its MAC and address; a VM may have it later.")
    @refusable
    async def create_nic(
        self, info: Info, input: CreateNICInput, idempotency_key: IdempotencyKey = None
    ) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(name="deleteNIC", description="Remove a NIC; a VM that has it loses it while it runs.")
    @refusable
    async def delete_nic(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The NIC's id.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "NIC", id)
        return await change(info, stack, edits.delete_nic(stack, id), id=id, input=id, idempotency_key=idempotency_key)
