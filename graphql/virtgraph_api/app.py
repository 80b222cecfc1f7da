"""The application: what is served under which path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from virtgraph_api.execution import Schema
from virtgraph_api.graphiql import assets
from virtgraph_api.http import Authenticate, GraphQLEndpoint, MakeContext
from virtgraph_api.websocket import GraphQLSocket

log = structlog.get_logger(__name__)


def create_app(
    schema: Schema,
    *,
    authenticate: Authenticate,
    make_context: MakeContext,
    ready: Callable[[], Awaitable[bool]],
    lifespan: Any = None,
) -> Starlette:
    """Serve the schema.

    `authenticate` tells whose token it is (None: nobody's). `make_context(actor, request id, connection)`
    makes what resolvers see as `info.context`, which must have the `request_id`; it is called for each
    operation, also for those that share a WebSocket. `ready` says whether requests can be answered now.
    """

    async def readyz(_: Request) -> Response:
        try:
            is_ready = await ready()
        except Exception:
            log.exception("readiness could not be told")
            is_ready = False
        return PlainTextResponse("ok") if is_ready else PlainTextResponse("unavailable", 503)

    return Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(schema, authenticate, make_context)),
            WebSocketRoute("/graphql", GraphQLSocket(schema, authenticate, make_context)),
            Mount("/graphiql", assets()),
            Route("/healthz", _healthz),
            Route("/readyz", readyz),
        ],
        lifespan=lifespan,
    )


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")
