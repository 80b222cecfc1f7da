"""Small reads that a mutation needs before it knows its stack.

What is deleted is found too: a call that is repeated with its idempotency key is answered as it was the first time.
"""

from __future__ import annotations

from virtgraph.model.refusals import NotFound
from virtgraph.store.graph import Graph


async def stack_of(graph: Graph, kind: str, id: str) -> str:
    """The name of the stack that owns a resource, or owned it. Raises NotFound."""
    rows = await graph.read(
        """
        MATCH (r:Resource {id: $id})
        WHERE r.kind = $kind
        MATCH (s:Stack {id: r.stack})
        RETURN s.name AS name
        """,
        id=id,
        kind=kind,
    )
    if not rows:
        raise NotFound(kind, id)
    return str(rows[0]["name"])


async def require_stack(graph: Graph, name: str, project: str) -> None:
    """Raises NotFound."""
    if not await graph.read("MATCH (s:Stack {nameKey: $key}) RETURN s.id AS id", key=f"{project}/{name}"):
        raise NotFound("stack", name)
