"""Operations as a plan becomes work: (operation)-[:ON]->(binding), (operation)-[:AFTER]->(operation)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtgraph.clock import millis
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
# what earlier revisions began and this one wants too
JOIN = """
    UNWIND $rows AS row
    MATCH (o:Operation {id: row.id})
    MATCH (v:Revision {key: $revision})
    CREATE (o)-[:OF_REVISION]->(v)
"""
SUPERSEDE = """
    UNWIND $rows AS row
    MATCH (o:Operation {id: row.id})
    SET o.state = 'SUPERSEDED', o.endedAt = timestamp(), o.readyOn = null
"""
# what waits for superseded operations
WAITED = """
    UNWIND $rows AS row
    MATCH (later:Operation)-[:AFTER]->(:Operation {id: row.id})
    WHERE later.state = 'PENDING'
    RETURN DISTINCT row.id AS superseded, later.id AS id, later.resource AS resource
"""
# what operations wait for, one step
BEFORE = """
    UNWIND $ids AS id
    MATCH (:Operation {id: id})-[:AFTER]->(before:Operation)
    WHERE before.state = 'PENDING'
    RETURN id, collect(before.id) AS before
"""
# what waited for the superseded one waits for the one that replaces it
FOLLOW = """
    UNWIND $rows AS row
    MATCH (later:Operation {id: row.id})
    MATCH (by:Operation {id: row.by})
    MERGE (later)-[:AFTER]->(by)
    SET later.readyOn = null
"""
# what waited for nothing but operations that nothing replaces
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
    found: Mapping[str, Collection[str]],
    revision: OfRevision | None,
    caller: Caller,
) -> None:
    """The plan's operations, their order, and the Bindings that they are for. Every resource of it is locked.

    `found`: by host the ids of what is there already.
    """
    rows = list(operation_rows(plan.operations, ready, names, bound, found, revision, caller))
    await tx.each(WRITE, rows, revision=revision.key if revision else None)
    if revision:
        await tx.each(JOIN, [{"id": id} for id in plan.under_way], revision=revision.key)
    await supersede(tx, plan.superseded)
    await wake(tx, plan.awake)


async def wake(tx: Transaction, ids: Sequence[str]) -> None:
    await tx.each(AWAKE, [{"id": id} for id in ids])


async def supersede(tx: Transaction, superseded: Mapping[str, str | None]) -> None:
    """End operations that were not begun. What waited for one waits for its successor, or goes on where there is none,
    or where the successor itself comes after it now."""
    token = str(uuid.uuid4())
    ended = [{"id": old} for old in superseded]
    await tx.each(SUPERSEDE, ended)
    waited = await tx.rows(WAITED, rows=ended) if ended else []
    before = await before_these(tx, {by for row in waited if (by := superseded[row["superseded"]])})
    following, free = [], {}
    for row in waited:
        by = superseded[row["superseded"]]
        if by is not None and row["id"] not in reach(before, by):
            following.append({"id": row["id"], "by": by})
        else:
            free[row["id"]] = row["resource"]
    await tx.each(FOLLOW, following)
    if free:
        await resources.lock(tx, free.values(), token)
        await tx.each(GO_ON, [{"id": id} for id in free])
    await tx.each(CLOSE_REVISIONS, ended, token=token)


async def before_these(tx: Transaction, ids: set[str]) -> dict[str, list[str]]:
    """By operation what it waits for, for these and for all that they wait for."""
    found: dict[str, list[str]] = {}
    step = sorted(ids)
    while step:
        rows = await tx.rows(BEFORE, ids=step)
        found |= {key: [] for key in step} | {row["id"]: row["before"] for row in rows}
        step = sorted({id for row in rows for id in row["before"]} - found.keys())
    return found


def reach(before: Mapping[str, Sequence[str]], id: str) -> set[str]:
    """An operation and all that it waits for, however far."""
    reached: set[str] = set()
    step = [id]
    while step:
        reached.update(step)
        step = [one for id in step for one in before.get(id, ()) if one not in reached]
    return reached


def operation_rows(
    operations: Sequence[PlannedOperation],
    ready: set[str],
    names: Mapping[Place, Named],
    bound: Mapping[Place, Bound],
    found: Mapping[str, Collection[str]],
    revision: OfRevision | None,
    caller: Caller,
) -> Iterator[dict[str, Any]]:
    first = millis() * 1000
    for ordinal, operation in enumerate(operations, start=first):
        place = operation.place
        yield {
            "id": operation.id,
            "resource": place.resource,
            "host": place.host,
            "binding": place.key,
            "fresh": [] if is_live(bound.get(place)) else [fresh(place, place.resource in found.get(place.host, ()))],
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
                **caller.properties(),
            },
        }


def is_live(bound: Bound | None) -> bool:
    return bound is not None and bound.state is not State.DELETED


def fresh(place: Place, there: bool) -> dict[str, Any]:
    """A Binding before its first operation, without the facts that one of an earlier life had. What is there already has
    to be taken away when it is not wanted any more, also before that operation."""
    return {
        "key": place.key,
        "resource": place.resource,
        "host": place.host,
        "state": str(State.VIRTUAL),
        "realizedGeneration": 0,
        "touched": there,
    }
