"""The graph, opened as the settings say: a Neo4j, or the embedded server in `home`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from neo4j import AsyncDriver
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from virtgraph.graphdb import GraphServerError, connect, start_embedded
from virtgraph.settings import Settings
from virtgraph.store.graph import Graph


class CannotStart(Exception):
    """A service or worker cannot begin: a sentence, and what a person can do about it."""

    def __init__(self, sentence: str, cure: str) -> None:
        super().__init__(sentence)
        self.cure = cure


@asynccontextmanager
async def open_graph(settings: Settings, *, launches: bool = True) -> AsyncIterator[Graph]:
    """Yields when a query has been answered. An embedded server that dies is started again: without `launches` by others."""
    if settings.graph_url is not None:
        async with await connect_to(settings.graph_url, settings) as driver:
            yield Graph(driver)
        return
    try:
        server = await start_embedded(settings.home / "graph", launches=launches)
    except GraphServerError as error:
        raise CannotStart(f"The embedded graph did not start: {error}", "Look into its folder log/.") from None
    keeping = asyncio.create_task(server.keep())
    try:
        async with await connect(server.url, server.user, server.password) as driver:
            yield Graph(driver)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await server.stop()


async def connect_to(url: str, settings: Settings) -> AsyncDriver:
    """Raises CannotStart."""
    try:
        return await connect(url, settings.graph_user, settings.graph_password.get_secret_value())
    except AuthError:
        raise CannotStart(
            f"{url} refuses the user {settings.graph_user} with this password.",
            "Set VIRTGRAPH_GRAPH_USER and VIRTGRAPH_GRAPH_PASSWORD.",
        ) from None
    except (DriverError, Neo4jError, OSError, ValueError) as error:
        raise CannotStart(
            f"No graph answers at {url}: {error}",
            "Start that Neo4j, or correct VIRTGRAPH_GRAPH_URL; without it an embedded graph is used.",
        ) from None
