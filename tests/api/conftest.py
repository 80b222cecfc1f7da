"""The generated graph on each engine, filled once for all tests of a module, and what reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import generated_graph
import neo4j
import pytest
import pytest_asyncio
from engines import WIPE, Engine
from naive_reader import NaiveReader
from reading import CountingDriver, Reader

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
