"""A graph's secrets are sealed with one key: who has another one, or none, does not start, and is told where it is."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from applying import VAULT, put, vm
from engines import Engine
from playing import a_host
from serving import Service, on

from virtgraph.opening import CannotStart, open_vault
from virtgraph.secrets import Vault
from virtgraph.store.graph import Graph

SERVICES = 5


def place(file: Path) -> str:
    return f"{socket.gethostname()}:{file}"


async def refused(graph: Graph, file: Path) -> CannotStart:
    with pytest.raises(CannotStart) as found:
        await open_vault(graph, file)
    return found.value


async def test_one_key(graph: Graph, tmp_path: Path) -> None:
    """Made once. A copy of it opens what it sealed; no other is made, and none is taken."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    sealed = (await open_vault(graph, first)).seal("secret", "vm", "password")
    Vault.open_file(third)
    for file, sentence in ((second, "There is no"), (third, "is not the key")):
        refusal = await refused(graph, file)
        assert str(file) in str(refusal) and sentence in str(refusal)
        assert refusal.cure == f"Copy {place(first)}, or its backup, to {file}."
    assert not second.exists()
    second.write_bytes(first.read_bytes())
    assert (await open_vault(graph, second)).unseal(sealed, "vm", "password") == "secret"
    first.unlink()
    assert str(first) in (await refused(graph, first)).cure


async def test_a_graph_that_does_not_know_its_key_yet(graph: Graph, tmp_path: Path) -> None:
    """It takes the one that its passwords are sealed with, whoever starts first."""
    await a_host(graph)
    await put(graph, {"web": vm(vnc_password="secret")})
    right, wrong, none = (tmp_path / name for name in ("right", "wrong", "none"))
    right.write_bytes(b"0" * 32)
    Vault.open_file(wrong)
    for file in (wrong, none):
        assert "secret.key in VIRTGRAPH_HOME" in (await refused(graph, file)).cure
    assert not none.exists()
    assert (await open_vault(graph, right)).key_id == VAULT.key_id
    assert place(right) in (await refused(graph, wrong)).cure


async def test_at_once(graph: Graph, tmp_path: Path) -> None:
    """Each has a key of its own already: one of them is the graph's."""
    files = [tmp_path / str(number) for number in range(SERVICES)]
    opened = await asyncio.gather(*(open_vault(graph, file) for file in files), return_exceptions=True)
    (winner,) = (file for file, done in zip(files, opened, strict=True) if isinstance(done, Vault))
    cures = [done.cure for done in opened if isinstance(done, CannotStart)]
    assert cures == [f"Copy {place(winner)}, or its backup, to {file}." for file in files if file != winner]


async def test_two_first_services_and_a_worker(graph: Graph, engine: Engine, tmp_path: Path) -> None:
    """On a graph where nothing is at all. The one that does not start says it in words, and so does a worker of a third
    machine, which makes no key."""
    await graph.write(lambda tx: tx.run("MATCH (n) DETACH DELETE n"))
    services = [Service(tmp_path / name, **on(engine)) for name in ("one", "other")]
    for service in services:
        service.launch()
    try:
        (winner,) = (service for service in services if is_ready(service))
        (loser,) = (service for service in services if service is not winner)
        key = place(winner.home / "secret.key")
        check_words(
            loser.log.read_text(),
            "the graph's secrets are sealed with",
            f"Copy {key}, or its backup, to {loser.home}/secret.key.",
        )
        assert not (loser.home / "token").exists()
        worker = Service(tmp_path / "machine", **on(engine))
        refused = worker.virtgraph("worker")
        assert refused.returncode == 1
        check_words(refused.stderr, "There is no", f"Copy {key}, or its backup, to {worker.home}/secret.key.")
        assert not (worker.home / "secret.key").exists()
    finally:
        for service in services:
            service.kill9()


def is_ready(service: Service) -> bool:
    """Or it has ended."""
    try:
        service.wait_until_ready()
    except AssertionError:
        return False
    return True


def check_words(said: str, sentence: str, cure: str) -> None:
    *_, first, second = said.splitlines()
    assert sentence in first
    assert cure == second
    assert "Traceback" not in said
