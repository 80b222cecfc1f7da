"""How the tests of the transport ask the demo service, over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import demo_service
import httpx
from demo_service import BEARER, TOKEN

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
SECONDS = 120  # for an answer; a machine may be slow
BOTH = f"{GRAPHQL}, {JSON};q=0.9"


@contextmanager
def asking() -> Iterator[httpx.Client]:
    """A client with a token of a running demo service."""
    with (
        demo_service.running() as url,
        httpx.Client(base_url=url, headers=BEARER | {"Accept": BOTH}, timeout=SECONDS) as client,
    ):
        yield client


def ask(client: httpx.Client, query: str, accept: str = BOTH, **parameters: Any) -> httpx.Response:
    return client.post("/graphql", json={"query": query, **parameters}, headers={"Accept": accept})


def post(client: httpx.Client, body: bytes, content_type: str | None = JSON) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    return client.post("/graphql", content=body, headers=headers)


def media_type(response: httpx.Response) -> str:
    return response.headers["content-type"].split(";")[0]


def code(response: httpx.Response) -> str:
    """Of the first error; a refused request's answer is well-formed and has no data."""
    assert media_type(response) == GRAPHQL
    assert "data" not in response.json()
    return str(response.json()["errors"][0]["extensions"]["code"])


def raw(client: httpx.Client, body: bytes, headers: str, length: int | None = None) -> bytes:
    """Send what httpx would not, and read to the end."""
    address = urlsplit(str(client.base_url))
    assert address.hostname and address.port
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: {JSON}\r\nContent-Length: {length or len(body)}\r\n{headers}\r\n"
    with socket.create_connection((address.hostname, address.port), SECONDS) as connection:
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))
