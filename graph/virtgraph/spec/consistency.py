"""What no two resources of one wish may have in common, and what a NIC's addresses must agree with.

Only what the wish itself shows: the store checks the same against everything that exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from virtgraph.model.wanted import (
    Address,
    NetworkType,
    Reference,
    Wanted,
    WantedNetwork,
    WantedNIC,
    WantedVM,
)
from virtgraph.spec.addresses import misplaced
from virtgraph.spec.errors import Problems, shown
from virtgraph.spec.paths import item, member


def check_consistency(resources: Mapping[str, Wanted], unsound: Collection[str], problems: Problems) -> None:
    """`unsound`: keys of what was refused already, against which nothing can be judged."""
    _check_vlans(resources, problems)
    _check_hardware_addresses(resources, problems)
    _check_addresses(resources, unsound, problems)
    _check_attachments(resources, problems)


def _identity(reference: Reference) -> tuple[str | None, str | None]:
    return reference.key, reference.id


def _nics(resources: Mapping[str, Wanted]) -> Iterator[tuple[WantedNIC, Reference]]:
    for resource in resources.values():
        if isinstance(resource, WantedNIC) and resource.network is not None:
            yield resource, resource.network


def _check_vlans(resources: Mapping[str, Wanted], problems: Problems) -> None:
    first: dict[tuple[str, int | None], WantedNetwork] = {}
    for network in resources.values():
        if not isinstance(network, WantedNetwork):
            continue
        if network.type is NetworkType.VLAN and network.vlan_id is None:
            continue  # refused already
        earlier = first.setdefault((network.segment, network.vlan_id), network)
        if earlier is network:
            continue
        taken = f"in segment {shown(network.segment)} by {earlier.path}"
        if network.vlan_id is None:
            problems.add(network.path, f"the untagged network is taken {taken}: a segment has one flat network")
        else:
            problems.add(f"{network.path}.parameters.vlan_id", f"{network.vlan_id} is taken {taken}")


def _check_hardware_addresses(resources: Mapping[str, Wanted], problems: Problems) -> None:
    first: dict[object, WantedNIC] = {}
    for nic, network in _nics(resources):
        if nic.hw_addr is None:
            continue
        earlier = first.setdefault((_identity(network), nic.hw_addr), nic)
        if earlier is not nic:
            problems.add(member(nic.path, "hw_addr"), f"{nic.hw_addr} is taken on this network by {earlier.path}")


def _check_addresses(resources: Mapping[str, Wanted], unsound: Collection[str], problems: Problems) -> None:
    first: dict[object, str] = {}
    for nic, reference in _nics(resources):
        network = resources.get(reference.key) if reference.key and reference.key not in unsound else None
        if nic.key in unsound:
            continue  # its addresses are not all there, so that their places are not known
        for i, address in enumerate(nic.ip_addresses or ()):
            path = item(member(nic.path, "ip_addresses"), i)
            earlier = first.setdefault((_identity(reference), address), path)
            if earlier != path:
                problems.add(path, f"{address} is taken on this network by {earlier}")
            elif isinstance(network, WantedNetwork) and (reason := _no_place(address, network)):
                problems.add(path, reason)


def _no_place(address: Address, network: WantedNetwork) -> str | None:
    if not network.subnets:
        return f"{address} is on a network that has no subnets"
    for subnet in network.subnets:
        if address in subnet.cidr:
            return misplaced(address, subnet.cidr)
    return f"{address} is outside {', '.join(str(subnet.cidr) for subnet in network.subnets)}"


def _check_attachments(resources: Mapping[str, Wanted], problems: Problems) -> None:
    """A NIC or volume is of one VM; VMs may share a volume that none of them writes to."""
    uses: dict[object, list[_Use]] = {}
    for vm in resources.values():
        if isinstance(vm, WantedVM):
            for use in _uses(vm):
                uses.setdefault(_identity(use.reference), []).append(use)
    for first, *others in uses.values():
        shareable = first.read_only and all(use.read_only for use in others)
        users = {first.vm}
        for use in others:
            if use.vm in users:
                problems.add(use.reference.path, "is attached to this VM already")
            elif not shareable:
                reason = "only a volume that is read_only on all its VMs can be shared"
                problems.add(use.reference.path, f"is attached to {first.vm} too: {reason}")
            users.add(use.vm)


@dataclass(frozen=True, slots=True)
class _Use:
    vm: str  # its path
    reference: Reference
    read_only: bool = False


def _uses(vm: WantedVM) -> Iterator[_Use]:
    for reference in (*vm.nics, *vm.attached):
        yield _Use(vm.path, reference)
    for attachment in vm.volumes:
        yield _Use(vm.path, attachment.volume, attachment.read_only)
