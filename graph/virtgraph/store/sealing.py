"""Which secret.key seals what is secret in the graph: its id (a hash), and where it lay when the graph learned of it."""

from __future__ import annotations

from dataclasses import dataclass

from virtgraph.store.graph import Graph, Row, Transaction


@dataclass(frozen=True, slots=True)
class Known:
    """The ids of the keys that can be the graph's: one; none before the first start; of a graph that was begun before
    it kept the id, those that passwords are sealed with. `kept_in`: machine and path."""

    ids: frozenset[str]
    kept_in: str | None


KEY = "MATCH (m:Meta {id: 'key'}) RETURN m.keyId AS id, m.keptIn AS keptIn"
SEALED_WITH = """
    MATCH (vm:VM) WHERE vm.vncPassword IS NOT NULL
    RETURN DISTINCT split(vm.vncPassword, ':')[0] AS id, null AS keptIn
"""
SETTLE = """
    MERGE (m:Meta {id: 'key'})
    SET m.keyId = coalesce(m.keyId, $id), m.keptIn = coalesce(m.keptIn, $kept_in)
    RETURN m.keyId AS id, m.keptIn AS keptIn
"""


async def known(graph: Graph) -> Known:
    return of(await graph.read(KEY) or await graph.read(SEALED_WITH))


async def settle(tx: Transaction, id: str, kept_in: str) -> Known:
    """The key that the graph has from now on: this one, unless another process was first."""
    return of(await tx.rows(SETTLE, id=id, kept_in=kept_in))


def of(rows: list[Row]) -> Known:
    return Known(frozenset(row["id"] for row in rows), rows[0]["keptIn"] if rows else None)
