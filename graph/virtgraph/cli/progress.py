"""How far operations are, as events and answers tell it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from virtgraph.cli.client import Row

FINAL = frozenset(("SUCCEEDED", "FAILED", "SKIPPED", "SUPERSEDED", "CANCELLED"))
LOST = frozenset(("FAILED", "SKIPPED", "CANCELLED"))
STATE_OF_EVENT = {"REQUESTED": "RUNNING", "RETRYING": "PENDING"} | {state: state for state in FINAL}

STEP = """
id state action kind attempt error cure resource { id name } host { name }
waitingFor { kind name host fact error }
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: what it does with which resource where, and how far it is."""

    id: str
    action: str
    kind: str
    name: str
    host: str
    state: str
    note: str = ""  # what it waits for, or what went wrong
    cure: str = ""

    @classmethod
    def of(cls, row: Row) -> Step:
        resource = row["resource"] or {"id": "", "name": ""}
        return cls(
            id=row["id"],
            action=row["action"].lower(),
            kind=row["kind"],
            name=resource["name"] or resource["id"],
            host=row["host"]["name"] if row["host"] else "",
            state=row["state"],
            note=row["error"] or _waiting(row["waitingFor"]),
            cure=row["cure"] or "",
        )

    @property
    def what(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_over(self) -> bool:
        return self.state in FINAL


@dataclass(slots=True)
class Progress:
    """All operations that are waited for, in the order in which they were planned."""

    steps: dict[str, Step] = field(default_factory=dict)

    def read(self, rows: Iterable[Row]) -> list[Step]:
        """Take what the service answered. Returns the steps that changed."""
        return [changed for row in rows if (changed := self._put(self._kept_name(Step.of(row))))]

    def hear(self, event: Row) -> list[Step]:
        """Take an event. What is over stays so: the event may be older than the last answer."""
        step = self.steps.get(event["operation"] or "")
        state = STATE_OF_EVENT.get(event["type"])
        if step is None or step.is_over or state is None:
            return []
        data = event["data"]
        retrying = event["message"] if event["type"] == "RETRYING" else ""
        heard = replace(step, state=state, note=data.get("error") or retrying, cure=data.get("cure") or "")
        return [heard] if self._put(heard) else []

    @property
    def is_over(self) -> bool:
        return all(step.is_over for step in self.steps.values())

    @property
    def over(self) -> int:
        return sum(step.is_over for step in self.steps.values())

    @property
    def lost(self) -> list[Step]:
        return [step for step in self.steps.values() if step.state in LOST]

    def _kept_name(self, step: Step) -> Step:
        """A resource that was removed has no name any more."""
        before = self.steps.get(step.id)
        return replace(step, name=before.name, host=before.host) if before and before.name else step

    def _put(self, step: Step) -> Step | None:
        if self.steps.get(step.id) == step:
            return None
        self.steps[step.id] = step
        return step


def _waiting(facts: list[Row]) -> str:
    if not facts:
        return ""
    return "waits for " + ", ".join(
        f"the {fact['fact']} of {fact['kind']} {fact['name'] or ''} on {fact['host']}"
        + (f" ({fact['error']})" if fact["error"] else "")
        for fact in facts
    )
