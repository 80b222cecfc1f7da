"""Addresses and MACs out of what is free. Pure: the caller holds the locks and brings what is taken."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from virtgraph.model.wanted import Address, Subnetwork, WantedSubnet


@dataclass(slots=True)
class SubnetNow:
    """A subnet as it will be, and the addresses that NICs have in it (address → NIC's id)."""

    id: str
    cidr: Subnetwork
    first: Address | None
    last: Address | None
    gateway: Address | None
    nameservers: tuple[Address, ...]
    server: Address | None
    mac: str | None  # of the server
    taken: dict[Address, str]
    searched: int = 0  # from the first of the range on, how many were found not to be free

    @property
    def kept_back(self) -> set[Address]:
        """Addresses that are never handed out by themselves: the gateway may be a real router."""
        return {a for a in (self.gateway, self.server, *self.nameservers) if a is not None}

    def next_free(self) -> Address | None:
        """The lowest free address of the range, not yet taken by this. Nothing is given back between two calls."""
        if self.first is None or self.last is None:
            return None
        kept = self.kept_back
        for offset in range(self.searched, int(self.last) - int(self.first) + 1):
            candidate = self.first + offset
            if candidate not in self.taken and candidate not in kept:
                return candidate
            self.searched = offset + 1
        return None

    def refusal(self, address: Address, nic: str) -> str | None:
        """Why a NIC cannot have this address of the subnet, or None."""
        if address == self.server:
            return f"{address} is the address of the network's DHCP server"
        if isinstance(self.cidr, IPv4Network) and self.cidr.prefixlen < 31:
            if address in (self.cidr.network_address, self.cidr.broadcast_address):
                return f"{address} is the network's or the broadcast address of {self.cidr}"
        if self.taken.get(address, nic) != nic:
            return f"{address} is taken by NIC {self.taken[address]}"
        return None


def server_address(subnet: WantedSubnet, taken: Collection[Address]) -> Address | None:
    """The highest free address outside range, gateway and nameservers; if there is none, the highest of the range."""
    dhcp = subnet.dhcp
    if dhcp is None:
        return None
    avoid = {*taken, *dhcp.nameservers, dhcp.gateway}
    inside: Address | None = None
    for address in from_the_top(subnet.cidr):
        if address in avoid:
            continue
        if not dhcp.first <= address <= dhcp.last:  # type: ignore[operator]
            return address
        inside = inside or address
    return inside


def from_the_top(cidr: Subnetwork) -> Iterator[Address]:
    high, low = int(cidr.broadcast_address) - 1, int(cidr.network_address)
    for number in range(high, max(low, high - 65536), -1):
        yield cidr.network_address + (number - low)


def mac_of(id: str, attempt: int = 0) -> str:
    """The MAC that derives from a NIC's id, in the range that libvirt and QEMU use (52:54:00)."""
    tail = hashlib.sha256(f"{id}/{attempt}".encode()).digest()[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)


def server_mac(subnet_id: str) -> str:
    """The MAC of a subnet's DHCP server: it moves with it from host to host."""
    tail = hashlib.sha256(f"{subnet_id}/dhcp".encode()).digest()[:4]
    return "52:56:" + ":".join(f"{byte:02x}" for byte in tail)
