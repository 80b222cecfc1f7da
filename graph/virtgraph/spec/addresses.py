"""IP addresses, subnets and ranges as they are written in documents. All raise ValueError with a sentence."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from virtgraph.model.wanted import Address, Subnetwork
from virtgraph.spec.errors import shown

LONGEST = 64  # no address, prefix length included, is longer


def address(value: Any) -> Address:
    if isinstance(value, str) and len(value) <= LONGEST and "%" not in value:
        try:
            return ip_address(value)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not an IP address")


def cidr(value: Any) -> Subnetwork:
    """A subnet by its network address: `192.168.0.0/24`."""
    network = _network(value)
    if str(network.network_address) != str(address(value.partition("/")[0])):
        raise ValueError(f"{shown(value)} is an address within {network}, not a subnet")
    if network.is_multicast or network.is_loopback:
        raise ValueError(f"{shown(value)} is not a subnet that guests can have")
    return network


def _network(value: Any) -> Subnetwork:
    if isinstance(value, str) and len(value) <= LONGEST:
        length = value.partition("/")[2]
        try:
            if length.isascii() and length.isdigit():
                return ip_network(value, strict=False)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not a subnet, such as 192.168.0.0/24")


def address_range(value: Any) -> tuple[Address, Address]:
    """First and last of `192.168.0.1-192.168.0.127`."""
    if not isinstance(value, str) or value.count("-") != 1:
        raise ValueError(f"{shown(value)} is not a range, such as 192.168.0.1-192.168.0.127")
    first, last = (address(end.strip()) for end in value.split("-"))
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"{shown(value)} does not go from a lower to a higher address")
    return first, last


def misplaced(address: Address, subnet: Subnetwork) -> str | None:
    """Why no guest can have this address in the subnet."""
    if address not in subnet:
        return f"{address} is outside {subnet}"
    if subnet.num_addresses <= 2:
        return None  # point-to-point and host routes: every address is one (RFC 3021, RFC 6164)
    if address == subnet.network_address:
        return f"{address} is the address of the subnet {subnet} itself"
    if isinstance(address, IPv4Address) and address == subnet.broadcast_address:
        return f"{address} is the broadcast address of {subnet}"
    return None
