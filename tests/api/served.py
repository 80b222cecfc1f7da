"""The real service on a graph engine, asked over HTTP. Its worker is paused, and the test does the work in its place.

Hosts stand in the graph as after a probe, under an address that no machine has (RFC 5737). So placement reserves on them
and operations are PENDING until `work` has them succeed, through the worker's own statements; no host is touched.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import neo4j
import playing
from engines import Engine
from follow import wait_for
from processes import descendants
from serving import Service, on, serving

from virtgraph.graphdb import connect
from virtgraph.store.graph import Graph

T = TypeVar("T")
Answer = dict[str, Any]

NOWHERE = "192.0.2.1"
NO_ID = "00000000-0000-4000-8000-000000000000"
INTERNALS = ("Traceback", "Internal error", "Exception", "Error(", "virtgraph.", "neo4j", "Neo4j", "Arcade", "MATCH (")

# not what the service holds on to: its token, and the numbers of its events
CLEAR = "MATCH (n) WHERE NOT n:Meta AND NOT n:Token AND NOT n:Counter AND NOT n:Event DETACH DELETE n"
CENSUS = """
    MATCH (c:Counter {id: 'events'})
    RETURN COUNT { MATCH (n) } AS nodes, COUNT { MATCH ()-[a]->() } AS arrows, c.value AS events
"""

PENDING = "MATCH (o:Operation {state: 'PENDING'}) RETURN o.id AS id"

REFUSALS = """
    ... on Invalid { problems { path reason } }
    ... on Conflict { message state task neededStates }
"""
CHANGED = f"""
    __typename
    ... on Changed {{
      id revision {{ number createdAt }} resource {{ __typename id name state }}
      operations {{ id action kind state host {{ name }} resource {{ id }} }}
    }}
    {REFUSALS}
    ... on NoHost {{ hosts {{ name reason }} }}
    ... on NotFound {{ message kind reference }}
"""
APPLIED = f"""
    __typename
    ... on Applied {{
      revision {{ number createdAt }} document leftOut {{ id kind name }} operations {{ id kind state }}
    }}
    {REFUSALS}
    ... on NoHost {{ hosts {{ name reason }} }}
"""
CANCELLING = f"""
    __typename
    ... on Cancelling {{ operation {{ id state error }} }}
    {REFUSALS}
    ... on NotFound {{ message kind reference }}
"""
ADDED_HOST = f"__typename ... on AddedHost {{ host {{ id name state }} hostKey }} {REFUSALS}"
REMOVED_HOST = f"__typename ... on RemovedHost {{ id }} {REFUSALS} ... on NotFound {{ message kind reference }}"

REPORTED = f"""
    __typename
    ... on RunReported {{
      revision {{ number createdAt }} operations {{ id kind state error }} run {{ id owner state }}
      refused {{ path reason }}
    }}
    {REFUSALS}
    ... on NoHost {{ hosts {{ name reason }} }}
    ... on NotFound {{ message kind reference }}
"""

# by field: its arguments with their types, and what is asked of its answer
KEY = {"idempotencyKey": "String"}
MUTATIONS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "applySpec": ({"document": "String!", "stack": 'String! = "default"', "prune": "Boolean! = false", **KEY}, APPLIED),
    "removeStack": ({"stack": "String!", **KEY}, CHANGED),
    "createNetwork": ({"input": "CreateNetworkInput!", **KEY}, CHANGED),
    "createNIC": ({"input": "CreateNICInput!", **KEY}, CHANGED),
    "createVolume": ({"input": "CreateVolumeInput!", **KEY}, CHANGED),
    "createVM": ({"input": "CreateVMInput!", **KEY}, CHANGED),
    "attachVolume": ({"input": "AttachVolumeInput!", **KEY}, CHANGED),
    "deleteNetwork": ({"id": "ID!", **KEY}, CHANGED),
    "deleteNIC": ({"id": "ID!", **KEY}, CHANGED),
    "deleteVolume": ({"id": "ID!", **KEY}, CHANGED),
    "deleteVM": ({"id": "ID!", "volumes": "Boolean! = false", **KEY}, CHANGED),
    "addHost": ({"input": "AddHostInput!", **KEY}, ADDED_HOST),
    "removeHost": ({"host": "String!", **KEY}, REMOVED_HOST),
    "cancelOperation": ({"id": "ID!", **KEY}, CANCELLING),
    "reportRun": ({"input": "ReportRunInput!", **KEY}, REPORTED),
}


@dataclass(frozen=True, slots=True)
class Census:
    """How much the graph holds, and the newest event's number."""

    nodes: int
    arrows: int
    events: int


@dataclass(frozen=True, slots=True)
class Api:
    """What a test asks, and where it looks afterwards."""

    service: Service
    engine: Engine
    http: httpx.Client
    driver: neo4j.Driver

    def post(self, query: str, variables: Mapping[str, Any] | None = None) -> httpx.Response:
        """No answer whatever may tell of what is inside."""
        response = self.http.post(self.service.url, json={"query": query, "variables": variables or {}})
        assert not [word for word in INTERNALS if word in response.text], response.text
        return response

    def ask(self, query: str, **variables: Any) -> Answer:
        """The data of an answer that must have no errors."""
        answer: Answer = self.post(query, variables).json()
        assert "errors" not in answer, answer
        data: Answer = answer["data"]
        return data

    def do(self, field: str, **arguments: Any) -> Answer:
        """What a mutation answers, whichever member of its union; its arguments are variables."""
        answer: Answer = self.ask(mutation(field), **arguments)["answer"]
        return answer

    def change(self, field: str, **arguments: Any) -> Answer:
        """The answer of a mutation that must not be refused."""
        return told(self.do(field, **arguments), "Changed")

    def make(self, field: str, **input: Any) -> str:
        """The id of what a mutation with this input has made or changed."""
        return str(self.change(field, input=input)["id"])

    def apply(self, resources: Mapping[str, Any], stack: str = "default", **more: Any) -> Answer:
        return self.do("applySpec", document=json.dumps({"version": 0, "spec": resources}), stack=stack, **more)

    def play(self, what: Callable[[Graph], Awaitable[T]]) -> T:
        """On the service's graph, as another process of virtgraph has it."""

        async def connected() -> T:
            async with await connect(self.engine.url, self.engine.user, self.engine.password) as driver:
                return await what(Graph(driver))

        return asyncio.run(connected())

    def host(self, name: str = "host1", **more: Any) -> str:
        return self.play(lambda graph: playing.a_host(graph, name, address=NOWHERE, **more))

    def add_host(self, **arguments: Any) -> Answer:
        """What addHost answers, whose probe has succeeded; it waits for that."""
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self.do, "addHost", **arguments)
            wait_for(lambda: asking.done() or bool(self.rows(PENDING)))
            self.work()
            return asking.result()

    def work(self) -> None:
        """All operations that are open succeed."""
        self.play(playing.work)

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        return [record.data() for record in self.driver.execute_query(statement, parameters, database_="neo4j").records]

    def census(self) -> Census:
        (row,) = self.rows(CENSUS)
        return Census(**row)

    def clear(self) -> None:
        self.rows(CLEAR)


def mutation(field: str) -> str:
    types, selection = MUTATIONS[field]
    declared = ", ".join(f"${name}: {type_}" for name, type_ in types.items())
    passed = ", ".join(f"{name}: ${name}" for name in types)
    return f"mutation ({declared}) {{ answer: {field}({passed}) {{ {selection} }} }}"


@contextmanager
def serving_on(engine: Engine, home: Path) -> Iterator[Api]:
    """The service with its worker paused, until the block ends."""
    with (
        serving(home, **on(engine)) as service,
        paused_worker(service),
        httpx.Client(headers={"Authorization": f"Bearer {service.token}"}, timeout=120, trust_env=False) as http,
        neo4j.GraphDatabase.driver(engine.url, auth=(engine.user, engine.password)) as driver,
    ):
        api = Api(service, engine, http, driver)
        yield api
        api.clear()  # there is nothing to do for a worker that goes on


@contextmanager
def paused_worker(service: Service) -> Iterator[None]:
    (worker,) = (
        p.pid for p in descendants(service.pid).values() if p.parent == service.pid and "--piped" in p.arguments
    )
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def told(answer: Answer, typename: str) -> Answer:
    """The answer, which must be this member of its union."""
    assert answer["__typename"] == typename, answer
    return answer


def refused(answer: Answer) -> list[tuple[str, str]]:
    """The paths of what is Invalid, each with its reason."""
    return [(problem["path"], problem["reason"]) for problem in told(answer, "Invalid")["problems"]]


def conflict(answer: Answer) -> tuple[str | None, str | None]:
    """The state and the task that a Conflict names."""
    return told(answer, "Conflict")["state"], answer["task"]
