"""The embedded graph server as processes see it: started once, joined, killed, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from neo4j import AsyncDriver

from virtgraph.graphdb import EmbeddedServer, arcadedb, connect, start_embedded
from virtgraph.store.graph import UNREACHABLE

SECONDS = 300

# Starts (or joins) the server of a folder, commits one node, says who serves, and stays until it is killed.
PEER = """
import asyncio, sys
from pathlib import Path
from virtgraph.graphdb import connect, start_embedded

async def main():
    server = await start_embedded(Path(sys.argv[1]))
    async with await connect(server.url, server.user, server.password) as driver:
        await driver.execute_query("CREATE (:Peer {name: $name})", name=sys.argv[2])
    print(server.pid, server.owned, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()

asyncio.run(main())
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[EmbeddedServer, AsyncDriver]]:
    server = await start_embedded(folder)
    try:
        async with await connect(server.url, server.user, server.password) as driver:
            yield server, driver
    finally:
        await server.stop()


@asynccontextmanager
async def kept(server: EmbeddedServer) -> AsyncIterator[None]:
    keeping = asyncio.create_task(server.keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


class Peer:
    """Another process that uses the same folder."""

    def __init__(self, folder: Path, name: str) -> None:
        arguments = [sys.executable, "-c", PEER, str(folder), name]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        pid, owned = self.process.stdout.readline().split()
        self.server_pid, self.owned = int(pid), owned == "True"

    def leave(self) -> None:
        self.process.communicate("")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


async def peers(driver: AsyncDriver) -> list[str]:
    """Their names, once the server is there again."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                result = await driver.execute_query("MATCH (p:Peer) RETURN p.name AS name ORDER BY name")
            except UNREACHABLE:  # for longer than the driver itself tries
                continue
            return [record["name"] for record in result.records]


def running(pid: int) -> bool:
    """Whether a process lives; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() != ""
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_server_keeps_what_it_was_told_and_the_password_to_itself(tmp_path: Path) -> None:
    async with serving(tmp_path / "graph") as (server, driver):
        await driver.execute_query("CREATE (:Peer {name: 'first'})")
        assert server.owned
        assert stat.S_IMODE((tmp_path / "graph/password").stat().st_mode) == 0o600
        assert server.password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        url = server.url
    assert not running(server.pid)

    async with serving(tmp_path / "graph") as (server, driver):
        assert server.url == url
        assert await peers(driver) == ["first"]


async def test_a_second_process_joins_and_leaves_the_server_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, driver):
        peer = await asyncio.to_thread(Peer, tmp_path, "second")
        assert (peer.server_pid, peer.owned) == (server.pid, False)
        await asyncio.to_thread(peer.leave)
        assert await peers(driver) == ["second"]


async def test_one_of_many_that_start_together_owns_the_server(tmp_path: Path) -> None:
    group = await asyncio.gather(*(asyncio.to_thread(Peer, tmp_path, f"peer{n}") for n in range(4)))
    assert len({peer.server_pid for peer in group}) == 1
    assert sum(peer.owned for peer in group) == 1
    for peer in sorted(group, key=lambda peer: peer.owned):
        await asyncio.to_thread(peer.leave)


async def test_the_server_goes_with_its_killed_owner_and_the_data_stays(tmp_path: Path) -> None:
    owner = await asyncio.to_thread(Peer, tmp_path, "killed")
    await asyncio.to_thread(owner.kill)
    async with serving(tmp_path) as (server, driver):
        assert server.owned
        assert server.pid != owner.server_pid
        assert not running(owner.server_pid)
        assert await peers(driver) == ["killed"]


async def test_what_a_killed_server_had_committed_is_there_again(tmp_path: Path) -> None:
    first = await start_embedded(tmp_path)
    async with await connect(first.url, first.user, first.password) as driver:
        for n in range(20):
            await driver.execute_query("CREATE (:Peer {name: $name})", name=f"{n:02}")
        os.kill(first.pid, signal.SIGKILL)
    await first.stop()

    async with serving(tmp_path) as (server, driver):
        assert server.url == first.url
        assert await peers(driver) == [f"{n:02}" for n in range(20)]


async def test_a_kept_server_comes_back_under_its_address(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, driver), kept(server):
        await driver.execute_query("CREATE (:Peer {name: 'before'})")
        os.kill(server.pid, signal.SIGKILL)
        assert await peers(driver) == ["before"]


async def test_a_kept_server_that_is_killed_while_it_starts_comes_back_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, driver), kept(server):
        await driver.execute_query("CREATE (:Peer {name: 'before'})")
        first = server.pid
        os.kill(first, signal.SIGKILL)
        while (record := server.folder.record) is None or record.pid == first:
            await asyncio.sleep(0.01)
        os.kill(record.pid, signal.SIGKILL)
        async with asyncio.timeout(SECONDS):
            while server.pid in (first, record.pid):
                await asyncio.sleep(0.01)
        assert await peers(driver) == ["before"]


async def test_a_process_that_joined_takes_over_when_the_owner_is_killed(tmp_path: Path) -> None:
    owner = await asyncio.to_thread(Peer, tmp_path, "owner")
    async with serving(tmp_path) as (server, driver):
        assert not server.owned
        async with kept(server):
            await asyncio.to_thread(owner.kill)
            assert await peers(driver) == ["owner"]
            assert server.owned


async def test_a_process_that_leaves_starting_to_others_waits_for_them(tmp_path: Path) -> None:
    """A worker below a service does: the server that it started would go with it, and take the next service's along."""
    owner = await asyncio.to_thread(Peer, tmp_path, "owner")
    server = await start_embedded(tmp_path, launches=False)
    async with await connect(server.url, server.user, server.password) as driver, kept(server):
        await asyncio.to_thread(owner.kill)
        following = await asyncio.to_thread(Peer, tmp_path, "the next")
        assert following.owned
        assert await peers(driver) == ["owner", "the next"]
        assert not server.owned
    await asyncio.to_thread(following.leave)


async def test_what_java_remembers_may_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another version, or cut off while it was written."""
    (tmp_path / "cache").write_bytes(b"nonsense" * 1000)
    monkeypatch.setattr(arcadedb, "aot_cache", lambda: tmp_path / "cache")
    server = await start_embedded(tmp_path / "graph")
    assert str(tmp_path / "cache") in Path(f"/proc/{server.pid}/cmdline").read_text()
    await server.stop()
