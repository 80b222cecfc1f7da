"""What resolvers see of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from virtgraph.model.actor import Actor
from virtgraph.model.caller import Caller
from virtgraph.secrets import Vault
from virtgraph.store.graph import Graph
from virtgraph_api.feed import Feed


@dataclass(frozen=True, slots=True)
class Context:
    """`nudge` tells the worker that there is work; `images` holds the files that volumes are made from."""

    actor: Actor
    request_id: str
    traceparent: str | None
    graph: Graph
    vault: Vault
    feed: Feed
    nudge: Callable[[], None]
    images: Path

    @property
    def caller(self) -> Caller:
        return Caller(self.actor.id, self.request_id, self.traceparent)
