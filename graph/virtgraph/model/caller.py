"""Who made a change, in which request: kept on revisions, operations and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PROJECT = "default"  # the one project until tenancy exists


@dataclass(frozen=True, slots=True)
class Caller:
    actor: str
    request_id: str
    traceparent: str | None = None

    def properties(self) -> dict[str, Any]:
        return {"actor": self.actor, "requestId": self.request_id, "traceparent": self.traceparent}


SERVICE = Caller(actor="virtgraph", request_id="")
