"""Work that an earlier command began, on a host that does not answer and is tried for minutes: `--wait` waits for it, and
`host rm` does not forget a host that carries something."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engines import ON_ONE_GRAPH, WIPE, Engine
from playing import ME, a_host, work
from serving import on, serving

from virtgraph.apply.documents import apply_document
from virtgraph.graphdb import connect
from virtgraph.secrets import Vault
from virtgraph.store.graph import Graph
from virtgraph.store.schema import migrate

pytestmark = ON_ONE_GRAPH

NOWHERE = "192.0.2.1"  # RFC 5737
VM = """
version: 0
spec:
  web: {type: resource/vm/kvm, memory: 64mb}
"""


def test_wait_waits_for_what_was_begun_before(engine: Engine, tmp_path: Path) -> None:
    asyncio.run(prepare(engine))
    with serving(tmp_path / "home", VIRTGRAPH_PATIENCE="3600", **on(engine)) as service:
        begun = service.virtgraph("apply", "-", input=VM)
        assert begun.returncode == 0, begun.stderr
        again = service.virtgraph("apply", "-", "--wait", "--timeout", "2", input=VM)
    assert "nothing to do" in again.stdout
    assert again.returncode == 1, again.stderr
    assert "1 of 1 operations are not over yet" in again.stderr


def test_a_stack_is_waited_for_that_goes_already(engine: Engine, tmp_path: Path) -> None:
    asyncio.run(prepare(engine, VM))
    with serving(tmp_path / "home", VIRTGRAPH_PATIENCE="3600", **on(engine)) as service:
        begun = service.virtgraph("delete", "stack", "default")
        assert begun.returncode == 0, begun.stderr
        again = service.virtgraph("delete", "stack", "default", "--wait", "--timeout", "2")
    assert ": 0 operations" in again.stdout
    assert again.returncode == 1, again.stderr
    assert "1 of 1 operations are not over yet" in again.stderr


def test_a_host_with_something_on_it_is_not_forgotten(engine: Engine, tmp_path: Path) -> None:
    asyncio.run(prepare(engine, VM))
    with serving(tmp_path / "home", VIRTGRAPH_PATIENCE="3600", **on(engine)) as service:
        refused = service.virtgraph("host", "rm", "host1")
        listed = service.virtgraph("host", "ls")
    assert "Host host1 carries VM web: remove them first" in refused.stderr
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "host1" in listed.stdout


async def prepare(engine: Engine, document: str | None = None) -> None:
    """The host answered long enough for what the document says."""
    async with await connect(engine.url, engine.user, engine.password) as driver:
        graph = Graph(driver)
        await graph.write(lambda tx: tx.run(WIPE))
        await migrate(graph)
        await a_host(graph, address=NOWHERE)
        if document is not None:
            vault = Vault(b"0" * 32)
            await apply_document(graph, vault, document, stack="default", prune=False, idempotency_key=None, caller=ME)
            await work(graph)
