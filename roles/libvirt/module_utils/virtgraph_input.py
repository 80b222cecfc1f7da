"""What roles are given, checked before anything is touched. A check answers why not, or None. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, ip_address
from typing import Any

from ansible.module_utils import virtgraph_names as names

Check = Callable[[Any], "str | None"]
Item = dict[str, Any]
# `unsound(item, present)`: everything that is wrong with an item, in words.
Unsound = Callable[[Item, bool], Iterator[str]]

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")  # as the service has it
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def problems(item: Item, checks: Mapping[str, Check], needed: Collection[str], where: str = "") -> Iterator[str]:
    """Of the fields of an item, or of a part of it that is at `where`."""
    for name in needed:
        if item.get(name) is None:
            yield f"{where}{name} is missing"
    for name, check in checks.items():
        if item.get(name) is not None and (why := check(item[name])):
            yield f"{where}{name} is {item[name]!r}, and {why}"


def repeated(values: list[Any]) -> list[Any]:
    return sorted({value for value in values if values.count(value) > 1})


def uuid(value: Any) -> str | None:
    try:
        names.checked(value)
    except (ValueError, AttributeError, TypeError):
        return "must be a UUID, in lower case and with dashes"
    return None


def whole(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        try:
            return None if least <= int(value) <= most else f"must be from {least} to {most}"
        except (TypeError, ValueError):
            return "must be a whole number"

    return check


MTUS = whole(576, 9216)  # bytes; as the service has it


def one_of(*known: str) -> Check:
    return lambda value: None if value in known else f"must be one of {', '.join(known)}"


def mac(value: Any) -> str | None:
    """IEEE 802: the lowest bit of the first byte is of groups."""
    if not _MAC.fullmatch(str(value)):
        return "must be a MAC address, as 52:54:00:00:00:01"
    return "is an address of a group, not of one interface" if int(str(value)[:2], 16) & 1 else None


def ipv4(value: Any) -> str | None:
    try:
        IPv4Address(str(value))
    except AddressValueError:
        return "must be an IPv4 address"
    return None


def addresses(value: Any) -> str | None:
    try:
        for address in value if isinstance(value, list) else [value]:
            ip_address(str(address))
    except ValueError:
        return "must be IP addresses"
    return None


def path(value: Any) -> str | None:
    text = str(value)
    if not text.startswith("/") or ".." in text.split("/") or not text.isprintable():
        return "must be an absolute path, without .. and control characters"
    return None


def line(longest: int) -> Check:
    """Text that libvirt's XML and a kernel take."""
    why = f"must be one line of at most {longest} characters, without control characters"
    return lambda value: why if len(str(value)) > longest or _CONTROL.search(str(value)) else None


def sha256(value: Any) -> str | None:
    return None if _SHA256.fullmatch(str(value)) else "must be 64 hexadecimal digits"
