"""Hosts, added and removed."""

from __future__ import annotations

import asyncio
from typing import Annotated

import strawberry

from virtgraph import fleet
from virtgraph.model.states import OperationState
from virtgraph.new_host import POOL_PATH, NewHost
from virtgraph.store.graph import Graph
from virtgraph_api.changes import IdempotencyKey, Info, asked
from virtgraph_api.hosts.types import Host
from virtgraph_api.reading import read
from virtgraph_api.refusals import Conflict, Forbidden, Invalid, NotFound, refusable
from virtgraph_api.scalars import Size

PROBE_PATIENCE = 30.0  # seconds


@strawberry.input(
    description="A host. One that is there gets what is given and the defaults of the rest, but for hostKey and poolPath."
)
class AddHostInput:
    name: str = strawberry.field(description="What people call it; unique among hosts.")
    id: strawberry.ID | None = strawberry.field(default=None, description="A UUID, where it must be this one.")
    address: str | None = strawberry.field(
        default=None, description="Name or address that ssh reaches; may be left out only with `local`."
    )
    user: str = strawberry.field(default="root", description="The user that ssh logs in as.")
    port: int = strawberry.field(default=22, description="The port of its ssh server.")
    key_file: str | None = strawberry.field(default=None, description="Private key, a path on the service's machine.")
    host_key: str | None = strawberry.field(
        default=None, description="`ssh-ed25519 AAAA…`; left out: the one that the host shows now is pinned."
    )
    local: bool = strawberry.field(default=False, description="The service's own machine, without ssh.")
    slots: int = strawberry.field(default=2, description="How many runs it takes at once, 1 to 32.")
    uplink_interface: str | None = strawberry.field(
        default=None, description="Interface or OVS bridge on the trunk; it must not carry the host's own address."
    )
    uplink_driver: str | None = strawberry.field(default=None, description="ovs, 8021q or none; left out: probed.")
    segment: str = strawberry.field(default="default", description="The trunk that the uplink is plugged into.")
    labels: list[str] | None = strawberry.field(default=None, description="Words to choose it by, `key=value`.")
    cpu_ratio: float = strawberry.field(default=16.0, description="Virtual CPUs that may be placed per CPU.")
    memory_ratio: float = strawberry.field(default=1.0, description="Memory that may be placed per memory.")
    disk_ratio: float = strawberry.field(default=2.0, description="Disk that may be placed per disk.")
    cpus: int | None = strawberry.field(default=None, description="Its CPUs, in place of what is probed.")
    memory: Size | None = strawberry.field(default=None, description="Its memory, in place of what is probed.")
    disk: Size | None = strawberry.field(default=None, description="The size of its pool, in place of what is probed.")
    pool_path: str | None = strawberry.field(
        default=None, description=f"Where its volumes lie; left out: as it is, or {POOL_PATH} for a new host."
    )
    acceleration: str | None = strawberry.field(default=None, description="kvm or qemu; left out: probed.")

    def to_model(self) -> NewHost:
        return NewHost(
            name=self.name,
            id=self.id,
            address=self.address,
            user=self.user,
            port=self.port,
            key_file=self.key_file,
            host_key=self.host_key,
            local=self.local,
            slots=self.slots,
            uplink_interface=self.uplink_interface,
            uplink_driver=self.uplink_driver,
            segment=self.segment,
            labels=tuple(self.labels or ()),
            cpu_ratio=self.cpu_ratio,
            memory_ratio=self.memory_ratio,
            disk_ratio=self.disk_ratio,
            cpus=self.cpus,
            memory=self.memory,
            disk=self.disk,
            pool_path=self.pool_path,
            acceleration=self.acceleration,
        )


@strawberry.type(description="The host is stored, its ssh host key pinned, and it has been probed or says why not.")
class AddedHost:
    host_id: strawberry.Private[str]
    host_key: str | None = strawberry.field(description="The pinned key: compare it with the host's own.")

    @strawberry.field(description="The host as it is now; null if it was removed since.")
    async def host(self, info: Info) -> Host | None:
        return await read(info, id=self.host_id)


@strawberry.type(description="The host is no longer known; what is on it stays as it is.")
class RemovedHost:
    id: strawberry.ID = strawberry.field(description="The id that it had.")


AddHostResult = Annotated[
    AddedHost | Invalid | Conflict | Forbidden,
    strawberry.union("AddHostResult", description="The host, or why it was not stored."),
]
RemoveHostResult = Annotated[
    RemovedHost | Invalid | Conflict | NotFound | Forbidden,
    strawberry.union("RemoveHostResult", description="The host that is gone, or why it stays."),
]


@strawberry.type
class HostMutations:
    @strawberry.mutation(description="Add a host, pin its key, probe it; the same host again: change what differs.")
    @refusable
    async def add_host(self, info: Info, input: AddHostInput, idempotency_key: IdempotencyKey = None) -> AddHostResult:
        context = info.context
        request = asked(info, input, idempotency_key)
        added = await fleet.add_host(context.graph, input.to_model(), context.caller, request)
        context.nudge()
        await probed(context.graph, added.operation)
        return AddedHost(host_id=added.id, host_key=added.host_key)

    @strawberry.mutation(description="Forget a host. Refused while something is placed there.")
    @refusable
    async def remove_host(
        self,
        info: Info,
        host: Annotated[str, strawberry.argument(description="Its id or name.")],
        idempotency_key: IdempotencyKey = None,
    ) -> RemoveHostResult:
        context = info.context
        removed = await fleet.remove_host(context.graph, host, context.caller, asked(info, host, idempotency_key))
        return RemovedHost(id=strawberry.ID(removed))


async def probed(graph: Graph, operation: str) -> None:
    """Wait until the probe is over, or has failed once; not for long."""
    try:
        async with asyncio.timeout(PROBE_PATIENCE):
            while not await is_over(graph, operation):
                await asyncio.sleep(0.1)
    except TimeoutError:
        return


async def is_over(graph: Graph, operation: str) -> bool:
    rows = await graph.read("MATCH (o:Operation {id: $id}) RETURN o.state AS state, o.error AS error", id=operation)
    busy = (OperationState.PENDING, OperationState.RUNNING)
    return not rows or rows[0]["state"] not in busy or rows[0]["error"] is not None
