"""The event feed as a client sees it, and waiting for what the service does by itself."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import websockets
from serving import Service
from websockets.exceptions import WebSocketException

SUBSCRIBE = """
subscription ($after: Int, $stack: String, $resource: ID) {
  events(after: $after, stack: $stack, resource: $resource) {
    number type message stack resource kind name host operation revision actor requestId data
  }
}
"""
Event = dict[str, Any]
LITTLE = 1 << 16  # bytes that wait here for who does not listen; the system's own limit is megabytes
RESET = struct.pack("ii", 1, 0)  # linger for no time: the connection ends in the middle of whatever was said


async def messages(served: Service, **variables: Any) -> AsyncGenerator[dict[str, Any], None]:
    """What a subscription is sent, from the acknowledgement on. Who stops listening resets the connection."""
    async with websockets.connect(
        served.url.replace("http", "ws", 1),
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        max_size=None,
        compression=None,
        ping_interval=None,
        proxy=None,
    ) as connection:
        plug: socket.socket = connection.transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        try:
            hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {served.token}"}}
            await connection.send(json.dumps(hello))
            yield json.loads(await connection.recv())
            payload = {"query": SUBSCRIBE, "variables": variables}
            await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            async for text in connection:
                yield json.loads(text)
        finally:
            with suppress(OSError):  # it is lost already
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.transport.abort()


class Refused(Exception):
    """The service ended a subscription with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.extensions: dict[str, Any] = error["extensions"]


@dataclass
class Subscriber:
    """Follows the feed. A lost connection is made again, behind the last event that was received.

    While `listening` is cleared it takes nothing from its connection.
    """

    served: Service
    after: int | None = 0
    stack: str | None = None
    resource: str | None = None
    heard: list[Event] = field(default_factory=list)
    cut: int = 0  # how often it was
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.listening.set()

    @property
    def numbers(self) -> list[int]:
        return [event["number"] for event in self.heard]

    async def follow(self, cuts: Iterable[int] = ()) -> None:
        """For ever, or until it is Refused. Each of `cuts` is how many messages a connection brings until it is cut."""
        for most in cuts:
            while not await self.listen(most):
                await asyncio.sleep(0.05)
            self.cut += 1
        while True:
            await self.listen()
            await asyncio.sleep(0.05)

    async def listen(self, most: float = float("inf")) -> bool:
        """One connection; whether it lasted until it had brought so many messages."""
        count = 0
        try:
            async with aclosing(messages(self.served, **self._wish)) as told:
                async for message in told:
                    await self.listening.wait()
                    if message["type"] != "connection_ack":
                        self.heard.append(event_of(message))
                    count += 1
                    if count >= most:
                        return True
        except (OSError, WebSocketException):
            pass  # the service is away
        return False

    async def has_heard(self, count: int) -> None:
        """Waits until it has."""
        await until(lambda: len(self.heard) >= count)

    @property
    def _wish(self) -> dict[str, Any]:
        after = self.heard[-1]["number"] if self.heard else self.after
        return {"after": after, "stack": self.stack, "resource": self.resource}


def event_of(message: dict[str, Any]) -> Event:
    match message:
        case {"type": "error", "payload": [error, *_]} | {"payload": {"errors": [error, *_]}}:
            raise Refused(error)
    event: Event = message["payload"]["data"]["events"]
    return event


def newest_event(served: Service) -> int:
    return int(served.graphql("{ newestEvent }")["newestEvent"])


def events(served: Service, after: int = 0) -> list[Event]:
    """All that happened behind a number, until now."""
    subscriber = Subscriber(served, after)
    if missing := newest_event(served) - after:
        asyncio.run(listened(subscriber, missing))
    return subscriber.heard


async def listened(subscriber: Subscriber, count: int) -> None:
    assert await subscriber.listen(count + 1), "the connection was lost"  # the first message is the acknowledgement


def wait_for(what: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not so after {seconds} s"
        time.sleep(0.1)


async def until(what: Callable[[], bool], seconds: float = 300) -> None:
    """The same, while other tasks go on."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not so after {seconds} s"
        await asyncio.sleep(0.01)
