"""What dnsmasq is given to read: options and reservations, from what the role is given. Pure."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Interface, ip_address
from typing import Any

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_WORDS = {"ignore", "infinite", "deprecated"}  # have a meaning in a reservation


def server_address(server: dict[str, Any]) -> IPv4Interface:
    return IPv4Interface(f"{server['address']}/{server['prefix']}")


def options(server: dict[str, Any], mtu: int) -> str:
    """For --dhcp-optsfile. A router without a value: else dnsmasq names itself."""
    lines = [("router", *_ipv4([server.get("gateway")]))]
    if nameservers := _ipv4(server.get("nameservers") or []):
        lines.append(("dns-server", *nameservers))
    lines.append(("mtu", str(mtu)))
    return "".join(f"option:{','.join(line)}\n" for line in lines)


def reservation(nic: dict[str, Any]) -> str | None:
    """A line for --dhcp-hostsfile; None for a NIC without an IPv4 address. Of several, the first is served."""
    mac, addresses = nic["mac"].lower(), _ipv4(nic["addresses"])
    if not _MAC.fullmatch(mac):
        raise ValueError(f"{mac!r} is not a MAC address")
    if not addresses:
        return None
    return ",".join(part for part in (mac, addresses[0], host_name(nic.get("hostname") or "")) if part) + "\n"


def read(line: str) -> dict[str, str]:
    """What reservation() wrote."""
    mac, address, hostname, *_ = [*line.strip().split(","), "", ""]
    return {"mac": mac, "address": address, "hostname": hostname}


def served(nic: dict[str, Any]) -> str | None:
    """Of its addresses, what the NIC gets; None of what is not valid too."""
    try:
        return next(iter(_ipv4(nic.get("addresses") or [])), None)
    except ValueError:
        return None


def host_name(text: str) -> str:
    """A user's name as RFC 952 and 1123 allow host names; empty when nothing of it is left. It begins with a letter:
    dnsmasq would take `12h` for a lease time."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:63].rstrip("-")
    return name if name[:1].isalpha() and name not in _WORDS else ""


def _ipv4(addresses: list[str | None]) -> list[str]:
    parsed = [ip_address(address) for address in addresses if address]
    return [str(address) for address in parsed if address.version == 4]
