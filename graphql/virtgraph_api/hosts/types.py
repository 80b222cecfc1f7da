"""Hosts: (vm)-[:PLACED_ON]->(host)<-[:ON]-(pool)."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.node import Resource
from virtgraph_api.references import LazyBinding, LazyOperation, LazyPool, LazyRun, LazyVM
from virtgraph_api.scalars import DateTime, Size


@strawberry.type(description="A machine with libvirt.")
class Host(Resource):
    name: str = strawberry.field(description="Its name, unique among hosts.")
    task: str | None = strawberry.field(description="What an operation does with it now; null where none does.")
    address: str | None = strawberry.field(description="Where ssh finds it.")
    user: str | None = strawberry.field(description="The user that ssh logs in as.")
    port: int | None = strawberry.field(description="The port of its ssh server.")
    local: bool = strawberry.field(description="Whether it is the machine that the service runs on.")
    key_file: str | None = strawberry.field(description="The private key for it, a path on the service's machine.")
    host_key: str | None = strawberry.field(description="The ssh host key that was pinned when it was added.")
    slots: int = strawberry.field(description="How many runs it takes at once.")
    labels: list[str] = strawberry.field(description="Words to choose it by, `key=value`.")
    uplink_interface: str | None = strawberry.field(description="The interface that carries the networks.")
    uplink_driver: str | None = strawberry.field(description="How networks are put on it.")
    segment: str | None = strawberry.field(description="The trunk that the uplink is connected to.")
    cpu_ratio: float = strawberry.field(description="Virtual CPUs that may be placed per CPU.")
    memory_ratio: float = strawberry.field(description="Memory that may be placed per memory.")
    disk_ratio: float = strawberry.field(description="Disk that may be placed per disk.")
    cpus: int | None = strawberry.field(description="Its CPUs; null until it was probed.")
    memory: Size | None = strawberry.field(description="Its memory; null until it was probed.")
    disk: Size | None = strawberry.field(description="The size of its pool; null until it was probed.")
    cpu_capacity: int | None = strawberry.field(description="The virtual CPUs that may be placed on it.")
    memory_capacity: Size | None = strawberry.field(description="The memory that may be placed on it.")
    disk_capacity: Size | None = strawberry.field(description="The disk that may be placed on it.")
    reserved_vcpus: int = strawberry.field(description="The virtual CPUs that are placed on it.")
    reserved_memory: Size = strawberry.field(description="The memory that is placed on it.")
    reserved_disk: Size = strawberry.field(description="The disk that is placed on it.")
    libvirt_version: str | None = strawberry.field(description="The version of libvirt that answered.")
    qemu_version: str | None = strawberry.field(description="The version of qemu.")
    acceleration: str | None = strawberry.field(description="kvm, or qemu where that does not work.")
    host_uuid: str | None = strawberry.field(description="What libvirt calls the machine.")
    kernel: str | None = strawberry.field(description="The version of its kernel.")
    error: str | None = strawberry.field(description="Why it cannot be used, in words.")
    seen_at: DateTime | None = strawberry.field(description="When it last answered.")
    updated_at: DateTime | None = strawberry.field(description="When it last changed.")
    vms: Connection[LazyVM] = pages("The VMs that are placed on it, by name.")
    pools: list[LazyPool] = strawberry.field(description="Where its volumes lie.")
    bindings: Connection[LazyBinding] = pages("What is on it, as far as it was seen.")
    runs: Connection[LazyRun] = pages("What was run on it, the latest first.")
    operation: LazyOperation | None = strawberry.field(description="The latest operation on the host itself.")
