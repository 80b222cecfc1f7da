"""What is seen on a host is written where it differs, and never over what was done since."""

from __future__ import annotations

import invariants
import pytest_asyncio
from applying import edit, network, nic, put, states, values, vm
from playing import a_host, claim, finish_all, work

from virtgraph.apply import edits
from virtgraph.store import runs
from virtgraph.store.graph import Graph
from virtgraph.store.observations import Observation, known, now, write, write_some

OBSERVED = "MATCH (e:Event {type: 'OBSERVED'}) RETURN e.message AS message ORDER BY e.number"
GONE = "MATCH (b:Binding {host: $host, state: 'DELETED'})-[:OF]->(r) RETURN r.id AS id"


@pytest_asyncio.fixture
async def host(graph: Graph) -> str:
    return await a_host(graph)


@pytest_asyncio.fixture
async def ids(graph: Graph, host: str) -> dict[str, str]:
    done = await put(graph, {"net": network(), "web": vm(nic())})
    await work(graph)
    return dict(done.applied.ids)


async def look(graph: Graph, host: str, *networks: str, **powers: str) -> Observation:
    return Observation(host, await now(graph), powers, frozenset(networks))


async def keep(graph: Graph, seen: Observation) -> bool:
    return await write(graph, seen, await known(graph, seen.host))


async def test_what_differs_is_written_once(graph: Graph, host: str, ids: dict[str, str]) -> None:
    def seen(power: str) -> dict[str, str]:
        return {ids["VM/web"]: power}

    assert not await keep(graph, await look(graph, host, ids["Network/net"], **seen("running")))
    assert await keep(graph, await look(graph, host, ids["Network/net"], **seen("shutoff")))
    assert not await keep(graph, await look(graph, host, ids["Network/net"], **seen("shutoff")))
    assert (await states(graph))["web"] == "STOPPED"
    assert await keep(graph, await look(graph, host))
    assert await states(graph) == {"net": "MISSING", "web": "MISSING", "VM/web/NIC/0": "ATTACHED"}
    assert await values(graph, OBSERVED) == [
        "VM web on host1 is shutoff; nobody asked for it here.",
        "Network net on host1 is gone from its host; nobody asked for it here.",
        "VM web on host1 is gone from its host; nobody asked for it here.",
    ]


async def test_a_look_from_before_the_work_ended_is_dropped(graph: Graph, host: str) -> None:
    before = await look(graph, host)
    await put(graph, {"net": network(), "web": vm(nic())})
    await work(graph)
    assert not await keep(graph, before)
    assert (await states(graph))["web"] == "RUNNING"


async def test_what_left_a_host_while_that_was_looked_at_does_not_come_back(graph: Graph, host: str) -> None:
    """And a network that is gone from one host goes wholly with the other."""
    other = await a_host(graph, "host2", address="192.0.2.2")
    await put(graph, {"net": network(), "web": vm(nic()), "more": vm(nic())})
    await work(graph)
    await edit(graph, edits.remove_stack("default"))
    times = 0
    while claims := [await claim(graph, place) for place in await runs.ready_hosts(graph)]:
        for claimed in claims:
            assert claimed
            await finish_all(graph, claimed)
        for place in (host, other):
            seen = await look(graph, place)
            gone = await values(graph, GONE, host=place)
            times += len(gone)
            assert not await graph.write(lambda tx, seen=seen, gone=gone: write_some(tx, seen, gone))  # type: ignore[misc]
    assert times, "something left before the rest"
    assert await states(graph) == {}
    await invariants.check(graph)
