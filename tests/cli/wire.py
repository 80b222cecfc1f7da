"""The wire between a command and its service: subscriptions on it can be cut, and are refused until it is mended."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving import Service


class Wire:
    """Carries bytes as they come. Requests pass always."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._subscriptions: list[StreamWriter] = []
        self._is_whole = True
        self.tried = asyncio.Event()  # a subscription was, since the last change
        self.url = ""

    def cut(self) -> None:
        self._is_whole = False
        self.tried.clear()
        for end in self._subscriptions:
            end.transport.abort()

    def mend(self) -> None:
        self._is_whole = True
        self.tried.clear()

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        head = await reader.read(65536)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._service.port)
        if b"Upgrade: websocket" in head:
            self.tried.set()
            if not self._is_whole:
                writer.transport.abort()
                far_writer.transport.abort()
                return
            self._subscriptions += [writer, far_writer]
        far_writer.write(head)
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    except OSError:
        pass
    writer.close()


@asynccontextmanager
async def wire(service: Service) -> AsyncIterator[Wire]:
    between = Wire(service)
    async with await asyncio.start_server(between.carry, "127.0.0.1", 0) as server:
        between.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql"
        yield between
        between.cut()
