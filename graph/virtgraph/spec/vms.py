"""VMs: `resource/vm/kvm`."""

from __future__ import annotations

from virtgraph.model.wanted import Attachment, Reference, VMWanted, WantedVM
from virtgraph.spec import scalars, units
from virtgraph.spec.declared import Declared, Relation
from virtgraph.spec.node import Node
from virtgraph.spec.shapes import Meaning

read_vcpus = scalars.whole(1, 512)
read_memory = units.size(most=16 << 40)


def read_vm(declared: Declared, host: Node | None) -> WantedVM:
    """`host`: the document's annotation that names one."""
    read = declared.read
    attachments = _attachments(declared)
    vm = WantedVM(
        path=declared.path,
        key=declared.key,
        name=declared.name,
        id=declared.id,
        owner=declared.owner,
        needs=declared.needs(),
        arch=read("arch", scalars.architecture, "x86_64"),
        vcpus=read("vcpus", read_vcpus, 1),
        memory=read("memory", read_memory, 512 << 20),
        vnc_password=read("vnc_password", scalars.password, None),
        kernel=read("kernel", scalars.absolute_path, None),
        initrd=read("initrd", scalars.absolute_path, None),
        cmdline=read("cmdline", scalars.command_line, None),
        state=VMWanted(declared.state or VMWanted.RUNNING),
        nics=tuple(r.reference for r in attachments if r.reference and r.target and not r.is_volume),
        volumes=tuple(_volume(r, r.reference) for r in attachments if r.reference and r.is_volume),
        attached=tuple(r.reference for r in attachments if r.reference and not r.target and not r.is_volume),
        host=host.value if host else None,
        host_path=host.path if host else None,
    )
    _check_kernel(declared)
    _check_boot_order(declared)
    return vm


def _attachments(declared: Declared) -> list[Relation]:
    return [r for r in declared.relations if r.meaning is Meaning.ATTACHMENT and r.reference]


def _volume(relation: Relation, reference: Reference) -> Attachment:
    return Attachment(reference, relation.boot_priority, relation.read_only)


def _check_kernel(declared: Declared) -> None:
    if "kernel" not in declared.fields:
        for field in ("initrd", "cmdline"):
            if field in declared.fields:
                declared.fields[field].refuse("is only for a VM with a kernel of its own: give kernel too")


def _check_boot_order(declared: Declared) -> None:
    first: dict[int, Relation] = {}
    for relation in _attachments(declared):
        if relation.boot is None or relation.boot_priority is None:
            continue
        earlier = first.setdefault(relation.boot_priority, relation)
        if earlier is not relation:
            relation.boot.refuse(f"{relation.boot_priority} is the boot priority at {earlier.node.path} already")
