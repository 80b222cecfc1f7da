"""The graph, opened as the settings say: a Neo4j, or the embedded server in `home`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from virtgraph.graphdb import connect, start_embedded
from virtgraph.settings import Settings
from virtgraph.store.graph import Graph


@asynccontextmanager
async def open_graph(settings: Settings, *, launches: bool = True) -> AsyncIterator[Graph]:
    """Yields when a query has been answered. An embedded server that dies is started again: without `launches` by others."""
    if settings.graph_url is not None:
        driver = await connect(settings.graph_url, settings.graph_user, settings.graph_password.get_secret_value())
        async with driver:
            yield Graph(driver)
        return
    server = await start_embedded(settings.home / "graph", launches=launches)
    keeping = asyncio.create_task(server.keep())
    try:
        async with await connect(server.url, server.user, server.password) as driver:
            yield Graph(driver)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await server.stop()
