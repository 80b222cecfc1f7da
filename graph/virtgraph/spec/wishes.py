"""Document → Wish: everything that a document asks for, or everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from virtgraph.model.wanted import Kind, Wanted, WantedVM, WantedVolume, Wish
from virtgraph.spec import scalars
from virtgraph.spec.consistency import check_consistency
from virtgraph.spec.cycles import check_cycles
from virtgraph.spec.declared import Declared
from virtgraph.spec.errors import Problems
from virtgraph.spec.loading import Document
from virtgraph.spec.networks import read_network
from virtgraph.spec.nics import read_nic
from virtgraph.spec.node import Node
from virtgraph.spec.outline import Outline
from virtgraph.spec.relations import follow
from virtgraph.spec.vms import read_vm
from virtgraph.spec.volumes import read_volume

VERSION = 0
TOP_FIELDS = ("version", "id", "created_at", "annotations", "spec")
SAME_HOST = "n0stack/scheduling/same_host"
HOST_ID = "n0stack/scheduling/host_id"

read_version = scalars.whole(VERSION, VERSION)


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What the annotations say about hosts."""

    same_host: bool = False
    host: Node | None = None  # id or name


def wish(document: Document, stack: str) -> Wish:
    """All that the document wants of this stack. Raises Invalid with every problem, each at its path."""
    problems = Problems()
    Node(stack, "stack", problems).read(scalars.name)
    fields = Node(document.tree, "", problems).fields(TOP_FIELDS)
    _check_version(fields, problems)
    scheduling = _scheduling(fields.get("annotations"))
    outline = Outline(problems)
    if "spec" in fields:
        outline.read(fields["spec"])
    else:
        problems.add("spec", "is missing")
    follow(outline)
    resources, unsound = _read(outline, scheduling)
    check_consistency(resources, unsound, problems)
    check_cycles(resources, problems)
    problems.settle()
    return Wish(stack, _with_hosts(resources, scheduling), same_host=scheduling.same_host)


def _check_version(fields: dict[str, Node], problems: Problems) -> None:
    if "version" in fields:
        fields["version"].read(read_version)
    else:
        problems.add("version", f"is missing: it must be {VERSION}")


def _scheduling(node: Node | None) -> Scheduling:
    if node is None:
        return Scheduling()
    fields = node.fields((SAME_HOST, HOST_ID), "annotation")
    same_host = fields[SAME_HOST].read(scalars.flag) if SAME_HOST in fields else None
    host = fields.get(HOST_ID)
    if host is not None and host.read(scalars.name) is None:
        host = None
    return Scheduling(bool(same_host), host)


def _read(outline: Outline, scheduling: Scheduling) -> tuple[dict[str, Wanted], set[str]]:
    """The resources by key, and the keys of those that had problems of their own."""
    resources: dict[str, Wanted] = {}
    unsound: set[str] = set()
    for declared in outline.declared:
        before = len(outline.problems)
        resources.setdefault(declared.key, _read_one(declared, scheduling))
        if len(outline.problems) > before:
            unsound.add(declared.key)
    return resources, unsound


def _read_one(declared: Declared, scheduling: Scheduling) -> Wanted:
    match declared.kind:
        case Kind.VM:
            return read_vm(declared, scheduling.host)
        case Kind.NIC:
            return read_nic(declared)
        case Kind.VOLUME:
            return read_volume(declared)
        case Kind.NETWORK:
            return read_network(declared)


def _with_hosts(resources: dict[str, Wanted], scheduling: Scheduling) -> dict[str, Wanted]:
    """A volume is where its VM is: only one without a VM is told its host by the document."""
    host = scheduling.host
    if host is None:
        return resources
    attached = {a.volume.key for vm in resources.values() if isinstance(vm, WantedVM) for a in vm.volumes}
    return {
        key: replace(wanted, host=host.value, host_path=host.path)
        if isinstance(wanted, WantedVolume) and key not in attached
        else wanted
        for key, wanted in resources.items()
    }
