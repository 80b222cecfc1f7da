"""The document as its author wrote it, with everything filled in that was decided since.

Order and spellings stay. Ids, states and names go after a resource's type, what else was decided before its
relations. A password never comes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from virtgraph.spec.loading import Document
from virtgraph.spec.paths import item, member
from virtgraph.spec.scalars import MASK
from virtgraph.spec.shapes import RELATION_FIELDS, SHAPES, STATE_FIELDS
from virtgraph.spec.yaml_out import write_yaml

HARDWARE_ADDRESS = "hw_addr"
IP_ADDRESSES = "ip_addresses"
PASSWORD = "vnc_password"


@dataclass(frozen=True, slots=True)
class Filled:
    """What is known of one resource now."""

    id: str
    name: str | None
    wanted: str  # "running", "attached", …
    defaults: Mapping[str, Any] = field(default_factory=dict)  # for the fields that the author left out


def complete(document: Document, filled: Mapping[str, Filled], *, id: int, created_at: str) -> str:
    """The answer to the document, in its own format. `filled`: by the path of each resource."""
    rest = {key: value for key, value in document.tree.items() if key not in ("id", "created_at")}
    tree = {"id": id, "created_at": created_at, **_completed(rest, "", filled)}
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n" if document.format == "json" else write_yaml(tree)


def _completed(value: Any, path: str, filled: Mapping[str, Filled]) -> Any:
    if isinstance(value, list):
        return [_completed(one, item(path, i), filled) for i, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    members = {key: _completed(one, member(path, key), filled) for key, one in value.items()}
    if isinstance(members.get(PASSWORD), str):
        members[PASSWORD] = MASK
    known = filled.get(path)
    return members if known is None else _fill(members, known)


def _fill(written: dict[str, Any], known: Filled) -> dict[str, Any]:
    """A resource's members; one that was written without a value counts as left out, but keeps its place."""
    head = _head(written, known)
    given = {key: value for key, value in written.items() if value is not None}
    decided = {**head, **known.defaults, **given}
    order = _order(list(written), [key for key in head if key not in written], list(known.defaults))
    return {key: decided.get(key) for key in order}


def _head(written: dict[str, Any], known: Filled) -> dict[str, Any]:
    state_field = next((key for key in STATE_FIELDS if key in written), SHAPES[written["type"]].state_field)
    head: dict[str, Any] = {"id": known.id, state_field: known.wanted}
    if known.name is not None:
        head["name"] = known.name
    return head


def _order(written: list[str], head: list[str], defaults: list[str]) -> list[str]:
    after_type = written.index("type") + 1
    order = [*written[:after_type], *head, *written[after_type:]]
    for key in defaults:
        if key not in order:
            order.insert(_place(key, order), key)
    return order


def _place(key: str, order: list[str]) -> int:
    if key == HARDWARE_ADDRESS and IP_ADDRESSES in order:
        return order.index(IP_ADDRESSES)
    return next((i for i, other in enumerate(order) if other in RELATION_FIELDS), len(order))
