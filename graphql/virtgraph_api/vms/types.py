"""VMs: (vm)-[:HAS_NIC]->(nic), (vm)-[:ATTACHES]->(volume), (vm)-[:PLACED_ON]->(host)."""

from __future__ import annotations

import strawberry

from virtgraph_api.owned import Owned
from virtgraph_api.references import LazyHost, LazyNIC, LazyVolume
from virtgraph_api.scalars import Size


@strawberry.type(description="How a volume is attached to a VM.")
class Attachment:
    boot_priority: int | None = strawberry.field(
        description="1 is tried first; null is not booted from, unless no volume of the VM has one."
    )
    bus: str = strawberry.field(description="The kind of disk that the guest sees.")
    read_only: bool = strawberry.field(description="Whether the guest cannot write to it.")
    volume: LazyVolume | None = strawberry.field(description="The volume.")


@strawberry.type(description="A virtual machine.")
class VM(Owned):
    arch: str = strawberry.field(description="The CPU architecture, such as x86_64.")
    vcpus: int = strawberry.field(description="How many CPUs the guest sees.")
    memory: Size = strawberry.field(description="The guest's memory.")
    kernel: str | None = strawberry.field(description="A kernel on the host that is booted instead of a volume.")
    initrd: str | None = strawberry.field(description="The initial RAM disk that goes with the kernel.")
    cmdline: str | None = strawberry.field(description="The kernel's command line.")
    has_vnc_password: bool = strawberry.field(description="Whether its console asks for a password.")
    power: str | None = strawberry.field(description="The power state that was seen on the host.")
    vnc_port: int | None = strawberry.field(description="The port of its console on the host.")
    acceleration: str | None = strawberry.field(description="kvm, or qemu where the host cannot do that.")
    pending_restart: bool | None = strawberry.field(description="Whether a change waits for the next start.")
    nics: list[LazyNIC] = strawberry.field(description="Its network interfaces, in the order of the guest's slots.")
    attachments: list[Attachment] = strawberry.field(description="Its volumes, with how they are attached.")
    volumes: list[LazyVolume] = strawberry.field(description="Its volumes, in the order of the guest's disks.")
    host: LazyHost | None = strawberry.field(description="Where it runs; null until it is placed.")
