"""The worker's process: `virtgraph worker`. A byte on standard input says that there may be work, its end ends the process;
a byte on standard output says that something was written to the graph."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

import structlog

from virtgraph.opening import open_graph, open_vault
from virtgraph.running import Limits
from virtgraph.settings import Settings
from virtgraph.store.schema import migrate
from virtgraph.worker import Worker

log = structlog.get_logger()


async def work(settings: Settings, piped: bool) -> None:
    """Until SIGTERM, or with `piped` until standard input ends; at any moment, while it waits for the graph too."""
    nudged = asyncio.Event()
    running = asyncio.create_task(run(settings, piped, nudged))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    listening = asyncio.create_task(listen(nudged, running)) if piped else None
    try:
        await running
    except asyncio.CancelledError:
        log.info("worker stops")
    finally:
        if listening:
            listening.cancel()


async def run(settings: Settings, piped: bool, nudged: asyncio.Event) -> None:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with open_graph(settings, launches=not piped) as graph:  # a parent keeps its own
        installation = await migrate(graph)
        vault = await open_vault(graph, settings.key_file)
        limits = Limits(
            settings.home,
            settings.lease,
            patience=settings.patience,
            warm=settings.warm,
            events_kept=settings.events_kept,
        )
        announce = say if piped else lambda: None
        await Worker(graph, vault, installation, limits, announce, nudged=nudged).run()


async def listen(nudged: asyncio.Event, running: asyncio.Task[None]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        nudged.set()
    running.cancel()


def say() -> None:
    """Whoever reads learns of it at once; one that does not read polls."""
    with suppress(OSError):
        os.write(1, b"\n")
