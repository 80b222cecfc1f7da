"""Items in the types of the roles' argument_specs, which Ansible checks and does not make: `"false"` is False. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_dict,
    check_type_int,
    check_type_list,
    check_type_str,
)

Item = dict[str, Any]


@dataclass(frozen=True)
class Type:
    name: str  # as argument_specs have it
    read: Callable[[Any], Any]
    must: str


def typed(item: Item) -> Item:
    """What cannot be read stays as it is: mistyped() says so of the item, and its neighbours are done."""
    return {name: value if value is None else _read(name, value) for name, value in check_type_dict(item).items()}


def mistyped(item: Item, where: str = "") -> Iterator[str]:
    """What could not be read, in words; of an item, or of a part of it that is at `where`."""
    for name, value in item.items():
        of = TYPES.get(name, TEXT)
        if value is None:
            continue
        try:
            read = of.read(value)
        except (TypeError, ValueError):
            yield f"{where}{name} is {value!r}, and {of.must}"
            continue
        if of is PART:
            yield from mistyped(read, f"{where}{name}.")
        for number, part in enumerate(read if of is PARTS else ()):
            yield from mistyped(part, f"{where}{name}[{number}].")


def _read(name: str, value: Any) -> Any:
    try:
        return TYPES.get(name, TEXT).read(value)
    except (TypeError, ValueError):
        return value


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError
    return str(check_type_str(value))


def _path(value: Any) -> str:
    return names.straight(_text(value))


def _texts(value: Any) -> list[str | None]:
    return [one if one is None else _text(one) for one in check_type_list(value)]


def _parts(value: Any) -> list[Item]:
    return [typed(one) for one in check_type_list(value)]


TEXT = Type("str", _text, "must be text")
PATH = Type("str", _path, "must be text")  # what is compared with what libvirt says, which has no slash too many
NUMBER = Type("int", check_type_int, "must be a whole number")
TRUTH = Type("bool", check_type_bool, "must be true or false")
TEXTS = Type("list", _texts, "must be a list of texts")
PART = Type("dict", typed, "must have fields of its own")
PARTS = Type("list", _parts, "must be a list of what has fields of its own")

# Of the fields that are not just text. A name has one type in the items of all roles.
TYPES = {
    "addresses": TEXTS,
    "boot_order": NUMBER,
    "disks": PARTS,
    "generation": NUMBER,
    "interfaces": PARTS,
    "memory": NUMBER,
    "mtu": NUMBER,
    "nameservers": TEXTS,
    "needs": TEXTS,
    "path": PATH,
    "pool_path": PATH,
    "prefix": NUMBER,
    "read_only": TRUTH,
    "size": NUMBER,
    "source": PART,
    "vcpus": NUMBER,
    "vlan_id": NUMBER,
}
