"""Running a read: one statement, one round trip, a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from graphql import GraphQLError
from neo4j import READ_ACCESS, AsyncDriver, Query
from neo4j.exceptions import ClientError, ServiceUnavailable, SessionExpired, TransientError

SECONDS = 5.0
_PATIENCE = 1.0  # the server ends the statement itself; if it does not answer at all, we do
_TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"  # and longer codes that begin so


async def fetch(driver: AsyncDriver, cypher: str, parameters: Mapping[str, Any], seconds: float = SECONDS) -> Any:
    """The one value that a statement returns. Raises GraphQLError when it takes too long."""
    query = Query(cast(Any, cypher), timeout=seconds)
    try:
        async with asyncio.timeout(seconds + _PATIENCE):
            try:
                return await _run(driver, query, parameters)
            except (TransientError, ServiceUnavailable, SessionExpired):
                return await _run(driver, query, parameters)  # the driver retries no auto-commit statement
    except TimeoutError:
        raise _too_slow(seconds) from None
    except ClientError as error:
        if (error.code or "").startswith(_TIMED_OUT):
            raise _too_slow(seconds) from None
        raise


async def _run(driver: AsyncDriver, query: Query, parameters: Mapping[str, Any]) -> Any:
    async with driver.session(default_access_mode=READ_ACCESS) as session:
        result = await session.run(query, dict(parameters))
        return (await result.single(strict=True))[0]


def _too_slow(seconds: float) -> GraphQLError:
    return GraphQLError(f"The answer took longer than {seconds:g} s", extensions={"code": "TOO_SLOW"})
