"""The one way in: a wish becomes wanted state, a revision and operations, in one transaction."""

from __future__ import annotations

from virtgraph.apply.application import Application
from virtgraph.apply.requests import Applied, Edit, LeftOut, Request
from virtgraph.idempotency import Asked
from virtgraph.secrets import Vault
from virtgraph.store.graph import Graph

__all__ = ["Applied", "Edit", "LeftOut", "Request", "apply"]


async def apply(graph: Graph, vault: Vault, request: Request) -> Applied:
    """Raises Invalid, NotFound, Conflict or NoHost, and then nothing is stored."""
    key = request.idempotency_key
    asked = Asked(vault, key, request.input) if key is not None else None
    return await graph.write(lambda tx: Application(tx, vault, request, asked).run())
