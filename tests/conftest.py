"""A graph for every test that wants one: empty, with its constraints, on each engine in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from engines import ENGINES, WIPE, Engine
from hypothesis import HealthCheck, settings

from virtgraph.graphdb import connect
from virtgraph.store.graph import Graph
from virtgraph.store.schema import migrate

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ON_LAB_HOSTS = ("engine", "lab", "roles")  # folders


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in ON_LAB_HOSTS:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each graph engine, started once in a session."""
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as engine:
        yield engine


@pytest_asyncio.fixture
async def graph(engine: Engine) -> AsyncIterator[Graph]:
    """The engine's graph, as a service finds it that starts for the first time."""
    async with await connect(engine.url, engine.user, engine.password) as driver:
        graph = Graph(driver)
        await graph.write(lambda tx: tx.run(WIPE))
        await migrate(graph)
        yield graph
