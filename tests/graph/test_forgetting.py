"""Old events are forgotten, and never so that a reader passes over them unawares."""

from __future__ import annotations

from playing import ME

from virtgraph.model.states import EventType
from virtgraph.store import events
from virtgraph.store.events import NewEvent
from virtgraph.store.graph import Graph


async def numbers(graph: Graph, after: int, limit: int = 100) -> list[int]:
    return [row["number"] for row in await events.after(graph, after, limit)]


async def test_the_newest_are_kept(graph: Graph) -> None:
    await graph.write(lambda tx: events.write(tx, [NewEvent(EventType.APPLIED, "done")] * 20, ME))
    await events.prune(graph, 8)
    assert await events.bounds(graph) == (13, 20)
    await events.prune(graph, 8)
    assert await numbers(graph, 12) == list(range(13, 21))
    assert await numbers(graph, 12, 3) == [13, 14, 15]


async def test_nothing_is_read_past_what_is_forgotten(graph: Graph) -> None:
    await graph.write(lambda tx: events.write(tx, [NewEvent(EventType.APPLIED, "done")] * 20, ME))
    await events.prune(graph, 8)
    assert await numbers(graph, 10) == []
    assert await numbers(graph, 11) == []
