"""VMs, made with what is theirs, and removed."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import argument

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, IdempotencyKey, Info, change, create
from virtgraph_api.enums import VMWanted
from virtgraph_api.refusals import refusable
from virtgraph_api.volumes.mutations import SourceInput
from virtgraph_api.written import ATTACHMENTS, KEY, Written, given


@strawberry.input(description="A NIC of this VM: a new one on a network, or one that exists (`id` alone).")
class VMNICInput:
    id: strawberry.ID | None = strawberry.field(
        default=None, description="Of the one that exists; or, with `network`, a UUID for the new one."
    )
    network: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the network that a new one is on."
    )
    name: str | None = strawberry.field(default=None, description="What people call a new one.")
    ip_addresses: list[str] | None = strawberry.field(
        default=None, description="The addresses of a new one; left out: one of the network's DHCP range."
    )
    hw_addr: str | None = strawberry.field(
        default=None, description="The MAC address of a new one; left out: derived from its id."
    )


@strawberry.input(description="A volume of this VM: a new one, or one that exists (`id` alone).")
class VMVolumeInput:
    id: strawberry.ID | None = strawberry.field(
        default=None, description="Of the one that exists; or, with a size or source, a UUID for the new one."
    )
    name: str | None = strawberry.field(default=None, description="What people call a new one.")
    size: str | None = strawberry.field(
        default=None, description="Of a new one, as `10gb`; left out: that of its source."
    )
    source: SourceInput | None = strawberry.field(
        default=None, description="What a new one starts as a clone of; left out: it is empty."
    )
    boot_priority: int | None = strawberry.field(
        default=None, description="1 is tried first; left out: not booted from, unless no volume of the VM has one."
    )
    read_only: bool = strawberry.field(
        default=False, description="Whether the guest cannot write to it; only so can VMs share it."
    )


@strawberry.input(description="A new VM, with its NICs and volumes.")
class CreateVMInput:
    name: str = strawberry.field(description="What people call it; unique among the VMs of its stack.")
    id: strawberry.ID | None = strawberry.field(default=None, description="A UUID, where it must be this one.")
    stack: str = strawberry.field(default="default", description="The stack that has it; made where there is none.")
    host: str | None = strawberry.field(default=None, description="Id or name; left out: the least loaded that fits.")
    arch: str | None = strawberry.field(default=None, description="`x86_64`, also called `amd64`; left out: that.")
    vcpus: int | None = strawberry.field(
        default=None, description="How many CPUs the guest sees, 1 to 512; left out: 1."
    )
    memory: str | None = strawberry.field(default=None, description="As `4gb`; left out: 512mb.")
    vnc_password: str | None = strawberry.field(
        default=None, description="1 to 8 characters of printable ASCII; left out: it has no VNC."
    )
    kernel: str | None = strawberry.field(
        default=None, description="An absolute path on the host, booted in place of a volume."
    )
    initrd: str | None = strawberry.field(
        default=None, description="The initial RAM disk of `kernel`, an absolute path on the host."
    )
    cmdline: str | None = strawberry.field(default=None, description="The command line of `kernel`.")
    state: VMWanted = strawberry.field(default=VMWanted.RUNNING, description="Whether it runs once it is made.")
    nics: list[VMNICInput] | None = strawberry.field(default=None, description="In the order of the guest's slots.")
    volumes: list[VMVolumeInput] | None = strawberry.field(
        default=None, description="In the order of the guest's disks, up to 26."
    )

    def written(self) -> Written:
        resource = given(
            type="resource/vm/kvm", id=self.id, name=self.name, status=self.state.value, arch=self.arch,
            vcpus=self.vcpus, memory=self.memory, vnc_password=self.vnc_password, kernel=self.kernel,
            initrd=self.initrd, cmdline=self.cmdline,
        )  # fmt: skip
        written = Written(self.stack, resource, host=self.host)
        for number, nic in enumerate(self.nics or ()):
            write_nic(written, nic, f"{KEY}.nics[{number}]")
        for number, volume in enumerate(self.volumes or ()):
            write_volume(written, volume, f"{KEY}.volumes[{number}]")
        return written


def write_nic(written: Written, nic: VMNICInput, place: str) -> None:
    own = given(name=nic.name, ip_addresses=nic.ip_addresses, hw_addr=nic.hw_addr)
    if nic.network is not None:
        object = {"type": "resource/nic", **given(id=nic.id), **own}
        path = written.relate(written.resource, KEY, object, place, r=ATTACHMENTS)
        written.relate_network(object, path, nic.network, f"{place}.network")
    elif nic.id is not None and not own:
        written.relate(written.resource, KEY, {"id": nic.id}, place, r=ATTACHMENTS)
    else:
        written.refuse(place, "give the network of a new NIC, or nothing but the id of one that exists")


def write_volume(written: Written, volume: VMVolumeInput, place: str) -> None:
    own = given(name=volume.name, size=volume.size, source=volume.source and volume.source.written())
    if volume.id is None and not own:
        written.refuse(place, "give the size or source of a new volume, or the id of one that exists")
        return
    kind = {"type": "resource/volume/file"} if own else {}
    written.relate(
        written.resource,
        KEY,
        {**kind, **given(id=volume.id), **own},
        place,
        r=ATTACHMENTS,
        **{
            "n0stack/n0core/vm/boot_priority": volume.boot_priority,
            "n0stack/n0core/vm/read_only": volume.read_only or None,
        },
    )


@strawberry.type
class VMMutations:
    @strawberry.mutation(name="createVM", description="Store a VM with its NICs and volumes, and make it on its host.")
    @refusable
    async def create_vm(self, info: Info, input: CreateVMInput, idempotency_key: IdempotencyKey = None) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(
        name="deleteVM", description="Remove a VM with the NICs that are its own. Its volumes stay unless asked for."
    )
    @refusable
    async def delete_vm(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The VM's id.")],
        volumes: Annotated[
            bool, argument(description="Whether its volumes go too, but for those that other VMs use.")
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "VM", id)
        edit = edits.delete_vm(stack, id, volumes)
        return await change(info, stack, edit, id=id, input=[id, volumes], idempotency_key=idempotency_key)
