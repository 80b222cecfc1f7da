"""Networks: `resource/network/vlan` and `resource/network/flat`, with their subnets and DHCP pools."""

from __future__ import annotations

from ipaddress import IPv4Network

from virtgraph.model.wanted import Address, NetworkType, Subnetwork, WantedDHCP, WantedNetwork, WantedSubnet
from virtgraph.spec import addresses, scalars
from virtgraph.spec.declared import Declared
from virtgraph.spec.node import Node

MOST_SUBNETS = 64
PARAMETER_FIELDS = ("vlan_id", "segment", "mtu")
SUBNET_FIELDS = ("cidr", "dhcp")
DHCP_FIELDS = ("range", "nameservers", "gateway")

read_vlan_id = scalars.whole(1, 4094)
read_mtu = scalars.whole(576, 9216)


def read_network(declared: Declared) -> WantedNetwork:
    type_ = NetworkType(declared.type.rpartition("/")[2])
    given = declared.fields.get("parameters")
    parameters = given.fields(PARAMETER_FIELDS) if given else {}
    vlan_id = _vlan_id(declared, type_, parameters)
    segment = parameters["segment"].read(scalars.name) if "segment" in parameters else None
    mtu = parameters["mtu"].read(read_mtu) if "mtu" in parameters else None
    return WantedNetwork(
        path=declared.path,
        key=declared.key,
        name=declared.name,
        id=declared.id,
        owner=declared.owner,
        needs=declared.needs(),
        type=type_,
        vlan_id=vlan_id,
        segment=segment or "default",
        mtu=mtu or 1500,
        subnets=_subnets(declared.fields.get("subnets")),
    )


def _vlan_id(declared: Declared, type_: NetworkType, parameters: dict[str, Node]) -> int | None:
    node = parameters.get("vlan_id")
    if type_ is NetworkType.FLAT:
        if node is not None:
            node.refuse("a flat network is untagged: leave it out, or make the type resource/network/vlan")
        return None
    if node is None:
        declared.node.problems.add(f"{declared.path}.parameters.vlan_id", "is missing")
        return None
    return node.read(read_vlan_id)


def _subnets(node: Node | None) -> tuple[WantedSubnet, ...]:
    if node is None:
        return ()
    items = node.items()
    if len(items) > MOST_SUBNETS:
        node.refuse(f"has {len(items)} subnets; a network has at most {MOST_SUBNETS}")
        return ()
    subnets: list[WantedSubnet] = []
    for item in items:
        subnet = _subnet(item)
        if subnet is None:
            continue
        other = next((o for o in subnets if o.cidr.overlaps(subnet.cidr)), None)
        if other is not None:
            item.refuse_member("cidr", f"{subnet.cidr} overlaps {other.cidr} of the same network")
        if subnet.dhcp is not None and any(o.dhcp is not None for o in subnets):
            item.refuse_member("dhcp", "one subnet of a network has DHCP: give the NICs of this one their ip_addresses")
        subnets.append(subnet)
    return tuple(subnets)


def _subnet(node: Node) -> WantedSubnet | None:
    fields = node.fields(SUBNET_FIELDS)
    if "cidr" not in fields:
        if isinstance(node.value, dict):
            node.refuse_member("cidr", "is missing")
        return None
    cidr = fields["cidr"].read(addresses.cidr)
    if cidr is None:
        return None
    return WantedSubnet(node.path, cidr, _dhcp(fields["dhcp"], cidr) if "dhcp" in fields else None)


def _dhcp(node: Node, cidr: Subnetwork) -> WantedDHCP | None:
    if not isinstance(cidr, IPv4Network):
        node.refuse("only IPv4 subnets have DHCP: give the NICs of this one their ip_addresses")
        return None
    if cidr.prefixlen > 30:
        node.refuse(f"{cidr} is too small for DHCP: a /30 is the least")
        return None
    fields = node.fields(DHCP_FIELDS)
    gateway = _inside(fields["gateway"], cidr) if "gateway" in fields else None
    nameservers = _nameservers(fields["nameservers"]) if "nameservers" in fields else ()
    if "range" not in fields:
        if isinstance(node.value, dict):
            node.refuse_member("range", "is missing: the addresses that may be given to NICs, as first-last")
        return None
    pool = _pool(fields["range"], cidr)
    return WantedDHCP(*pool, nameservers, gateway) if pool else None


def _pool(node: Node, cidr: Subnetwork) -> tuple[Address, Address] | None:
    pool = node.read(addresses.address_range)
    for end in pool or ():
        reason = addresses.misplaced(end, cidr)
        if reason:
            node.refuse(reason)
            return None
    return pool


def _inside(node: Node, cidr: Subnetwork) -> Address | None:
    address = node.read(addresses.address)
    reason = addresses.misplaced(address, cidr) if address else None
    if reason:
        node.refuse(reason)
    return address


def _nameservers(node: Node) -> tuple[Address, ...]:
    found: list[Address] = []
    for item in node.items():
        address = item.read(addresses.address)
        if address is None:
            continue
        if address.version != 4:
            item.refuse(f"{address} is IPv6; DHCP for IPv4 tells only IPv4 nameservers")
        found.append(address)
    return tuple(found)
