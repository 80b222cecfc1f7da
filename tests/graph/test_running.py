"""What a worker writes of its Runs, whatever comes of them. No host is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from applying import network, nic, put, values, vm
from playing import a_host, claim

from virtgraph.order import Outcome
from virtgraph.play_doc import PlayDoc
from virtgraph.running import Limits, Running
from virtgraph.store.graph import Graph

OPERATIONS = "MATCH (o:Operation) WHERE o.kind <> 'Host' RETURN DISTINCT o.state AS state"
RUNS = "MATCH (r:Run) WHERE r.action <> 'observe' RETURN r.state AS state"


@pytest_asyncio.fixture(autouse=True)
async def host(graph: Graph) -> str:
    return await a_host(graph)


async def begun(graph: Graph, host: str, home: Path, patience: float = 300) -> Running:
    """A Run of a VM that has one network."""
    await put(graph, {"net": network(), "web": vm(nic())})
    claimed = await claim(graph, host)
    assert claimed is not None
    return Running(graph, claimed, PlayDoc({}), Limits(home, patience=patience), lambda: None)


async def test_a_cancelled_run_is_no_failed_one(graph: Graph, host: str, tmp_path: Path) -> None:
    running = await begun(graph, host, tmp_path)
    running.cancelled = {operation.id for operation in running.claim.operations}
    await running.end(Outcome("cancelled", "The work was cancelled."))
    assert await values(graph, RUNS) == ["CANCELLED"]
    assert await values(graph, OPERATIONS) == ["CANCELLED"]


@pytest.mark.parametrize(("patience", "state"), [(300, "PENDING"), (0, "FAILED")])
async def test_what_missed_its_deadline_is_tried_again_for_a_while(
    graph: Graph, host: str, tmp_path: Path, patience: float, state: str
) -> None:
    running = await begun(graph, host, tmp_path, patience)
    await running.end(Outcome("deadline", "The work did not end by its deadline."))
    assert await values(graph, OPERATIONS) == [state]
