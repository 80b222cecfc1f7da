"""A service meets a graph of another version: an older one is brought up, a newer one is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from engines import Engine
from neo4j.exceptions import ConstraintError
from playing import a_host
from serving import Service, on, serving

from virtgraph.store.graph import Graph
from virtgraph.store.schema import MIGRATIONS, migrate, run_schema_statement, set_version

KNOWN = len(MIGRATIONS)
NAME = "answer_key"
BEFORE = next(number for number, statement in enumerate(MIGRATIONS) if f" {NAME} " in statement)  # its own is one more
TWINS = "CREATE (:Answer {key: 'twin'}), (:Answer {key: 'twin'})"
EVERYTHING = "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties ORDER BY elementId(n)"


@pytest_asyncio.fixture(autouse=True)
async def put_back(graph: Graph) -> AsyncIterator[None]:
    """The graph is the next test's too."""
    yield
    await graph.write(lambda tx: tx.run("MATCH (a:Answer) DELETE a"))
    await set_version(graph, BEFORE)
    await migrate(graph)


async def held(graph: Graph) -> tuple[list[Any], list[Any]]:
    """Every node, and the name of every constraint."""
    constraints = await graph.read("SHOW CONSTRAINTS")
    return list(await graph.read(EVERYTHING)), sorted(row["name"] for row in constraints)


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=" ".join)
async def test_a_newer_graph(graph: Graph, engine: Engine, tmp_path: Path, command: tuple[str, ...]) -> None:
    await a_host(graph)
    await set_version(graph, KNOWN + 1)
    before = await held(graph)
    service = Service(tmp_path / "home", **on(engine))
    refused = service.virtgraph(*command)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"The graph has schema version {KNOWN + 1}, this virtgraph knows {KNOWN}: upgrade virtgraph."
    ]
    assert await held(graph) == before
    assert list(service.home.glob("*")) in ([], [service.home / "images"]), "neither token nor key is made"


async def test_an_older_graph(graph: Graph, engine: Engine, tmp_path: Path) -> None:
    whole = await held(graph)
    await run_schema_statement(graph, f"DROP CONSTRAINT {NAME}")
    await set_version(graph, BEFORE)
    await graph.driver.execute_query(TWINS)
    await graph.write(lambda tx: tx.run("MATCH (a:Answer) DELETE a"))
    with serving(tmp_path / "home", **on(engine)):
        [meta] = await graph.read("MATCH (m:Meta {id: 'schema'}) RETURN m.version AS version")
        assert meta["version"] == KNOWN
        with pytest.raises(ConstraintError):
            await graph.driver.execute_query(TWINS)
    assert (await held(graph))[1] == whole[1]
