"""The graph, opened as the settings say: a Neo4j, or the embedded server in `home`; and the key of its secrets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from neo4j import AsyncDriver
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from virtgraph.graphdb import GraphServerError, connect, start_embedded
from virtgraph.secrets import Vault
from virtgraph.settings import Settings
from virtgraph.store import sealing
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


async def open_vault(graph: Graph, file: Path) -> Vault:
    """With the one key that the graph's secrets are sealed with; made at the very first start, and only then.

    Raises CannotStart.
    """
    known = await sealing.known(graph)
    if known.ids and not file.exists():
        raise without_key(f"There is no {file}, and the graph's secrets are sealed with a key already.", file, known)
    vault = Vault.open_file(file)
    if not known.ids or vault.key_id in known.ids:
        kept_in = f"{socket.gethostname()}:{file.resolve()}"
        known = await graph.write(lambda tx: sealing.settle(tx, vault.key_id, kept_in))
    if vault.key_id not in known.ids:
        raise without_key(f"{file} is not the key that the graph's secrets are sealed with.", file, known)
    return vault


def without_key(sentence: str, file: Path, known: sealing.Known) -> CannotStart:
    place = known.kept_in or "secret.key in VIRTGRAPH_HOME of the machine that began this graph"
    return CannotStart(sentence, f"Copy {place}, or its backup, to {file}.")
