"""The one tail of the event feed that an API process has, fanned out in memory to its subscribers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import structlog

from virtgraph.store import events
from virtgraph.store.graph import AWAY, Graph, Row

log = structlog.get_logger(__name__)

T = TypeVar("T")

PAGE = 500
KEPT = 2_000  # newest events in memory: what most subscribers need
POLL = 1.0  # seconds; a nudge is faster


class TooOld(Exception):
    """The events that were asked for are no longer kept."""

    def __init__(self, after: int, oldest: int) -> None:
        super().__init__(f"Events up to {oldest - 1} are no longer kept; {after} is too old: begin at {oldest - 1}")
        self.oldest = oldest


class TooNew(Exception):
    """An event was named that does not exist yet: of another graph, or of this one before it was restored."""

    def __init__(self, after: int, newest: int) -> None:
        super().__init__(f"There is no event {after} yet; the newest is {newest}: begin there")
        self.newest = newest


class Feed:
    """Reads each event once. A subscriber that is behind the kept ones reads from the graph until it has caught up.

    Nobody is waited for: a subscriber that does not take its events holds no more of them than are kept anyway.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._kept: deque[Row] = deque(maxlen=KEPT)  # without gaps, up to the newest
        self._newest = 0
        self._grown = asyncio.Condition()
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """There may be new events."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
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

    async def _read_on(self) -> None:
        oldest, newest = await events.bounds(self._graph)
        begin = max(oldest - 1, newest - KEPT)
        if self._newest < begin:  # at start, or after a long sleep: what is before would not be kept
            self._kept.clear()
            await self._grow([], begin)
        while self._newest < newest and (rows := await events.after(self._graph, self._newest, PAGE)):
            await self._grow(rows, rows[-1]["number"])

    async def _grow(self, rows: list[Row], newest: int) -> None:
        async with self._grown:
            self._kept.extend(rows)
            self._newest = newest
            self._grown.notify_all()

    async def follow(self, after: int | None) -> AsyncIterator[Row]:
        """Every event behind a number, in order, none missing and none twice; from now on where it is None.

        Waits for a graph that is away. Raises TooOld, also when events are forgotten before they were taken, and TooNew.
        """
        oldest, newest = await patiently(lambda: events.bounds(self._graph))
        position = newest if after is None else after
        if position < oldest - 1:
            raise TooOld(position, oldest)
        if position > max(newest, self._newest):
            raise TooNew(position, newest)
        while True:
            await self._longer_than(position)
            for row in await self._behind(position):
                position = row["number"]
                yield row

    async def _longer_than(self, position: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self._newest > position)

    async def _behind(self, position: int) -> list[Row]:
        if self._kept and self._kept[0]["number"] <= position + 1:
            return [row for row in self._kept if row["number"] > position]
        rows = await patiently(lambda: events.after(self._graph, position, PAGE))
        if not rows:
            oldest, _ = await patiently(lambda: events.bounds(self._graph))
            if position < oldest - 1:
                raise TooOld(position, oldest)
        return rows


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """What the graph answers, once it does."""
    while True:
        try:
            return await read()
        except AWAY as error:
            log.warning("a subscriber waits for the graph", error=str(error))
            await asyncio.sleep(POLL)
