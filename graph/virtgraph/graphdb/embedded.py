"""The embedded graph server: a child of this process on the loopback, its data in one folder.

The first process that asks for it starts it, the others join. It ends with the process that started it,
however that one ends; what it has answered as committed is on disk by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

import structlog
from neo4j.exceptions import DriverError, Neo4jError

from virtgraph.graphdb import arcadedb, child
from virtgraph.graphdb.connect import DATABASE, answer, open_driver
from virtgraph.graphdb.folder import Record, ServerFolder, take

log = structlog.get_logger()

START_SECONDS = 300.0  # 1-4 s on a quiet machine; the rest is for a recovery on a busy one, or an emulated CPU
POLL_SECONDS = 0.05


class GraphServerError(Exception):
    """The embedded server did not start, or not where it was."""


class EmbeddedServer:
    """A server that runs: started by this process, or joined."""

    user = arcadedb.USER

    def __init__(self, folder: ServerFolder, record: Record, process: Process | None, launches: bool = True) -> None:
        self.folder = folder
        self.port = record.port
        self.pid = record.pid
        self.password = folder.password_file.read_text()
        self._process = process  # None: another process's child
        self._launches = launches  # whether this process may start the next one

    @property
    def url(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def owned(self) -> bool:
        """Whether this process started the server, so that `stop` ends it."""
        return self._process is not None

    async def keep(self) -> None:
        """Start or join again whenever the server has ended; drivers find it under the old address.

        Never returns: run it as a task, and cancel that before `stop`.
        """
        while True:
            await child.end_of(self.pid)
            try:
                again = await start_embedded(self.folder.path, self.port, launches=self._launches)
            except GraphServerError as error:  # killed while it started, or its port is taken for a moment
                log.warning("the graph server did not start, and is tried again", error=str(error))
                await asyncio.sleep(1)
            else:
                self.pid, self._process = again.pid, again._process

    async def stop(self) -> None:
        """End the server if this process started it; a joined one is left alone."""
        if self._process is not None:
            await child.end(self._process)
            self._process = None


async def start_embedded(
    path: Path, port: int | None = None, *, launches: bool = True, java: Sequence[str] = ()
) -> EmbeddedServer:
    """Start the server of a folder, or join the one that runs; it has answered a query when this returns.

    `port`: only there; None: on the last one if it is free, else on any. To be called in a thread that lives as long
    as the server should: the main thread is one.
    Without `launches` starting it is left to others: what a short-lived process started would go with it.
    `java`: options of Java's own, where it is started.
    Raises GraphServerError with the end of what the server printed.
    """
    folder = ServerFolder(path.resolve())
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with folder.lock_file() as lock:
                    server = await (
                        _launch(folder, lock, port, java) if launches and take(lock) else _join(folder, launches)
                    )
                if server is not None:
                    if port not in (None, server.port):
                        raise GraphServerError(f"the graph server has left port {port}: start this process again")
                    return server
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise GraphServerError(f"the graph server of {path} does not answer: {folder.last_words()}") from None


async def _launch(folder: ServerFolder, lock: int, wanted: int | None, java: Sequence[str]) -> EmbeddedServer:
    """Start java with the lock among its open files: so the lock is held exactly as long as java lives."""
    port = _free_port(wanted) if wanted else _any_port(folder.record)
    command = arcadedb.command(folder.path, port, folder.password_file, DATABASE, java)
    with folder.console.open("wb") as console:
        process = await child.spawn(command, folder.path, console, lock)
    try:
        record = Record(port, process.pid, os.getpid())
        folder.write_record(record)
        server = EmbeddedServer(folder, record, process)
        while not await _answers(server):
            if process.returncode is not None:
                raise GraphServerError(f"the graph server ended at once: {folder.last_words()}")
            await asyncio.sleep(POLL_SECONDS)
    except BaseException:
        await child.end(process)
        raise
    return server


async def _join(folder: ServerFolder, launches: bool) -> EmbeddedServer | None:
    """The server that another process runs; None while it starts or ends."""
    record = folder.record
    if record is None or child.parent_of(record.pid) != record.owner:
        return None  # not written yet, or the owner is gone and the server about to follow
    server = EmbeddedServer(folder, record, None, launches)
    return server if await _answers(server) else None


async def _answers(server: EmbeddedServer) -> bool:
    async with open_driver(server.url, server.user, server.password) as driver:
        try:
            await answer(driver)
        except (DriverError, Neo4jError, OSError):
            return False
    return True


def _any_port(last: Record | None) -> int:
    """The last server's port if it is free, so that those who used it find the next one there; else any."""
    if last:
        with contextlib.suppress(GraphServerError):
            return _free_port(last.port)
    return _free_port(0)


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as java does
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            raise GraphServerError(f"port {wanted} of 127.0.0.1 is not free") from None
        return int(probe.getsockname()[1])
