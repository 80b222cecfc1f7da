"""The one way in: a wish becomes wanted state, a revision and operations, in one transaction."""

from __future__ import annotations

from virtgraph.apply.application import Application
from virtgraph.apply.requests import Applied, Edit, LeftOut, Request
from virtgraph.secrets import Vault
from virtgraph.spec import scalars
from virtgraph.spec.errors import Problems
from virtgraph.spec.node import Node
from virtgraph.store.graph import Graph

__all__ = ["Applied", "Edit", "LeftOut", "Request", "apply"]


async def apply(graph: Graph, vault: Vault, request: Request) -> Applied:
    """Raises Invalid, NotFound, Conflict or NoHost, and then nothing is stored."""
    check_key(request.idempotency_key)
    return await graph.write(lambda tx: Application(tx, vault, request).run())


def check_key(key: str | None) -> None:
    """It becomes part of an indexed key in the graph, of which the engines take some thousand bytes."""
    problems = Problems()
    if key is not None:
        Node(key, "idempotencyKey", problems).read(scalars.name)
    problems.settle()
