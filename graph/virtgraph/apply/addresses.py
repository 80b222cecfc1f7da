"""Subnets, addresses and MACs for the NICs of a wish. Pure: what is taken is brought by the caller, under lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from virtgraph.allocate import SubnetNow, mac_of, server_address, server_mac
from virtgraph.apply.resolve import Resolved, Target
from virtgraph.model.current import Existing
from virtgraph.model.wanted import Address, Problem, Wanted, WantedNetwork, WantedNIC, WantedSubnet
from virtgraph.spec.addresses import misplaced

SpecDict = dict[str, Any]
Taken = Mapping[str, Mapping[str, str]]  # subnet's id → address → NIC's id


@dataclass(slots=True)
class Allocated:
    """By network's id its subnets; by NIC's id its addresses and MAC."""

    subnets: dict[str, list[SubnetNow]] = field(default_factory=dict)
    addresses: dict[str, list[Address]] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def networks_in_use(resolved: Resolved) -> dict[str, Target | Existing]:
    """Every network that the wish names or that one of its NICs is on, by id."""
    networks: dict[str, Target | Existing] = {
        target.id: target for target in resolved.targets.values() if isinstance(target.wanted, WantedNetwork)
    }
    for target in resolved.targets.values():
        if isinstance(target.wanted, WantedNIC) and target.wanted.network is not None:
            id = resolved.id_of(target.wanted.network)
            if id not in networks:
                networks[id] = resolved.existing[id]
    return networks


def subnets_of(
    network: Target | Existing, taken: Taken, asked: Collection[Address], new_id: Callable[[], str]
) -> list[SubnetNow]:
    """A network's subnets as they will be. One that was there keeps its id and its server's address."""
    if isinstance(network, Existing):
        return [stored_subnet(spec, taken) for spec in network.spec["subnets"]]
    assert isinstance(network.wanted, WantedNetwork)
    before = {spec["cidr"]: spec for spec in (network.now.spec["subnets"] if network.now else [])}
    return [wanted_subnet(s, before.get(str(s.cidr)), taken, asked, new_id) for s in network.wanted.subnets]


def stored_subnet(spec: Mapping[str, Any], taken: Taken) -> SubnetNow:
    return SubnetNow(
        id=spec["id"],
        cidr=ip_network(spec["cidr"]),
        first=optional(spec["first"]),
        last=optional(spec["last"]),
        gateway=optional(spec["gateway"]),
        nameservers=tuple(ip_address(text) for text in spec["nameservers"]),
        server=optional(spec["server"]),
        mac=spec["mac"],
        taken={ip_address(ip): nic for ip, nic in taken.get(spec["id"], {}).items()},
    )


def wanted_subnet(
    wanted: WantedSubnet,
    before: Mapping[str, Any] | None,
    taken: Taken,
    asked: Collection[Address],
    new_id: Callable[[], str],
) -> SubnetNow:
    """`asked`: addresses that NICs of the wish ask for, which its server therefore leaves to them."""
    id = before["id"] if before else new_id()
    held = {ip_address(ip): nic for ip, nic in taken.get(id, {}).items()}
    dhcp = wanted.dhcp
    server, mac = (optional(before["server"]), before["mac"]) if before and dhcp else (None, None)
    if dhcp is not None and dhcp.server is not None:
        server, mac = dhcp.server, dhcp.mac
    elif dhcp is not None and (server is None or server in (dhcp.gateway, *dhcp.nameservers)):
        server = server_address(wanted, {*held, *asked})
    return SubnetNow(
        id=id,
        cidr=wanted.cidr,
        first=dhcp.first if dhcp else None,
        last=dhcp.last if dhcp else None,
        gateway=dhcp.gateway if dhcp else None,
        nameservers=dhcp.nameservers if dhcp else (),
        server=server,
        mac=(mac or server_mac(id)) if server else None,
        taken=held,
    )


def subnet_spec(subnet: SubnetNow) -> SpecDict:
    def text(address: Address | None) -> str | None:
        return None if address is None else str(address)

    return {
        "id": subnet.id,
        "cidr": str(subnet.cidr),
        "first": text(subnet.first),
        "last": text(subnet.last),
        "gateway": text(subnet.gateway),
        "nameservers": [str(address) for address in subnet.nameservers],
        "server": text(subnet.server),
        "mac": subnet.mac,
    }


def allocate(resolved: Resolved, taken: Taken, new_id: Callable[[], str]) -> Allocated:
    """Addresses: those that were asked for first, then the next free ones. Problems by the caller's paths."""
    result = Allocated()
    nics = [t for t in resolved.targets.values() if isinstance(t.wanted, WantedNIC)]
    asked = {address for t in nics for address in getattr(t.wanted, "ip_addresses", None) or ()}
    for id, network in networks_in_use(resolved).items():
        result.subnets[id] = subnets_of(network, taken, asked, new_id)
        if isinstance(network, Target):
            result.problems += misplaced_servers(network.wanted, result.subnets[id])
    for target in nics:
        release(target, result, resolved)
    for target in nics:
        keep_or_ask(target, result, resolved)
    for target in nics:
        if target.id not in result.addresses:
            give_next(target, result, resolved)
    return result


def misplaced_servers(wanted: Wanted, subnets: Sequence[SubnetNow]) -> Iterator[Problem]:
    """Servers' own addresses that were asked for, and are somebody else's."""
    assert isinstance(wanted, WantedNetwork)
    for asked, subnet in zip(wanted.subnets, subnets, strict=True):
        server = asked.dhcp.server if asked.dhcp else None
        if server is None:
            continue
        reason = misplaced(server, subnet.cidr)
        if server in (subnet.gateway, *subnet.nameservers):
            reason = f"{server} is the address of its gateway or of a nameserver"
        if nic := subnet.taken.get(server):
            reason = f"{server} is taken by NIC {nic}"
        if reason:
            yield Problem(f"{asked.path}.dhcp", f"its server cannot have its address: {reason}")


def network_id(target: Target, resolved: Resolved) -> str:
    assert isinstance(target.wanted, WantedNIC) and target.wanted.network is not None
    return resolved.id_of(target.wanted.network)


def release(target: Target, result: Allocated, resolved: Resolved) -> None:
    """Addresses that a NIC has and no longer asks for are free for the others."""
    assert isinstance(target.wanted, WantedNIC)
    if target.now is None or target.wanted.ip_addresses is None:
        return
    for subnet in result.subnets[network_id(target, resolved)]:
        for address in [a for a, nic in subnet.taken.items() if nic == target.id]:
            if address not in target.wanted.ip_addresses:
                del subnet.taken[address]


def keep_or_ask(target: Target, result: Allocated, resolved: Resolved) -> None:
    wanted = target.wanted
    assert isinstance(wanted, WantedNIC)
    subnets = result.subnets[network_id(target, resolved)]
    if wanted.ip_addresses is None:
        if target.now is not None:
            result.addresses[target.id] = [ip_address(text) for text in target.now.spec["ipAddresses"]]
        return
    result.addresses[target.id] = []
    for number, address in enumerate(wanted.ip_addresses):
        path = f"{wanted.path}.ip_addresses[{number}]"
        subnet = next((s for s in subnets if address in s.cidr), None)
        if subnet is None:
            result.problems.append(Problem(path, f"{address} is in no subnet of the network"))
        elif reason := subnet.refusal(address, target.id):
            result.problems.append(Problem(path, reason))
        else:
            subnet.taken[address] = target.id
            result.addresses[target.id].append(address)


def give_next(target: Target, result: Allocated, resolved: Resolved) -> None:
    """One address, of the first subnet that hands out any; none where no subnet does."""
    ranges = [s for s in result.subnets[network_id(target, resolved)] if s.first is not None]
    result.addresses[target.id] = []
    for subnet in ranges:
        if (address := subnet.next_free()) is not None:
            subnet.taken[address] = target.id
            result.addresses[target.id].append(address)
            return
    if ranges:
        where = ", ".join(str(subnet.cidr) for subnet in ranges)
        result.problems.append(
            Problem(f"{target.wanted.path}.ip_addresses", f"no address is free in the range of {where}")
        )


def macs_wanted(resolved: Resolved) -> dict[str, tuple[str, str]]:
    """By NIC's id its network and the MAC that it asks for, has, or would get first."""
    result = {}
    for target in resolved.targets.values():
        if isinstance(target.wanted, WantedNIC):
            kept = target.now.spec["hwAddr"] if target.now else None
            mac = target.wanted.hw_addr or kept or mac_of(target.id)
            result[target.id] = (network_id(target, resolved), mac)
    return result


def give_macs(resolved: Resolved, held: Mapping[str, str], result: Allocated) -> None:
    """`held`: which NIC holds each `<network>/<mac>`. One that was asked for and is held is a problem."""
    taken = dict(held)
    targets = resolved.by_id()
    for id, (network, mac) in macs_wanted(resolved).items():
        wanted = targets[id].wanted
        assert isinstance(wanted, WantedNIC)
        attempt = 0
        while taken.get(f"{network}/{mac}", id) != id:
            if wanted.hw_addr is not None:
                reason = f"{mac} is taken by NIC {taken[f'{network}/{mac}']}"
                result.problems.append(Problem(f"{wanted.path}.hw_addr", reason))
                break
            attempt += 1
            mac = mac_of(id, attempt)
        taken[f"{network}/{mac}"] = id
        result.macs[id] = mac


def optional(text: str | None) -> Address | None:
    return None if text is None else ip_address(text)
