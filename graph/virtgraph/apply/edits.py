"""Changes of single resources, as edits of their stack: each is given the stack's resources by id. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from virtgraph.apply.requests import Edit
from virtgraph.model.current import Existing, Spec
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.model.states import State
from virtgraph.model.wanted import UNCHANGED, Attachment, Kind, Reference, VMWanted, WantedVM, Wish
from virtgraph.spec.errors import invalid

Own: TypeAlias = Mapping[str, Existing]
Editing: TypeAlias = Callable[[Own], Edit]


def delete_vm(stack: str, id: str, volumes: bool) -> Editing:
    """The VM and the NICs that are its own; its volumes stay unless they are to go too."""

    def edit(own: Own) -> Edit:
        vm = found(own, Kind.VM, id)
        gone = [
            now for now in own.values() if now.kind == Kind.NIC and now.owner == vm.id and set(now.used_by) <= {vm.id}
        ]
        if volumes:
            gone += [own[v["id"]] for v in vm.spec["volumes"] if v["id"] in own and own[v["id"]].used_by == (vm.id,)]
        return Edit(nothing(stack), frozenset({vm.id}) | staying(gone))

    return edit


def delete_volume(stack: str, id: str) -> Editing:
    return lambda own: Edit(nothing(stack), frozenset({found(own, Kind.VOLUME, id).id}))


def delete_network(stack: str, id: str) -> Editing:
    return lambda own: Edit(nothing(stack), frozenset({found(own, Kind.NETWORK, id).id}))


def delete_nic(stack: str, id: str) -> Editing:
    """A NIC leaves its VM first."""

    def edit(own: Own) -> Edit:
        nic = found(own, Kind.NIC, id)
        wish = nothing(stack)
        for vm in nic.used_by:
            if vm not in own:
                raise Conflict(f"NIC {nic.label} belongs to a VM of another stack: detach it there first")
            kept = wanted_vm(own[vm])
            kept = replace(kept, nics=tuple(ref for ref in kept.nics if ref.id != id))
            wish = replace(wish, resources={**wish.resources, kept.key: kept})
        return Edit(wish, frozenset({nic.id}))

    return edit


def remove_stack(stack: str) -> Editing:
    return lambda own: Edit(nothing(stack), staying(own.values()), end_stack=True)


def attach_volume(stack: str, vm: str, volume: str, boot_priority: int | None, read_only: bool) -> Editing:
    """Attaching what is attached already changes how it is attached."""

    def edit(own: Own) -> Edit:
        kept = wanted_vm(found(own, Kind.VM, vm))
        attachment = Attachment(Reference("input.volume", id=volume), boot_priority, read_only)
        others = tuple(a for a in kept.volumes if a.volume.id != volume)
        check_boot_priority(boot_priority, others)
        changed = replace(kept, volumes=(*others, attachment))
        return Edit(replace(nothing(stack), resources={changed.key: changed}))

    return edit


def check_boot_priority(priority: int | None, others: Iterable[Attachment]) -> None:
    """The rules of documents, for a volume that comes to others."""
    if priority is not None and priority < 1:
        raise invalid("input.bootPriority", f"must be at least 1, not {priority}")
    if priority is not None and priority in (attachment.boot_priority for attachment in others):
        raise invalid("input.bootPriority", f"{priority} is the boot priority of another volume of this VM")


def found(own: Own, kind: Kind, id: str) -> Existing:
    now = own.get(id)
    if now is None or now.kind != kind:
        raise NotFound(kind, id)
    return now


def staying(some: Iterable[Existing]) -> frozenset[str]:
    """Those that are not being removed already."""
    return frozenset(now.id for now in some if now.state is not State.DELETING)


def nothing(stack: str) -> Wish:
    return Wish(stack, {})


def wanted_vm(now: Existing) -> WantedVM:
    """A VM as it is wanted now, to be changed in one respect."""
    spec: Spec = now.spec
    return WantedVM(
        path="input",
        key=now.key,
        name=now.name,
        id=now.id,
        arch=spec["arch"],
        vcpus=spec["vcpus"],
        memory=spec["memory"],
        vnc_password=UNCHANGED if spec["vncPassword"] else None,
        kernel=spec["kernel"],
        initrd=spec["initrd"],
        cmdline=spec["cmdline"],
        state=VMWanted(spec["state"]),
        nics=tuple(Reference("input", id=nic) for nic in spec["nics"]),
        volumes=tuple(
            Attachment(Reference("input", id=v["id"]), v["bootPriority"], v["readOnly"]) for v in spec["volumes"]
        ),
    )
