"""Calls that are repeated with an idempotency key."""

from __future__ import annotations

import pytest
import pytest_asyncio
from applying import SEED, edit, network, put, values, volume
from playing import a_host, work

from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict
from virtgraph.store.graph import Graph

COUNT = "MATCH (n) WHERE n:Revision OR n:Operation OR n:Event OR n:Version RETURN count(n) AS count"


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph, id="85cf3a3a-18e4-4fe2-b406-9e79079cae07")


async def test_the_same_call_gets_the_same_answer_and_stores_nothing(graph: Graph) -> None:
    first = await put(graph, SEED, key="k")
    before = await values(graph, COUNT)
    assert await put(graph, SEED, key="k") == first
    await work(graph)
    await put(graph, {"data": volume()}, key="other")
    before = await values(graph, COUNT)
    assert await put(graph, SEED, key="k") == first
    assert await values(graph, COUNT) == before


async def test_another_call_with_the_same_key_is_a_conflict(graph: Graph) -> None:
    await put(graph, {"data": volume()}, key="k")
    for attempt in (
        put(graph, {"data": volume("2gb")}, key="k"),
        put(graph, {"data": volume()}, prune=True, key="k"),
        edit(graph, edits.remove_stack("default"), key="k", input="removeStack"),
    ):
        with pytest.raises(Conflict):
            await attempt
    await put(graph, {"data": volume("2gb")}, "another", key="k")


async def test_a_call_that_changed_nothing_is_remembered_too(graph: Graph) -> None:
    await put(graph, {"data": volume()})
    first = await put(graph, {"data": volume()}, key="k")
    assert not first.applied.changed
    await put(graph, {"data": volume("2gb")})
    assert await put(graph, {"data": volume()}, key="k") == first
    with pytest.raises(Conflict):
        await put(graph, {"data": volume("2gb")}, key="k")


async def test_a_call_that_was_refused_is_not_remembered(graph: Graph) -> None:
    await put(graph, {"net": network(7)}, "a")
    with pytest.raises(Exception, match="VLAN 7"):
        await put(graph, {"net": network(7)}, "b", key="k")
    await put(graph, {"net": network(8)}, "b", key="k")


async def test_a_removal_repeated_leaves_the_stack_removed(graph: Graph) -> None:
    await put(graph, {"data": volume()})
    removal = edits.remove_stack("default")
    first = await edit(graph, removal, key="k")
    await work(graph)
    assert await edit(graph, removal, key="k") == first
    assert await values(graph, "MATCH (s:Stack) RETURN s.deletedAt IS NULL AS alive") == [False]
