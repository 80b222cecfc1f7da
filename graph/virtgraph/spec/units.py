"""Sizes and hardware addresses as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from virtgraph.spec.errors import shown

SIZE = re.compile(r"([0-9]{1,20}) ?([kmgtpe]?)(?:i?b)?", re.IGNORECASE)
POWERS = {unit: 1 << (10 * power) for power, unit in enumerate(("", "k", "m", "g", "t", "p", "e"))}

MAC = re.compile(r"(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{12}", re.IGNORECASE)


def size(most: int, least: int = 1 << 20) -> Callable[[Any], int]:
    """A reader of sizes in bytes: `4gb`, `4GiB` and `4096mb` are the same, a bare number is bytes."""

    def read(value: Any) -> int:
        bytes_ = _bytes(value)
        if not least <= bytes_ <= most:
            raise ValueError(f"must be from {human(least)} to {human(most)}, not {shown(value)}")
        return bytes_

    return read


def _bytes(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = SIZE.fullmatch(value) if isinstance(value, str) else None
    if not written:
        raise ValueError(f"{shown(value)} is not a size: a whole number with a unit, such as 4gb or 512mb")
    return int(written[1]) * POWERS[written[2].lower()]


def human(size: int) -> str:
    """The size in the largest binary unit that holds it whole: `16 TiB`."""
    power = 0
    while size and size % 1024 == 0 and power < 6:
        size //= 1024
        power += 1
    return f"{size} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power]}"


def hardware_address(value: Any) -> str:
    """A MAC address as 52:54:00:12:34:56, from any usual spelling; digits alone may come as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:012d}"
    if not isinstance(value, str) or not MAC.fullmatch(value):
        raise ValueError(f"{shown(value)} is not a hardware address, such as 52:54:00:12:34:56")
    digits = value.replace(":", "").replace("-", "").lower()
    octets = [digits[i : i + 2] for i in range(0, 12, 2)]
    if digits == "f" * 12:
        raise ValueError(f"{shown(value)} is the broadcast address; leave it out to have one allocated")
    if int(octets[0], 16) & 1:
        raise ValueError(f"{shown(value)} is a multicast address; leave it out to have one allocated")
    if digits == "0" * 12 or octets[0] == "fe":  # libvirt gives fe: to its own end of the wire
        raise ValueError(f"{shown(value)} is reserved; leave it out to have one allocated")
    return ":".join(octets)
