"""What a Binding keeps of what a host reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEPT = frozenset(
    {
        "bridge", "uplink", "dhcp", "path", "capacity", "available", "url", "allocation", "power", "vncPort",
        "acceleration", "pendingRestart",
    }
)  # fmt: skip
STORED_AS = {"vnc_port": "vncPort", "pending_restart": "pendingRestart"}


def stored(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a Binding keeps, by the names of the graph."""
    return {STORED_AS.get(name, name): value for name, value in facts.items() if STORED_AS.get(name, name) in KEPT}
