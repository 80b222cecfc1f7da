"""In check mode: what the play would have made and removed by now. Later roles count on it as if it were so. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

After = dict[str, Any]


class Predicted:
    """By kind and id what would be there; None for what would be gone. Empty when changes are really made.

    `given`: what a module before told. Its step is how many had told by then: the later one knows all that the earlier did.
    """

    def __init__(self, given: dict[str, Any] | None = None) -> None:
        self.step: int = (given or {}).get("step", 0)
        known: dict[str, dict[str, After | None]] = (given or {}).get("known", {})
        self.known = {kind: dict(of) for kind, of in known.items()}

    def told(self) -> dict[str, Any]:
        return {"step": self.step + 1, "known": self.known}

    def record(self, kind: str, id: str, after: After | None) -> None:
        self.known.setdefault(kind, {})[id] = after

    def made(self, kind: str, id: str) -> After | None:
        return self.known.get(kind, {}).get(id)

    def gone(self, kind: str, id: str) -> bool:
        return self.known.get(kind, {}).get(id, {}) is None

    def all_made(self, kind: str) -> Iterator[After]:
        return (after for after in self.known.get(kind, {}).values() if after is not None)
