"""What a run on a host is told to have made, as a wish: where it was, with what the graph knows and Ansible does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from virtgraph.model.current import Existing, Spec
from virtgraph.model.wanted import (
    Address,
    Problem,
    Reference,
    Source,
    Unchanged,
    Wanted,
    WantedDHCP,
    WantedNetwork,
    WantedNIC,
    WantedSubnet,
    WantedVM,
    WantedVolume,
    Wish,
)
from virtgraph.spec import Invalid

UNKNOWN_PASSWORD = "the service does not know it and would take VNC away: apply the VM with it to the service once"


@dataclass(frozen=True, slots=True)
class Served:
    """By whom a network's addresses are served: the host by its id or name, and the server's own addresses."""

    path: str
    network: str
    host: str
    address: Address
    mac: str


@dataclass(frozen=True, slots=True)
class Part:
    """Of what was told, what is to be stored; `refused`: why the rest is not."""

    wish: Wish
    refused: tuple[Problem, ...] = ()

    def without(self, problems: Sequence[Problem]) -> Part | None:
        """Without the entries of the document that these are about. None where that is all, or not to be told."""
        entries = {entry(problem, self.wish) for problem in problems}
        resources = self.wish.resources
        gone = {key: wanted for key, wanted in resources.items() if any(within(wanted.path, one) for one in entries)}
        if "" in entries or len(gone) == len(resources):
            return None
        rest = {key: by_id(wanted, gone) for key, wanted in resources.items() if key not in gone}
        return Part(replace(self.wish, resources=rest), (*self.refused, *problems))


def entry(problem: Problem, wish: Wish) -> str:
    """The path of the resource that is not inline and that a problem is about; empty where there is none."""
    paths = [
        wanted.path
        for wanted in wish.resources.values()
        if within(problem.path, wanted.path)
        or (isinstance(wanted, WantedNetwork) and wanted.host_path and within(problem.path, wanted.host_path))
    ]
    return min(paths, key=len, default="")


def within(path: str, other: str) -> bool:
    return path == other or path.startswith((f"{other}.", f"{other}["))


def by_id(wanted: Wanted, gone: Mapping[str, Wanted]) -> Wanted:
    """What is not stored may be in the graph from before; a reference to what is not is refused then."""

    def known(reference: Reference) -> Reference:
        other = gone.get(reference.key or "")
        return Reference(reference.path, id=other.id or other.key) if other else reference

    wanted = replace(wanted, needs=tuple(map(known, wanted.needs)))
    if isinstance(wanted, WantedNIC):
        return replace(wanted, network=known(wanted.network) if wanted.network else None)
    if isinstance(wanted, WantedVM):
        volumes = tuple(replace(attached, volume=known(attached.volume)) for attached in wanted.volumes)
        return replace(wanted, nics=tuple(map(known, wanted.nics)), volumes=volumes)
    return wanted


def on_host(wish: Wish, host: str) -> Wish:
    """All of it is where the run was."""
    placed = {
        key: replace(wanted, host=host, host_path=None) if isinstance(wanted, WantedVM | WantedVolume) else wanted
        for key, wanted in wish.resources.items()
    }
    return replace(wish, resources=placed)


def with_servers(wish: Wish, served: Sequence[Served]) -> Wish:
    """Networks are served where they were."""
    by_network = {one.network: one for one in served}

    def given(wanted: Wanted) -> Wanted:
        one = by_network.get(wanted.id or "")
        if one is None or not isinstance(wanted, WantedNetwork):
            return wanted
        subnets = tuple(
            replace(subnet, dhcp=replace(subnet.dhcp, server=one.address, mac=one.mac)) if subnet.dhcp else subnet
            for subnet in wanted.subnets
        )
        return replace(wanted, subnets=subnets, host=one.host, host_path=f"{one.path}.host")

    return replace(wish, resources={key: given(wanted) for key, wanted in wish.resources.items()})


def as_known(wish: Wish, own: Mapping[str, Existing], images: Path) -> Wish:
    """With what the graph has and the role cannot tell. Raises Invalid for VMs with a password that it does not have."""
    unknown = [
        Problem(f"{wanted.path}.vnc_password", UNKNOWN_PASSWORD)
        for wanted in wish.resources.values()
        if isinstance(wanted, WantedVM) and isinstance(wanted.vnc_password, Unchanged) and not has_password(wanted, own)
    ]
    if unknown:
        raise Invalid(tuple(unknown))

    def known(wanted: Wanted) -> Wanted:
        now = own.get(wanted.id or "")
        if now is None or now.kind != wanted.kind:
            return wanted
        if isinstance(wanted, WantedNetwork):
            return replace(wanted, subnets=with_stored(wanted, now.spec["subnets"]))
        if isinstance(wanted, WantedVolume) and wanted.source and is_same(wanted.source, now.spec["source"], images):
            return replace(wanted, source=None)  # as it is
        return wanted

    return replace(wish, resources={key: known(wanted) for key, wanted in wish.resources.items()})


def has_password(vm: WantedVM, own: Mapping[str, Existing]) -> bool:
    now = own.get(vm.id or "")
    return now is not None and bool(now.spec.get("vncPassword"))


def with_stored(network: WantedNetwork, stored: Sequence[Spec]) -> tuple[WantedSubnet, ...]:
    """The role knows one subnet of a network; that it tells of no other one does not mean that there is none."""
    told = {str(subnet.cidr): subnet for subnet in network.subnets}
    if told.keys() - {subnet["cidr"] for subnet in stored}:
        return network.subnets
    return tuple(told.get(subnet["cidr"]) or stored_subnet(subnet, network.path) for subnet in stored)


def stored_subnet(spec: Spec, path: str) -> WantedSubnet:
    dhcp = None
    if spec["first"]:
        dhcp = WantedDHCP(
            ip_address(spec["first"]),
            ip_address(spec["last"]),
            tuple(ip_address(one) for one in spec["nameservers"]),
            ip_address(spec["gateway"]) if spec["gateway"] else None,
        )
    return WantedSubnet(f"{path}.subnets", ip_network(spec["cidr"]), dhcp)


def is_same(told: Source, stored: Spec | None, images: Path) -> bool:
    """As far as one can know: without a hash, that of a volume that was made from a file is not known."""
    if told.sha256 is None:
        return True
    if stored is None:
        return False
    return told.sha256 == stored["sha256"] or (stored["sha256"] is None and images / stored["file"] == Path(told.file))
