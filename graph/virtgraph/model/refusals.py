"""Expected refusals: each has what a program needs to act on it. `NoHost` stands in placement, `Invalid` in spec.errors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Conflict(Exception):
    """What is asked for overlaps with what is there or being done."""

    message: str
    state: str | None = None
    task: str | None = None
    needed_states: tuple[str, ...] = ()


@dataclass(eq=False)
class NotFound(Exception):
    """There is no such thing, or it is deleted."""

    kind: str
    reference: str

    @property
    def message(self) -> str:
        return f"There is no {self.kind} {self.reference}"
