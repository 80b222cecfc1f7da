"""The feed: events numbered by one counter that is locked last, so that number order is commit order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from virtgraph.model.caller import Caller
from virtgraph.model.states import EventType
from virtgraph.store.graph import Graph, Row, Transaction


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What happened to which resource. `data` is for programs and holds no secrets."""

    type: EventType
    message: str
    stack: str | None = None
    resource: str | None = None
    kind: str | None = None
    name: str | None = None
    host: str | None = None
    operation: str | None = None
    revision: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


WRITE = """
    MATCH (c:Counter {id: 'events'})
    SET c.value = c.value + size($rows)
    WITH c.value - size($rows) AS before
    UNWIND $rows AS row
    CREATE (e:Event)
    SET e += row.properties, e.number = before + row.place, e.at = timestamp()
"""


async def write(tx: Transaction, events: Sequence[NewEvent], caller: Caller) -> None:
    """The last statement of a transaction: the counter's lock is held from here to the commit."""
    rows = [{"place": place, "properties": properties(event, caller)} for place, event in enumerate(events, start=1)]
    await tx.each(WRITE, rows)


def properties(event: NewEvent, caller: Caller) -> dict[str, Any]:
    return {
        "type": str(event.type),
        "message": event.message,
        "stack": event.stack,
        "resource": event.resource,
        "kind": event.kind,
        "name": event.name,
        "host": event.host,
        "operation": event.operation,
        "revision": event.revision,
        "data": orjson.dumps(event.data).decode(),
        **caller.properties(),
    }


async def after(graph: Graph, number: int, limit: int) -> list[Row]:
    """The events behind a number, in their order, up to the first that is not there."""
    rows = await graph.read(
        """
        MATCH (e:Event)
        WHERE e.number > $number AND e.number <= $number + $limit
        RETURN e.number AS number, e.type AS type, e.at AS at, e.message AS message, e.stack AS stack,
               e.resource AS resource, e.kind AS kind, e.name AS name, e.host AS host, e.operation AS operation,
               e.revision AS revision, e.data AS data, e.actor AS actor, e.requestId AS requestId
        ORDER BY e.number
        """,
        number=number,
        limit=limit,
    )
    return [row for expected, row in enumerate(rows, start=number + 1) if row["number"] == expected]


async def bounds(graph: Graph) -> tuple[int, int]:
    """The oldest number that is kept and the newest one; (1, 0) for an empty feed."""
    rows = await graph.read(
        "MATCH (c:Counter {id: 'events'}) RETURN coalesce(c.oldest, 1) AS oldest, coalesce(c.value, 0) AS newest"
    )
    return (rows[0]["oldest"], rows[0]["newest"]) if rows else (1, 0)


async def prune(graph: Graph, keep: int) -> None:
    """Forget all but the newest events. Who asks for an older one is told which is the oldest."""
    oldest, newest = await bounds(graph)
    until = newest - keep
    if until < oldest:
        return
    await graph.write(lambda tx: forget(tx, oldest, min(until, oldest + PRUNED_AT_ONCE - 1)))


PRUNED_AT_ONCE = 5_000


async def forget(tx: Transaction, first: int, last: int) -> None:
    await tx.run("MATCH (e:Event) WHERE e.number >= $first AND e.number <= $last DELETE e", first=first, last=last)
    await tx.run("MATCH (c:Counter {id: 'events'}) SET c.oldest = $oldest", oldest=last + 1)
