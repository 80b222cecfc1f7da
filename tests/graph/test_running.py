"""What a worker writes of its Runs, whatever comes of them. No host is touched."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from applying import VAULT, network, nic, open_operations, put, values, vm
from playing import a_host, claim

from virtgraph.dispatch import Dispatcher
from virtgraph.order import Outcome, ResourceResult
from virtgraph.play_doc import PlayDoc
from virtgraph.running import Limits, Running
from virtgraph.store import runs
from virtgraph.store.graph import WRONG, Graph
from virtgraph.worker import Worker

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


async def test_what_cannot_be_stored_fails_its_operation(graph: Graph, host: str, tmp_path: Path) -> None:
    running = await begun(graph, host, tmp_path)
    too_large = {"capacity": 1 << 70}
    running.take(
        [ResourceResult(o.resource, True, False, False, None, None, too_large) for o in running.claim.operations]
    )
    await running.end(Outcome("successful", "Done."))
    assert await values(graph, OPERATIONS) == ["FAILED"]
    assert await values(graph, RUNS) == ["SUCCEEDED"]


async def test_a_statement_that_is_wrong_is_not_a_graph_that_is_away(graph: Graph) -> None:
    """What waits for the graph would wait for ever."""
    with pytest.raises(WRONG):
        await graph.write(lambda tx: tx.run("NO CYPHER"))


async def test_a_mistake_of_ours_fails_what_it_ends(graph: Graph, host: str, tmp_path: Path) -> None:
    await put(graph, {"web": vm()})
    worker = broken_worker(graph, tmp_path)
    try:
        await worker.claim_ready()
        await nothing_runs(graph)
    finally:
        await worker.dispatcher.close()
    assert await values(graph, OPERATIONS) == ["FAILED"]
    [error] = await values(graph, "MATCH (o:Operation {state: 'FAILED'}) RETURN DISTINCT o.error AS error")
    assert "by a mistake of virtgraph" in error
    assert str(tmp_path) not in error


async def test_what_cannot_be_begun_on_one_host_harms_no_other(graph: Graph, host: str, tmp_path: Path) -> None:
    await put(graph, {"web": vm()})
    await graph.write(lambda tx: tx.run("MATCH (v:VM) SET v.spec = 'no JSON'"))
    await a_host(graph, "host2")
    await put(graph, {"net": network(), "other": vm(nic(), memory="2gb")}, "other")
    hosts = await values(graph, "MATCH (o:Operation {kind: 'VM'}) RETURN o.hostName AS host ORDER BY host")
    assert hosts == ["host1", "host2"]
    worker = broken_worker(graph, tmp_path)
    try:
        await worker.claim_ready()
        await nothing_runs(graph)
    finally:
        await worker.dispatcher.close()
    assert await open_operations(graph) == {"web": "PENDING"}


async def test_what_cannot_be_begun_is_told_once(graph: Graph, host: str, tmp_path: Path) -> None:
    """A line for each reason, however often it is tried; and it is begun when that is mended."""
    await put(graph, {"web": vm()})
    [spec] = await values(graph, "MATCH (v:VM) RETURN v.spec AS spec")
    worker = broken_worker(graph, tmp_path)
    try:
        with structlog.testing.capture_logs() as logs:
            for reason, broken in (("JSONDecodeError", "no JSON"), ("KeyError", "{}")):
                await write_spec(graph, broken)
                async with asyncio.timeout(120):
                    while not logs or reason not in logs[-1]["reason"]:
                        await worker.claim_ready()
                        await asyncio.sleep(0.01)
                for _ in range(100):
                    await worker.claim_ready()
        assert [line["event"] for line in logs] == ["a host's work cannot be begun"] * 2
        assert {line["id"] for line in logs} == {host}
        assert not any("exc_info" in line for line in logs), "a traceback"
        await write_spec(graph, spec)
        async with asyncio.timeout(120):
            while await values(graph, OPERATIONS) != ["FAILED"]:
                await worker.claim_ready()
                await asyncio.sleep(0.1)
    finally:
        await worker.dispatcher.close()


async def write_spec(graph: Graph, spec: str) -> None:
    await graph.write(lambda tx: tx.run("MATCH (v:VM) SET v.spec = $spec", spec=spec))


async def test_a_run_that_every_worker_dies_of_is_given_up(graph: Graph, host: str, tmp_path: Path) -> None:
    await begun(graph, host, tmp_path)
    await graph.write(lambda tx: tx.run("MATCH (o:Operation) SET o.attempt = $most", most=runs.ATTEMPTS))
    worker = Worker(graph, VAULT, "installation", Limits(tmp_path))
    [beat] = await runs.beats(graph)
    await worker.take_over(beat)
    assert await values(graph, OPERATIONS) == ["FAILED"]
    assert sorted(await values(graph, RUNS)) == ["FAILED", "LOST"]


def broken_worker(graph: Graph, home: Path) -> Worker:
    """One that cannot keep a Run's log: each Run ends before Ansible is called."""
    worker = Worker(graph, VAULT, "installation", Limits(home))
    worker.dispatcher = Dispatcher(home, warm=False)
    shutil.rmtree(home / "runs")
    return worker


async def nothing_runs(graph: Graph) -> None:
    async with asyncio.timeout(60):
        while "RUNNING" in (await open_operations(graph)).values():
            await asyncio.sleep(0.1)
