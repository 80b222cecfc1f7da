"""GraphQL over WebSocket: the server's side of the sub-protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. The token comes in connection_init's payload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import orjson
import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.types.execution import ExecutionResult, PreExecutionError

from virtgraph.model.actor import Actor
from virtgraph_api.correlation import Correlated
from virtgraph_api.execution import Schema, unexpected
from virtgraph_api.http import MAX_BODY, Authenticate, MakeContext
from virtgraph_api.refusal import Code, Refusal
from virtgraph_api.request import GraphQLRequest, json

PROTOCOL = "graphql-transport-ws"
MAX_OPERATIONS = 100

log = structlog.get_logger(__name__)


class Violation(Exception):
    """The client broke the protocol: the connection is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # A close frame holds no more (RFC 6455, section 5.5)
        self.reason = reason.encode()[:123].decode(errors="ignore")


class GraphQLSocket:
    """An ASGI application for WebSocket connections."""

    def __init__(
        self,
        schema: Schema,
        authenticate: Authenticate,
        make_context: MakeContext,
        init_seconds: float = 10,
    ) -> None:
        self._schema = schema
        self._authenticate = authenticate
        self._make_context = make_context
        self._init_seconds = init_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        spoken = PROTOCOL in scope["subprotocols"]
        await socket.accept(PROTOCOL if spoken else None)
        try:
            if not spoken:
                raise Violation(4406, "Subprotocol not acceptable")
            actor = await self._initialised(socket)
            await _send(socket, {"type": "connection_ack"})
            await self._serve(socket, actor)
        except Violation as violation:
            await socket.close(violation.code, violation.reason)
        except WebSocketDisconnect:
            pass
        except Exception:
            log.exception("internal error")
            await socket.close(1011, "Internal error")

    async def _initialised(self, socket: WebSocket) -> Actor:
        try:
            async with asyncio.timeout(self._init_seconds):
                message = await _next(socket)
                while message["type"] in ("ping", "pong"):
                    await _pong(socket, message)
                    message = await _next(socket)
        except TimeoutError:
            raise Violation(4408, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise Violation(4401, "Unauthorized")
        token = _token(message.get("payload"))
        if actor := await self._authenticate(token) if token else None:
            return actor
        raise Violation(4403, "Forbidden")

    async def _serve(self, socket: WebSocket, actor: Actor) -> None:
        connection = _Connection(self._schema, socket, lambda: self._make_context(actor, uuid4().hex, socket))
        violation: Violation | None = None
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    await connection.handle(await _next(socket), group)
            except Violation as broken:  # leaving the group raising would wrap it in an ExceptionGroup
                violation = broken
            except WebSocketDisconnect:
                pass
            connection.cancel()
        if violation:
            raise violation


class _Connection:
    """An acknowledged connection and the operations that run on it."""

    def __init__(self, schema: Schema, socket: WebSocket, new_context: Callable[[], Correlated]) -> None:
        self._schema = schema
        self._socket = socket
        self._new_context = new_context
        self._running: dict[str, asyncio.Task[None]] = {}

    async def handle(self, message: dict[str, Any], group: asyncio.TaskGroup) -> None:
        match message:
            case {"type": "ping" | "pong"}:
                await _pong(self._socket, message)
            case {"type": "subscribe", "id": str(key), "payload": payload} if key:
                await self._subscribe(key, payload, group)
            case {"type": "complete", "id": str(key)}:
                if task := self._running.pop(key, None):
                    task.cancel()
            case {"type": "connection_init"}:
                raise Violation(4429, "Too many initialisation requests")
            case _:
                raise Violation(4400, "Invalid message")

    def cancel(self) -> None:
        for task in self._running.values():
            task.cancel()

    async def _subscribe(self, key: str, payload: Any, group: asyncio.TaskGroup) -> None:
        if key in self._running:
            raise Violation(4409, f"Subscriber for {key} already exists")
        try:
            asked = GraphQLRequest.of(payload)
        except Refusal as refusal:
            raise Violation(4400, refusal.message) from None
        if len(self._running) >= MAX_OPERATIONS:
            full = Refusal(Code.TOO_MANY_OPERATIONS, f"At most {MAX_OPERATIONS} operations at once")
            return await self._fail(key, full.errors)
        self._running[key] = group.create_task(self._run(key, asked))

    async def _run(self, key: str, asked: GraphQLRequest) -> None:
        context = self._new_context()
        try:
            await self._stream(key, asked, context)
        except Refusal as refusal:
            await self._fail(key, refusal.errors)
        except WebSocketDisconnect:
            pass
        except Exception as exception:
            await self._fail(key, [unexpected(exception, context.request_id).formatted])

    async def _stream(self, key: str, asked: GraphQLRequest, context: Correlated) -> None:
        document = self._schema.document(asked.query)
        if document.errors:
            return await self._fail(key, [error.formatted for error in document.errors])
        document.operation(asked.operation_name)
        results = await self._schema.stream(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    return await self._fail(key, [error.formatted for error in result.errors or ()])
                assert isinstance(result, ExecutionResult)  # the rest is @defer and @stream: off
                await _send(self._socket, {"id": key, "type": "next", "payload": _payload(result)})
        await self._end({"id": key, "type": "complete"})

    async def _fail(self, key: str, errors: list[Any]) -> None:
        await self._end({"id": key, "type": "error", "payload": errors})

    async def _end(self, message: dict[str, Any]) -> None:
        """The id is free again before the client reads this."""
        if self._running.get(message["id"]) is asyncio.current_task():
            del self._running[message["id"]]
        await _send(self._socket, message)


async def _next(socket: WebSocket) -> dict[str, Any]:
    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1006))
    text = received.get("text")
    if text is not None and len(text) > MAX_BODY:
        raise Violation(1009, "Message too big")
    try:
        message = json(text, "message") if text is not None else None
    except Refusal:
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Violation(4400, "Invalid message")
    return message


async def _pong(socket: WebSocket, message: dict[str, Any]) -> None:
    if message["type"] == "ping":
        await _send(socket, {"type": "pong"})


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    await socket.send_text(orjson.dumps(message).decode())


def _payload(result: ExecutionResult) -> dict[str, Any]:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    return payload


def _token(payload: Any) -> str:
    """The first of the accepted entries that is there, with or without the word Bearer."""
    given = payload if isinstance(payload, dict) else {}
    for name in ("Authorization", "authorization", "token"):
        if isinstance(value := given.get(name), str):
            scheme, _, token = value.strip().partition(" ")
            return token.strip() if scheme.lower() == "bearer" else value.strip()
    return ""
