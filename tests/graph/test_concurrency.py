"""Many clients at once want what only some can have: exactly those get it, and the others are told why.

They are spread over several services: the embedded graph has the clients of one take turns, not those of several.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import cycle

import invariants
import pytest
import pytest_asyncio
from applying import network, nic, put, values, vm
from engines import WIPE, Engine
from playing import GIB, a_host

from virtgraph.graphdb import connect
from virtgraph.placement import NoHost
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph
from virtgraph.store.schema import migrate

CLIENTS = 50
SERVICES = 3
ROUNDS = 20


@pytest_asyncio.fixture
async def services(engine: Engine, graph: Graph) -> AsyncIterator[Iterator[Graph]]:
    """The graph as each of several services holds it, again and again in turn."""
    async with AsyncExitStack() as stack:
        drivers = [await connect(engine.url, engine.user, engine.password) for _ in range(SERVICES)]
        for driver in drivers:
            await stack.enter_async_context(driver)
        yield cycle([Graph(driver) for driver in drivers])


@pytest.fixture
def chances() -> list[int]:
    """How many can win, round by round."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    return [chance.randrange(1, 8) for _ in range(ROUNDS)]


async def race(attempts: Sequence[Awaitable[object]]) -> Counter[str]:
    """How each of them ended."""

    async def outcome(attempt: Awaitable[object]) -> str:
        try:
            await attempt
        except (NoHost, Invalid) as refusal:
            return type(refusal).__name__
        return "won"

    return Counter(await asyncio.gather(*(outcome(attempt) for attempt in attempts)))


def result(winners: int, refusal: str) -> dict[str, int]:
    return {"won": winners, refusal: CLIENTS - winners}


async def clear(graph: Graph) -> None:
    await graph.write(lambda tx: tx.run(WIPE))
    await migrate(graph)


async def test_room_on_the_host(graph: Graph, services: Iterator[Graph], chances: list[int]) -> None:
    for room in chances:
        await clear(graph)
        await a_host(graph, vcpus=room)
        attempts = [put(next(services), {"one": vm()}, f"stack{n}") for n in range(CLIENTS)]
        assert await race(attempts) == result(room, "NoHost")
        await invariants.check(graph)


async def test_room_for_volumes_of_one_stack(graph: Graph, services: Iterator[Graph], chances: list[int]) -> None:
    for room in chances[:5]:
        await clear(graph)
        await a_host(graph, disk=room * GIB)
        volume = {"type": "resource/volume/file", "size": "1gb"}
        attempts = [put(next(services), {f"volume{n}": volume}) for n in range(CLIENTS)]
        assert await race(attempts) == result(room, "NoHost")
        assert await values(graph, "MATCH (v:Revision) RETURN v.number AS n ORDER BY n") == list(range(1, room + 1))
        await invariants.check(graph)


async def test_one_address(graph: Graph, services: Iterator[Graph], chances: list[int]) -> None:
    """Asked for by name in even rounds; in odd ones the next free of a range."""
    for number, size in enumerate(chances):
        await clear(graph)
        await a_host(graph)
        done = await put(graph, {"net": network(pool=f"10.0.0.1-10.0.0.{size}")}, "net")
        on = {"id": done.applied.ids["Network/net"]}
        asked = {"ip_addresses": ["10.0.0.7"]} if number % 2 == 0 else {}
        attempts = [put(next(services), {"card": nic(on, **asked)}, f"stack{n}") for n in range(CLIENTS)]
        assert await race(attempts) == result(1 if asked else size, "Invalid")
        await invariants.check(graph)


async def test_one_vlan_id(graph: Graph, services: Iterator[Graph], chances: list[int]) -> None:
    """With a host, whose lock all take; and without any in odd rounds."""
    for number, tags in enumerate(chances):
        await clear(graph)
        if number % 2 == 0:
            await a_host(graph)
        attempts = [put(next(services), {"net": network(1 + n % tags)}, f"stack{n}") for n in range(CLIENTS)]
        assert await race(attempts) == result(tags, "Invalid")
        await invariants.check(graph)


async def test_one_id(graph: Graph, services: Iterator[Graph], chances: list[int]) -> None:
    for _ in chances[:5]:
        await clear(graph)
        net = network(id="11111111-1111-4111-8111-111111111111")
        attempts = [put(next(services), {"net": net}, f"stack{n}") for n in range(CLIENTS)]
        assert await race(attempts) == result(1, "Invalid")
        await invariants.check(graph)


async def test_one_stack_has_revisions_without_gaps(graph: Graph, services: Iterator[Graph]) -> None:
    await a_host(graph)
    attempts = [put(next(services), {f"net{n}": network(n + 1)}) for n in range(CLIENTS)]
    assert await race(attempts) == {"won": CLIENTS}
    assert await values(graph, "MATCH (v:Revision) RETURN v.number AS n ORDER BY n") == list(range(1, CLIENTS + 1))
    await invariants.check(graph)
