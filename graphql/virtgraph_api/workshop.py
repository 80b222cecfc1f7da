"""The worker's process as the service's child: started, nudged, and started again when it dies."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)

PAUSE = 1.0  # seconds before a worker that died is started again
PATIENCE = 10.0  # seconds that it may take to stop


class Workshop:
    """`on_news` is called whenever the worker has written something to the graph."""

    def __init__(self, on_news: Callable[[], None]) -> None:
        self._on_news = on_news
        self._process: asyncio.subprocess.Process | None = None

    def nudge(self) -> None:
        """There is work. A worker that is away finds it when it comes back."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(b"\n")

    @property
    def is_open(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def run(self) -> None:
        """Until cancelled, and then the worker ends."""
        try:
            while True:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "virtgraph.cli", "worker", "--piped",
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                )  # fmt: skip
                await self._listen()
                code = await self._process.wait()
                log.warning("the worker ended and is started again", code=code)
                await asyncio.sleep(PAUSE)
        finally:
            await self._end()

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while await self._process.stdout.read(4096):
            self._on_news()

    async def _end(self) -> None:
        """Closing its standard input asks it to stop."""
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
