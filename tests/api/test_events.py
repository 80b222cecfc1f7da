"""The feed of events, from a real service: numbered without gaps, replayable, and whole for everyone who follows it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import httpx
import neo4j
import pytest
from engines import WIPE, Engine, free_port
from follow import Event, Refused, Subscriber, newest_event
from labs import ADD_HOST, apply
from serving import Service, on, serving

from virtgraph.graphdb import connect
from virtgraph.graphdb.folder import ServerFolder
from virtgraph.model.caller import Caller
from virtgraph.model.states import EventType
from virtgraph.store import events
from virtgraph.store.events import NewEvent
from virtgraph.store.graph import Graph

SEED = int(os.environ.get("EVENTS_SEED", time.time_ns() % 1_000_000))
EVENTS = 1_000
CUTS = 20
KILLS = 5
MANY = 5_000
SECONDS = 300

AWAY = {
    "name": "away",
    "address": "127.0.0.1",
    "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
}
PROBED = """
MATCH (h:Host {name: 'away'})
SET h.state = 'READY', h.cpuCapacity = 100000, h.memoryCapacity = $room, h.diskCapacity = $room
"""
STORED = "MATCH (e:Event) RETURN properties(e) AS event ORDER BY e.number"
OPEN = "{ operations(filter: {state: [PENDING, RUNNING]}) { totalCount } }"


@pytest.fixture(scope="module")
def served(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose only host was there once and does not answer any more: what is asked of it fails, and is told.

    The embedded graph is the service's own, and is killed with it.
    """
    external = engine.name == "neo4j"
    if external:
        query(engine, WIPE)
    home = tmp_path_factory.mktemp("events") / "home"
    with serving(home, VIRTGRAPH_PATIENCE="0", **(on(engine) if external else {})) as service:
        service.graphql(ADD_HOST, {"input": {**AWAY, "port": free_port()}})
        query(graph_of(service, engine), PROBED, room=1 << 50)
        yield service


def graph_of(served: Service, engine: Engine) -> Engine:
    """Where the service keeps its graph."""
    if engine.name == "neo4j":
        return engine
    folder = ServerFolder(served.home / "graph")
    assert folder.record
    url, password = f"bolt://127.0.0.1:{folder.record.port}", folder.password_file.read_text()
    return Engine(engine.name, url, "root", password, folder.path)


def query(engine: Engine, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    with neo4j.GraphDatabase.driver(engine.url, auth=(engine.user, engine.password), database="neo4j") as driver:
        return [record.data() for record in driver.execute_query(statement, parameters).records]


def stored(served: Service, engine: Engine) -> list[Event]:
    """What the graph holds."""
    return [row["event"] for row in query(graph_of(served, engine), STORED)]


def told(event: Event) -> Event:
    """A stored event as subscribers hear it."""
    asked = ("number", "type", "message", "stack", "resource", "kind", "name", "host", "operation", "revision", "actor")
    heard = {name: event.get(name) for name in asked}
    return heard | {"requestId": event.get("requestId") or None, "data": json.loads(event["data"])}


async def test_none_is_missing_and_none_comes_twice(served: Service, engine: Engine) -> None:
    """Though the subscriber is cut off 20 times, and the service is killed 5 times."""
    print(f"EVENTS_SEED={SEED}")
    dice = random.Random(f"{SEED}/{engine.name}")
    subscriber = Subscriber(served)
    cuts = [dice.randint(1, 60) for _ in range(CUTS)]
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(subscriber.follow(cuts))
        stacks = count()
        makers = [tasks.create_task(make(served, stacks, enough)) for _ in range(2)]
        for number in sorted(dice.sample(range(EVENTS), KILLS)):
            await subscriber.has_heard(number)
            await asyncio.sleep(dice.uniform(0, 0.3))
            served.kill9()
            served.launch()
            await asyncio.to_thread(served.wait_until_ready)
        await subscriber.has_heard(EVENTS)
        enough.set()
        await asyncio.gather(*makers)
        newest = await settled(served)
        await subscriber.has_heard(newest)
        following.cancel()
    assert subscriber.cut == CUTS
    assert subscriber.numbers == list(range(1, newest + 1))
    assert subscriber.heard == [told(event) for event in stored(served, engine)]


async def make(served: Service, stacks: Iterator[int], enough: asyncio.Event) -> None:
    """Events, by applying one stack after the other."""
    while not enough.is_set():
        try:
            applied = await asyncio.to_thread(apply, served, vms(3), f"many{next(stacks)}")
            assert applied["__typename"] == "Applied", applied
        except httpx.TransportError:  # it was killed
            await asyncio.sleep(0.1)


def vms(count: int) -> str:
    """VMs with a volume each."""
    disk = {"type": "resource/volume/file", "size": "1mb"}
    attached = [{"object": disk, "property": {"r": "n0stack/n0core/vm/attachments"}}]
    vm = {"type": "resource/vm/kvm", "memory": "16mb", "dependencies": attached}
    return json.dumps({"version": 0, "spec": {f"vm{n}": vm for n in range(count)}})


async def settled(served: Service) -> int:
    """The newest event, once nothing is under way that could lead to another."""
    end = time.monotonic() + SECONDS
    while (await asyncio.to_thread(served.graphql, OPEN))["operations"]["totalCount"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    return newest_event(served)


async def test_each_hears_exactly_what_it_asked_for(served: Service, engine: Engine) -> None:
    dice = random.Random(SEED)
    first = await asyncio.to_thread(apply, served, vms(1), "filtered0")
    vm = json.loads(first["document"])["spec"]["vm0"]["id"]
    everything = Subscriber(served)
    subscribers = {
        "all": everything,
        "stack": Subscriber(served, stack="filtered1"),
        "resource": Subscriber(served, resource=vm),
        "both": Subscriber(served, stack="filtered0", resource=vm),
        "neither": Subscriber(served, stack="filtered1", resource=vm),
    }
    async with asyncio.TaskGroup() as tasks:
        cuts = [dice.randint(1, 5) for _ in range(5)]
        following = [tasks.create_task(one.follow(cuts)) for one in subscribers.values()]
        for number in range(4):
            await asyncio.to_thread(apply, served, vms(2), f"filtered{number}")
        newest = await settled(served)
        rows = [told(event) for event in stored(served, engine)]
        expected = {
            "all": rows,
            "stack": [row for row in rows if row["stack"] == "filtered1"],
            "resource": [row for row in rows if row["resource"] == vm],
            "both": [row for row in rows if row["resource"] == vm],
            "neither": [],
        }
        assert all(len(expected[name]) > 2 for name in ("stack", "resource"))
        for name, one in subscribers.items():
            await one.has_heard(len(expected[name]))
        for task in following:
            task.cancel()
    assert everything.numbers[-1] == newest
    assert {name: one.heard for name, one in subscribers.items()} == expected


@asynccontextmanager
async def graph(served: Service, engine: Engine) -> AsyncIterator[Graph]:
    """To write to it what would take long to happen."""
    where = graph_of(served, engine)
    async with await connect(where.url, where.user, where.password) as driver:
        yield Graph(driver)


async def happen(graph: Graph, count: int) -> None:
    """So many events, each of 6 kB: more than sockets and the service's memory hold."""
    for first in range(0, count, 500):
        some = [NewEvent(EventType.APPLIED, "x" * 6_000) for _ in range(first, min(first + 500, count))]
        await graph.write(partial(events.write, events=some, caller=Caller("tester", "")))


async def test_one_that_does_not_listen_holds_up_nobody_and_loses_nothing(served: Service, engine: Engine) -> None:
    begin = newest_event(served)
    quick, slow = Subscriber(served, begin), Subscriber(served, begin)
    async with graph(served, engine) as inside, asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(one.follow()) for one in (quick, slow)]
        await stops_listening(slow, inside)
        await happen(inside, MANY - 1)
        await quick.has_heard(MANY)
        assert len(slow.heard) == 1
        slow.listening.set()
        await slow.has_heard(MANY)
        for task in following:
            task.cancel()
    assert quick.numbers == slow.numbers == list(range(begin + 1, begin + MANY + 1))


async def test_one_whose_events_are_forgotten_is_told(served: Service, engine: Engine) -> None:
    begin = newest_event(served)
    slow = Subscriber(served, begin)
    following = asyncio.create_task(slow.follow())
    async with graph(served, engine) as inside:
        await stops_listening(slow, inside)
        await happen(inside, MANY - 1)
        oldest = await forget(inside, begin + MANY - 10)
    slow.listening.set()
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(following, SECONDS)
    assert refused.value.extensions["code"] == "TOO_OLD"
    assert slow.numbers == list(range(begin + 1, begin + 1 + len(slow.heard)))
    # events go by and by: it may have been told while they went
    assert slow.numbers[-1] < refused.value.extensions["oldest"] - 1 < oldest
    again = Subscriber(served, oldest - 1)
    assert await asyncio.wait_for(again.listen(11), SECONDS)
    assert again.numbers == list(range(oldest, oldest + 10))


async def stops_listening(subscriber: Subscriber, graph: Graph) -> None:
    """Once it has subscribed: it has heard an event then."""
    await happen(graph, 1)
    await subscriber.has_heard(1)
    subscriber.listening.clear()


async def forget(graph: Graph, last: int) -> int:
    """All up to an event, as the worker does it by and by; the oldest that is left."""
    while True:
        oldest, newest = await events.bounds(graph)
        if oldest > last:
            return oldest
        await events.prune(graph, newest - last)


async def test_from_now_on(served: Service, engine: Engine) -> None:
    begin = newest_event(served)
    subscriber = Subscriber(served, after=None)
    async with graph(served, engine) as inside, asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(subscriber.listen(10))
        while not listening.done():
            await happen(inside, 1)
            await asyncio.sleep(0.05)
    first = subscriber.numbers[0]
    assert first > begin
    assert subscriber.numbers == list(range(first, first + 9))


@pytest.mark.parametrize(
    ("after", "code", "sentence"),
    [
        (2_000_000_000, "TOO_NEW", "There is no event 2000000000 yet; the newest is "),
        (-1, "BAD_VARIABLES", "`after` must be 0 or more"),
        (-2_000_000_000, "BAD_VARIABLES", "`after` must be 0 or more"),
        (2**31, "BAD_VARIABLES", "cannot represent"),
    ],
)
async def test_numbers_that_cannot_be_meant(served: Service, after: int, code: str, sentence: str) -> None:
    with pytest.raises(Refused, match=re.escape(sentence)) as refused:
        await asyncio.wait_for(Subscriber(served, after).follow(), SECONDS)
    assert refused.value.extensions["code"] == code
