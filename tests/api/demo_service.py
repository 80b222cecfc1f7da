"""A small schema served by a real server on loopback: what the tests of the transport talk to."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import strawberry
import uvicorn
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from virtgraph.model.actor import Actor
from virtgraph_api.app import create_app
from virtgraph_api.correlation import traceparent
from virtgraph_api.execution import Schema
from virtgraph_api.passthrough import Done

TOKEN = "demo-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ACTOR = Actor("1", "tester")


@dataclass(frozen=True)
class Context:
    actor: Actor
    request_id: str
    traceparent: str | None


@strawberry.type
class VM:
    name: str

    @strawberry.field
    def itself(self) -> VM:
        return self

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("secret path /etc/shadow")


@strawberry.type
class Query:
    @strawberry.field
    def vm(self, name: str = "web") -> VM:
        return VM(name=name)

    @strawberry.field
    def vms(self, count: int) -> list[VM]:
        return [VM(name=f"vm{n}") for n in range(count)]

    @strawberry.field
    def finished(self, count: int) -> list[VM]:
        return Done([{"name": f"vm{n}"} for n in range(count)])  # type: ignore[return-value]

    @strawberry.field
    def me(self, info: strawberry.Info[Context]) -> str:
        return f"{info.context.actor.name} {info.context.request_id} {info.context.traceparent}"

    @strawberry.field
    def fails(self) -> str | None:
        raise ValueError("secret password")

    @strawberry.field
    def must(self) -> str:
        raise GraphQLError("said on purpose", extensions={"code": "ON_PURPOSE"})

    @strawberry.field
    def unencodable(self) -> VM:
        return Done({"name": object()})  # type: ignore[return-value]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, name: str) -> str:
        return name


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int = 3, every: float = 0.0) -> AsyncIterator[int]:
        global counting
        counting += 1
        try:
            for n in range(to):
                await asyncio.sleep(every)
                yield n
        finally:
            counting -= 1

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("secret inside")


schema = Schema(Query, Mutation, Subscription)
app_is_ready = [True]
counting = 0  # subscriptions that run now


async def authenticate(token: str) -> Actor | None:
    if token == "database-away":
        raise ConnectionError("bolt://secret")
    return ACTOR if token == TOKEN else None


def make_context(actor: Actor, request_id: str, connection: HTTPConnection) -> Context:
    return Context(actor, request_id, traceparent(connection.headers))


async def ready() -> bool:
    return app_is_ready[0]


app = create_app(schema, authenticate=authenticate, make_context=make_context, ready=ready)


@contextmanager
def running(served: Starlette = app) -> Iterator[str]:
    """The base address of the demo service, up until the block ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
