"""On each engine: the generated graph, filled once for all tests of a module, with what reads it; and the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import generated_graph
import invariants
import neo4j
import pytest
import pytest_asyncio
from engines import WIPE, Engine
from naive_reader import NaiveReader
from reading import CountingDriver, Reader
from served import Api, serving_on

from virtgraph.graphdb import connect
from virtgraph.store.graph import Graph
from virtgraph.store.schema import migrate
from virtgraph_api.schema import schema


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(engine: Engine) -> Engine:
    """The engine with the generated graph in it."""
    async with await connect(engine.url, engine.user, engine.password) as driver:
        graph = Graph(driver)
        await graph.write(lambda tx: tx.run(WIPE))
        await migrate(graph)
    with neo4j.GraphDatabase.driver(engine.url, auth=(engine.user, engine.password), database="neo4j") as plain:
        generated_graph.load(plain)
    return engine


@pytest_asyncio.fixture
async def reader(filled: Engine) -> AsyncIterator[Reader]:
    """The API's schema over it."""
    async with await connect(filled.url, filled.user, filled.password) as driver:
        yield Reader(CountingDriver(driver))


@pytest.fixture(scope="module")
def oracle(filled: Engine) -> Iterator[NaiveReader]:
    """What the answers must be."""
    with neo4j.GraphDatabase.driver(filled.url, auth=(filled.user, filled.password), database="neo4j") as driver:
        yield NaiveReader(schema.as_str(), driver)


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The service for all tests of a module, on a graph that it found empty."""
    with neo4j.GraphDatabase.driver(engine.url, auth=(engine.user, engine.password), database="neo4j") as driver:
        driver.execute_query(WIPE)
    with serving_on(engine, tmp_path_factory.mktemp("api") / "home") as api:
        yield api


@pytest.fixture
def api(running: Api) -> Iterator[Api]:
    """The service on a graph without hosts and stacks; whatever the test does, what always holds of a graph holds of it."""
    running.clear()
    yield running
    running.play(invariants.check)
