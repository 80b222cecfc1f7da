"""Operations as a plan becomes work: (operation)-[:ON]->(binding), (operation)-[:AFTER]->(operation)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtgraph.model.caller import Caller
from virtgraph.model.current import Bound
from virtgraph.model.states import State
from virtgraph.planner import Place, Plan, PlannedOperation
from virtgraph.store import resources
from virtgraph.store.graph import Transaction

# (operation)-[:ON]->(binding)-[:OF]->(resource), (binding)-[:ON]->(host), (operation)-[:OF_REVISION]->(revision),
# (operation)-[:AFTER]->(operation). MERGE in the last FOREACH finds what is there.
WRITE = """
    UNWIND $rows AS row
    MATCH (r:Resource {id: row.resource})
    MATCH (h:Resource {id: row.host})
    MERGE (b:Binding {key: row.binding})
    FOREACH (fresh IN row.fresh | SET b = fresh)
    FOREACH (one IN row.unlinked | CREATE (b)-[:OF]->(r) CREATE (b)-[:ON]->(h))
    WITH row, b
    OPTIONAL MATCH (v:Revision {key: $revision})
    CREATE (o:Operation {id: row.id})-[:ON]->(b)
    SET o += row.properties, o.createdAt = timestamp()
    FOREACH (one IN CASE WHEN v IS NULL THEN [] ELSE [v] END | CREATE (o)-[:OF_REVISION]->(one))
    FOREACH (before IN row.after |
        MERGE (earlier:Operation {id: before})
        CREATE (o)-[:AFTER]->(earlier))
"""
SUPERSEDE = """
    UNWIND $rows AS row
    MATCH (o:Operation {id: row.id})
    SET o.state = 'SUPERSEDED', o.endedAt = timestamp(), o.readyOn = null
"""
# what waited for the superseded one waits for the one that replaces it
FOLLOW = """
    UNWIND $rows AS row
    MATCH (later:Operation)-[:AFTER]->(:Operation {id: row.id})
    WHERE later.state = 'PENDING' AND later.id <> row.by
    MATCH (by:Operation {id: row.by})
    MERGE (later)-[:AFTER]->(by)
    SET later.readyOn = null
"""
# what waited for nothing but operations that nothing replaces
WAITED = """
    UNWIND $rows AS row
    MATCH (later:Operation)-[:AFTER]->(:Operation {id: row.id})
    WHERE later.state = 'PENDING'
    RETURN DISTINCT later.id AS id, later.resource AS resource
"""
GO_ON = """
    UNWIND $rows AS row
    MATCH (later:Operation {id: row.id})
    WHERE later.state = 'PENDING'
      AND NOT EXISTS { MATCH (later)-[:AFTER]->(p:Operation) WHERE p.state IN ['PENDING', 'RUNNING'] }
    SET later.readyOn = later.host
"""
# a revision all of whose work was replaced before it began, or had ended before
CLOSE_REVISIONS = """
    UNWIND $rows AS row
    MATCH (:Operation {id: row.id})-[:OF_REVISION]->(v:Revision)
    WITH DISTINCT v ORDER BY v.key
    SET v._lock = $token
    WITH v
    WHERE v.state = 'APPLYING'
      AND NOT EXISTS { MATCH (o:Operation)-[:OF_REVISION]->(v) WHERE o.state IN ['PENDING', 'RUNNING'] }
    SET v.state = CASE
        WHEN EXISTS { MATCH (o:Operation)-[:OF_REVISION]->(v) WHERE o.state IN ['FAILED', 'SKIPPED', 'CANCELLED'] }
        THEN 'FAILED' ELSE 'SUPERSEDED' END
"""
# a retry that was put off is tried now
AWAKE = """
    UNWIND $rows AS row
    MATCH (o:Operation {id: row.id})
    WHERE o.state = 'PENDING'
    SET o.retryAt = null
"""


@dataclass(frozen=True, slots=True)
class Named:
    """What an operation keeps of its resource and host for people to read."""

    resource: str
    host: str


@dataclass(frozen=True, slots=True)
class OfRevision:
    """The revision that leads to operations: its key, its stack's name, its number."""

    key: str
    stack: str
    number: int


async def write(
    tx: Transaction,
    plan: Plan,
    *,
    ready: set[str],
    names: Mapping[Place, Named],
    bound: Mapping[Place, Bound],
    revision: OfRevision | None,
    caller: Caller,
) -> None:
    """The plan's operations, their order, and the Bindings that they are for. Every resource of it is locked."""
    rows = list(operation_rows(plan.operations, ready, names, bound, revision, caller))
    await tx.each(WRITE, rows, revision=revision.key if revision else None)
    await supersede(tx, plan.superseded)
    await wake(tx, plan.awake)


async def wake(tx: Transaction, ids: Sequence[str]) -> None:
    await tx.each(AWAKE, [{"id": id} for id in ids])


async def supersede(tx: Transaction, superseded: Mapping[str, str | None]) -> None:
    """End operations that were not begun. What waited for one waits for its successor, or goes on where there is none."""
    token = str(uuid.uuid4())
    ended = [{"id": old} for old in superseded]
    await tx.each(SUPERSEDE, ended)
    await tx.each(FOLLOW, [{"id": old, "by": by} for old, by in superseded.items() if by is not None])
    dropped = [{"id": old} for old, by in superseded.items() if by is None]
    if dropped:
        later = await tx.rows(WAITED, rows=dropped)
        await resources.lock(tx, [row["resource"] for row in later], token)
        await tx.each(GO_ON, [{"id": row["id"]} for row in later])
    await tx.each(CLOSE_REVISIONS, ended, token=token)


def operation_rows(
    operations: Sequence[PlannedOperation],
    ready: set[str],
    names: Mapping[Place, Named],
    bound: Mapping[Place, Bound],
    revision: OfRevision | None,
    caller: Caller,
) -> Iterator[dict[str, Any]]:
    first = int(time.time() * 1000) * 1000
    for ordinal, operation in enumerate(operations, start=first):
        place = operation.place
        yield {
            "id": operation.id,
            "resource": place.resource,
            "host": place.host,
            "binding": place.key,
            "fresh": [] if is_live(bound.get(place)) else [fresh(place)],
            "unlinked": [] if place in bound else [1],
            "after": list(operation.after),
            "properties": {
                "ordinal": ordinal,
                "action": str(operation.action),
                "kind": operation.kind,
                "resource": place.resource,
                "resourceName": names[place].resource,
                "host": place.host,
                "hostName": names[place].host,
                "fact": operation.fact,
                "generation": operation.generation,
                "state": "PENDING",
                "readyOn": place.host if operation.id in ready else None,
                "attempt": 0,
                "stackName": revision.stack if revision else None,
                "revision": revision.number if revision else None,
                "revisionKey": revision.key if revision else None,
                **caller.properties(),
            },
        }


def is_live(bound: Bound | None) -> bool:
    return bound is not None and bound.state is not State.DELETED


def fresh(place: Place) -> dict[str, Any]:
    """A Binding before its first operation, without the facts that one of an earlier life had."""
    return {
        "key": place.key,
        "resource": place.resource,
        "host": place.host,
        "state": str(State.VIRTUAL),
        "realizedGeneration": 0,
        "touched": False,
    }
