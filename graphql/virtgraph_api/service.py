"""`virtgraph serve`: graph, API and worker under one roof. Nothing is held only here: kill it and start it again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from virtgraph import logs
from virtgraph.model.actor import Actor
from virtgraph.opening import CannotStart, open_graph, open_vault
from virtgraph.secrets import Vault
from virtgraph.settings import Settings
from virtgraph.store.graph import Graph
from virtgraph.store.schema import migrate
from virtgraph.tokens import Tokens, ensure_administrator
from virtgraph_api.app import create_app
from virtgraph_api.context import Context
from virtgraph_api.correlation import traceparent
from virtgraph_api.feed import Feed
from virtgraph_api.schema import schema
from virtgraph_api.workshop import Workshop

log = structlog.get_logger(__name__)

MOST_BYTES = 10 << 20


def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    logs.configure()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings))


async def run(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.images.mkdir(exist_ok=True)
    listening = listen(settings.bind, settings.port)
    async with open_graph(settings) as graph:
        await migrate(graph)
        vault = await open_vault(graph, settings.key_file)
        await ensure_administrator(graph, settings.token_file)
        async with in_background(graph, vault, settings.images) as app:
            config = uvicorn.Config(
                app,
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=MOST_BYTES,
                log_config=None,
                access_log=False,
                timeout_keep_alive=75,  # seconds; proxies end idle connections after 60, and would else meet ended ones
                timeout_graceful_shutdown=5,
            )
            host, port = listening.getsockname()[:2]
            log.info("ready", url=f"http://{host}:{port}/graphql", token_file=str(settings.token_file))
            await uvicorn.Server(config).serve(sockets=[listening])


def listen(address: str, port: int) -> socket.socket:
    """Before anything else is begun. Raises CannotStart."""
    try:
        return socket.create_server((address, port), backlog=512)
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {address}, port {port}: {error.strerror or error}.",
            "End what listens there, or choose others with --bind and --port.",
        ) from None


@asynccontextmanager
async def in_background(graph: Graph, vault: Vault, images: Path) -> AsyncIterator[Starlette]:
    """The application, with the feed's tail and the worker running beside it."""
    feed = Feed(graph)
    workshop = Workshop(on_news=feed.nudge)
    tokens = Tokens(graph)

    def nudge() -> None:
        workshop.nudge()
        feed.nudge()

    def make_context(actor: Actor, request_id: str, connection: HTTPConnection) -> Context:
        return Context(actor, request_id, traceparent(connection.headers), graph, vault, feed, nudge, images)

    async def ready() -> bool:
        await graph.read("RETURN 1 AS one")
        return workshop.is_open

    tasks = [asyncio.create_task(feed.run()), asyncio.create_task(workshop.run())]
    try:
        yield create_app(schema, authenticate=tokens.actor, make_context=make_context, ready=ready)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
