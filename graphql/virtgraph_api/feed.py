"""The one tail of the event feed that an API process has, fanned out in memory to its subscribers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import structlog

from virtgraph.store import events
from virtgraph.store.graph import Graph, Row

log = structlog.get_logger(__name__)

PAGE = 500
KEPT = 2_000  # newest events in memory: what most subscribers need
POLL = 1.0  # seconds; a nudge is faster


class TooOld(Exception):
    """The events that were asked for are no longer kept."""

    def __init__(self, after: int, oldest: int) -> None:
        super().__init__(f"Events up to {oldest - 1} are no longer kept; {after} is too old: begin at {oldest - 1}")
        self.oldest = oldest


class Feed:
    """Reads each event once. A subscriber that is behind the kept ones reads from the graph until it has caught up."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._kept: deque[Row] = deque(maxlen=KEPT)
        self._newest = 0
        self._grown = asyncio.Condition()
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """There may be new events."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
        _, self._newest = await self._bounds()
        while True:
            try:
                await self._read_on()
            except Exception as error:
                log.warning("events cannot be read now", error=str(error))
                await asyncio.sleep(POLL)
            try:
                async with asyncio.timeout(POLL):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()

    async def _bounds(self) -> tuple[int, int]:
        while True:
            try:
                return await events.bounds(self._graph)
            except Exception as error:
                log.warning("events cannot be read now", error=str(error))
                await asyncio.sleep(POLL)

    async def _read_on(self) -> None:
        while rows := await events.after(self._graph, self._newest, PAGE):
            async with self._grown:
                self._kept.extend(rows)
                self._newest = rows[-1]["number"]
                self._grown.notify_all()

    async def follow(self, after: int | None) -> AsyncIterator[Row]:
        """Every event behind a number, in order, none missing and none twice; from now on where it is None. Raises TooOld."""
        oldest, newest = await events.bounds(self._graph)
        position = newest if after is None else after
        if position < oldest - 1:
            raise TooOld(position, oldest)
        while True:
            rows = await self._behind(position)
            for row in rows:
                position = row["number"]
                yield row
            if not rows:
                await self._longer_than(position)

    async def _longer_than(self, position: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self._newest > position)

    async def _behind(self, position: int) -> list[Row]:
        if position >= self._newest:
            return []
        if self._kept and self._kept[0]["number"] <= position + 1:
            return [row for row in self._kept if row["number"] > position]
        return await events.after(self._graph, position, PAGE)
