"""One driver for both engines: reads of one statement, writes as transactions that may be run again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, TypeVar

from neo4j import AsyncDriver, AsyncManagedTransaction, unit_of_work
from neo4j.exceptions import (
    ConstraintError,
    CypherSyntaxError,
    CypherTypeError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

T = TypeVar("T")
Row = Mapping[str, Any]

WRITE_SECONDS = 30.0
RACES = 60  # for one thing that is unique, until its refusal counts: each that is lost is another's commit
UNREACHABLE = (ServiceUnavailable, SessionExpired, ConnectionError)
# the graph cannot be asked now; later perhaps. One that starts says of its database and users that there are none.
AWAY = (Neo4jError, *UNREACHABLE, OSError)
WRONG = (CypherSyntaxError, CypherTypeError)  # of those: said of a statement, so no later try mends it


def is_away(error: Exception) -> bool:
    """Whether the graph cannot be asked now; what else goes wrong is a mistake of ours."""
    return isinstance(error, AWAY) and not isinstance(error, WRONG)


class Transaction:
    """One write transaction. Everything done in it is done again when the engine asks for a retry."""

    def __init__(self, transaction: AsyncManagedTransaction) -> None:
        self._transaction = transaction

    async def rows(self, statement: str, **parameters: Any) -> list[Row]:
        result = await self._transaction.run(statement, parameters)
        return [record.data() for record in await result.fetch(10_000_000)]

    async def row(self, statement: str, **parameters: Any) -> Row | None:
        rows = await self.rows(statement, **parameters)
        return rows[0] if rows else None

    async def run(self, statement: str, **parameters: Any) -> None:
        result = await self._transaction.run(statement, parameters)
        await result.consume()

    async def each(self, statement: str, rows: list[dict[str, Any]], **parameters: Any) -> None:
        """Run a statement that begins with `UNWIND $rows AS row`, unless there are none."""
        if rows:
            await self.run(statement, rows=rows, **parameters)


class Graph:
    """What everything else holds of the graph. Safe to share within one event loop."""

    def __init__(self, driver: AsyncDriver) -> None:
        self.driver = driver
        self._turns: AbstractAsyncContextManager[None] | None = None

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """One transaction, all or nothing. One that loses a race for something unique is run again, and sees who won."""
        if self._turns is None:
            turns = await self._how_writers_meet()
            self._turns = self._turns or turns  # another may have asked meanwhile
        async with self._turns:
            for race in range(RACES):
                with suppress(ConstraintError):
                    return await self._write(work)
                await asyncio.sleep(random.random() * min(0.1, 0.02 * 2**race))
            return await self._write(work)

    async def _write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        @unit_of_work(timeout=WRITE_SECONDS)
        async def once(transaction: AsyncManagedTransaction) -> T:
            return await work(Transaction(transaction))

        async with self.driver.session(database="neo4j") as session:
            return await session.execute_write(once)

    async def _how_writers_meet(self) -> AbstractAsyncContextManager[None]:
        """Neo4j lets writers wait for each other's locks. The embedded server aborts all but one of them: there they
        take turns, and only other processes are met by trying again."""
        info = await self.driver.get_server_info()
        return asyncio.Lock() if "ArcadeDB" in info.agent else nullcontext()

    async def read(self, statement: str, **parameters: Any) -> list[Row]:
        """One statement, one round trip. Retried once where the engine or the connection gave way."""
        try:
            return await self._read(statement, parameters)
        except (TransientError, ServiceUnavailable, SessionExpired):
            return await self._read(statement, parameters)

    async def _read(self, statement: str, parameters: dict[str, Any]) -> list[Row]:
        async with self.driver.session(database="neo4j", default_access_mode="READ") as session:
            result = await session.run(statement, parameters)
            return [record.data() for record in await result.fetch(10_000_000)]
