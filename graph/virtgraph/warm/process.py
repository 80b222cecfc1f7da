"""The worker's handle on the warm process: start it, start another after many Runs, end it."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

RENEW_AFTER = 200  # Runs
_PAUSE = 30.0  # seconds before the next try, when one ended before it was ready
_SERVER = Path(__file__).with_name("server.py")


class WarmProcess:
    """Costs nothing where it does not work: `socket()` is then None and Runs go the cold way."""

    def __init__(self, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._log = log
        self._current: _Server | None = None
        self._next: _Server | None = None
        self._retired: list[_Server] = []
        self._not_before = 0.0

    async def socket(self) -> Path | None:
        """Where a process answers now. Starts one if there is none, without waiting for it."""
        await self._refresh()
        if not self._current:
            return None
        self._current.runs += 1
        return self._current.socket

    async def ready(self) -> None:
        """Wait until a process answers, or has ended in trying."""
        await self._refresh()
        while self._next and self._next.alive:
            await asyncio.sleep(0.02)
            await self._refresh()

    async def close(self) -> None:
        servers = [server for server in (self._current, self._next, *self._retired) if server]
        await asyncio.gather(*(server.end() for server in servers))

    async def _refresh(self) -> None:
        if self._next and self._next.ready:
            self._retire(self._current)
            self._current, self._next = self._next, None
        if self._current and not self._current.ready:  # dead, or it has seen files that it has not read
            self._retire(self._current)
            self._current = None
        if self._next and not self._next.alive:
            self._next, self._not_before = None, time.monotonic() + _PAUSE
        worn = not self._current or self._current.runs >= RENEW_AFTER
        if worn and not self._next and time.monotonic() >= self._not_before:
            self._next = await _start(self._folder, self._environment, self._log)

    def _retire(self, server: "_Server | None") -> None:
        self._retired = [old for old in self._retired if old.alive]
        if server:
            server.retire()
            self._retired.append(server)


class _Server:
    def __init__(self, process: asyncio.subprocess.Process, socket: Path) -> None:
        self.process = process
        self.socket = socket
        self.runs = 0

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def ready(self) -> bool:
        return self.alive and self.socket.exists()

    def retire(self) -> None:
        """No new Runs; it ends after the last one."""
        if self.process.stdin:
            self.process.stdin.close()

    async def end(self) -> None:
        self.retire()
        try:
            async with asyncio.timeout(2):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def _start(folder: Path, environment: Mapping[str, str], log: Path) -> _Server:
    place = folder / f"{time.monotonic_ns():x}"
    place.mkdir(mode=0o700)
    socket = place / "socket"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_SERVER),
            str(socket),
            stdin=asyncio.subprocess.PIPE,  # its lifeline: ends with this process
            stdout=said,
            stderr=said,
            env=dict(environment),
        )
    return _Server(process, socket)
