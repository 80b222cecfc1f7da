"""VMs, made with what is theirs, and removed."""

from __future__ import annotations

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, Info, change, create
from virtgraph_api.enums import VMWanted
from virtgraph_api.refusals import refusable
from virtgraph_api.volumes.mutations import SourceInput
from virtgraph_api.written import ATTACHMENTS, KEY, Written, given


@strawberry.input(description="A NIC of this VM: a new one on a network, or one that exists (`id` alone).")
class VMNICInput:
    id: strawberry.ID | None = None
    network: strawberry.ID | None = None
    name: str | None = None
    ip_addresses: list[str] | None = None
    hw_addr: str | None = None


@strawberry.input(description="A volume of this VM: a new one, or one that exists (`id` alone).")
class VMVolumeInput:
    id: strawberry.ID | None = None
    name: str | None = None
    size: str | None = None
    source: SourceInput | None = None
    boot_priority: int | None = strawberry.field(default=None, description="1 is tried first.")
    read_only: bool = False


@strawberry.input
class CreateVMInput:
    name: str
    id: strawberry.ID | None = None
    stack: str = "default"
    host: str | None = strawberry.field(default=None, description="Id or name; left out: the least loaded that fits.")
    arch: str | None = None
    vcpus: int | None = None
    memory: str | None = strawberry.field(default=None, description="As `4gb`.")
    vnc_password: str | None = None
    kernel: str | None = strawberry.field(default=None, description="An absolute path on the host.")
    initrd: str | None = None
    cmdline: str | None = None
    state: VMWanted = VMWanted.RUNNING
    nics: list[VMNICInput] | None = None
    volumes: list[VMVolumeInput] | None = None

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
    async def create_vm(self, info: Info, input: CreateVMInput, idempotency_key: str | None = None) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(
        name="deleteVM", description="Remove a VM with the NICs that are its own. Its volumes stay unless asked for."
    )
    @refusable
    async def delete_vm(
        self, info: Info, id: strawberry.ID, volumes: bool = False, idempotency_key: str | None = None
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "VM", id)
        edit = edits.delete_vm(stack, id, volumes)
        return await change(info, stack, edit, id=id, input=[id, volumes], idempotency_key=idempotency_key)
