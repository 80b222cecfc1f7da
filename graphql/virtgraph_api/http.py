"""GraphQL over HTTP: the draft of August 2026 (graphql/graphql-over-http e1e46e7), GET and POST at one URL.

tests/api/test_http.py goes through the draft's MUSTs and SHOULDs one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from graphql import OperationType
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from virtgraph.model.actor import Actor
from virtgraph_api import negotiation, request
from virtgraph_api.correlation import Correlated, request_id
from virtgraph_api.execution import Schema, unexpected
from virtgraph_api.graphiql import page
from virtgraph_api.negotiation import GRAPHQL, JSON
from virtgraph_api.refusal import Code, Refusal, status_of
from virtgraph_api.request import GraphQLRequest

MAX_BODY = 10 * 1024 * 1024
MAX_QUERY_STRING = 32 * 1024
MAX_HEADERS = 32 * 1024

METHODS = "GET, HEAD, POST"
Authenticate = Callable[[str], Awaitable[Actor | None]]
MakeContext = Callable[[Actor, str, HTTPConnection], Correlated]


class GraphQLEndpoint:
    """An ASGI application for HTTP requests; a browser that asks for a page is given GraphiQL."""

    def __init__(
        self,
        schema: Schema,
        authenticate: Authenticate,
        make_context: MakeContext,
        body_seconds: float = 60,
    ) -> None:
        self._schema = schema
        self._authenticate = authenticate
        self._make_context = make_context
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = Request(scope, receive)
        known_as = request_id(http.headers)
        with structlog.contextvars.bound_contextvars(request_id=known_as):
            try:
                response = await self._respond(http, known_as)
            except ClientDisconnect:
                return
            except Refusal as refusal:
                response = _json({"errors": refusal.errors}, status_of(refusal.code), GRAPHQL)
                response.headers.update(refusal.headers)
            except Exception as exception:
                error = unexpected(exception, known_as)
                code = (error.extensions or {}).get("code", Code.INTERNAL)
                response = _json({"errors": [error.formatted]}, status_of(code), GRAPHQL)
        response.headers["x-request-id"] = known_as
        await response(scope, receive, send)

    async def _respond(self, http: Request, known_as: str) -> Response:
        accept = ",".join(http.headers.getlist("accept"))
        if http.method in ("GET", "HEAD") and negotiation.wants_page(accept):
            return page()
        _check_sizes(http)
        actor = await self._actor(http)
        # A conforming client names the GraphQL type; one that takes anything may be older, and knows JSON
        media_type = negotiation.preferred(accept, (JSON, GRAPHQL))
        if media_type is None:
            raise Refusal(Code.NOT_ACCEPTABLE, f"Only {GRAPHQL} and {JSON} can be given")
        asked = await self._read(http)
        result = await self._execute(asked, http, self._make_context(actor, known_as, http))
        return _answer(result, media_type)

    async def _actor(self, http: Request) -> Actor:
        scheme, _, token = http.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else ""
        actor = await self._authenticate(given) if given else None
        if actor is None:
            # RFC 6750, section 3.1: the reason is given only to those who brought a token
            challenge = 'Bearer realm="virtgraph"' + (', error="invalid_token"' if given else "")
            message = "The token is not valid" if given else "Needs the header Authorization: Bearer <token>"
            raise Refusal(Code.UNAUTHENTICATED, message, {"WWW-Authenticate": challenge})
        return actor

    async def _read(self, http: Request) -> GraphQLRequest:
        match http.method:
            case "GET" | "HEAD":
                return request.from_url(http.scope["query_string"])
            case "POST":
                _check_content_type(http)
                return request.from_body(await _body(http, self._body_seconds))
        raise Refusal(Code.METHOD_NOT_ALLOWED, f"{http.method} is not served here", {"Allow": METHODS})

    async def _execute(self, asked: GraphQLRequest, http: Request, context: Correlated) -> ExecutionResult:
        document = self._schema.document(asked.query)
        if document.errors:
            return ExecutionResult(data=None, errors=list(document.errors))
        operation = document.operation(asked.operation_name)
        if operation.operation is OperationType.SUBSCRIPTION:
            raise Refusal(Code.BAD_REQUEST, "Subscriptions are served over WebSocket (graphql-transport-ws)")
        if operation.operation is OperationType.MUTATION and http.method != "POST":
            raise Refusal(Code.METHOD_NOT_ALLOWED, "Mutations need POST", {"Allow": "POST"})
        return await self._schema.execute(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
        )


def _check_sizes(http: Request) -> None:
    if len(http.scope["query_string"]) > MAX_QUERY_STRING:
        raise Refusal(Code.URI_TOO_LONG, "The URL is too long: use POST")
    if sum(len(name) + len(value) for name, value in http.scope["headers"]) > MAX_HEADERS:
        raise Refusal(Code.HEADERS_TOO_LARGE, "The request's headers are too large")


def _check_content_type(http: Request) -> None:
    media_type, charset = negotiation.content_type(http.headers.get("content-type", ""))
    if media_type != JSON or charset not in ("", "utf-8", "utf8"):
        message = f"The body must be {JSON} in UTF-8, and Content-Type must say so"
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, message, {"Accept": JSON})
    if http.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "The body must not be encoded", {"Accept-Encoding": "identity"})


async def _body(http: Request, seconds: float) -> bytes:
    too_large = Refusal(Code.BODY_TOO_LARGE, f"The body is larger than {MAX_BODY} bytes")
    if int(http.headers.get("content-length", 0)) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in http.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise too_large
    except TimeoutError:
        raise Refusal(Code.TIMEOUT, f"The body did not arrive within {seconds:g} seconds") from None
    return bytes(body)


def _answer(result: ExecutionResult, media_type: str) -> Response:
    """The draft's section "Status Codes". Errors without a path are from before execution, without data."""
    errors = [error.formatted for error in result.errors or ()]
    if result.data is None and not any("path" in error for error in errors):
        return _json({"errors": errors}, status_of(str(errors[0]["extensions"]["code"])), GRAPHQL)
    body = {"errors": errors, "data": result.data} if errors else {"data": result.data}
    # 294 Partial Success is the draft's own invention, meant for clients that speak its media type
    return _json(body, 294 if errors and media_type == GRAPHQL else 200, media_type)


def _json(body: Any, status: int, media_type: str) -> Response:
    headers = {"content-type": f"{media_type}; charset=utf-8", "cache-control": "no-store", "vary": "Accept"}
    return Response(orjson.dumps(body), status, headers)
