"""What two VMs cannot have both. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtgraph.apply.resolve import Resolved, Target
from virtgraph.model.current import Spec
from virtgraph.model.wanted import Kind, Problem, WantedVM


def shared(resolved: Resolved, specs: Mapping[str, Spec]) -> list[Problem]:
    """NICs and volumes that two VMs would have; volumes that nobody writes to may be shared."""
    problems = []
    uses: dict[str, list[tuple[str, bool]]] = {}  # by NIC or volume: VM, and whether it only reads
    for target in resolved.targets.values():
        if not isinstance(target.wanted, WantedVM):
            continue
        for id, path, read_only in used(target, target.wanted, specs[target.id]):
            users = uses.setdefault(id, users_before(id, resolved, specs))
            if other := next((vm for vm, reads in users if not (read_only and reads)), None):
                whose = "this VM already" if other == target.id else f"VM {label(other, resolved)}"
                problems.append(Problem(path, f"belongs to {whose}"))
            users.append((target.id, read_only))
    return problems


def used(target: Target, vm: WantedVM, spec: Spec) -> Iterator[tuple[str, str, bool]]:
    """NICs and volumes of a VM: id, path, and whether it only reads."""
    for nic, reference in zip(spec["nics"], vm.nics, strict=True):
        yield nic, reference.path, False
    for volume, attachment in zip(spec["volumes"], vm.volumes, strict=True):
        yield volume["id"], attachment.volume.path, volume["readOnly"]


def users_before(id: str, resolved: Resolved, specs: Mapping[str, Spec]) -> list[tuple[str, bool]]:
    """The VMs that have a NIC or volume now and of which the wish says nothing."""
    now = resolved.existing.get(id)
    if now is None:
        return []
    return [(vm, now.kind == Kind.VOLUME and vm not in now.writers) for vm in now.used_by if vm not in specs]


def label(vm: str, resolved: Resolved) -> str:
    known = resolved.existing.get(vm)
    return known.label if known else next((t.wanted.name or vm for t in resolved.targets.values() if t.id == vm), vm)
