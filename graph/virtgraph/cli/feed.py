"""Events over graphql-transport-ws: each one once and in order, through lost connections too.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from virtgraph.cli.client import Row, unknown_token
from virtgraph.cli.failure import Failure
from virtgraph.cli.session import is_loopback, token
from virtgraph.settings import Settings

EVENTS = """
subscription ($after: Int, $stack: String) {
  events(after: $after, stack: $stack) {
    number type at message stack resource kind name host operation revision actor data
  }
}
"""
UNKNOWN_TOKEN = 4403


class TooOld(Failure):
    """Events behind the number that was asked for are no longer kept; `begin` is the lowest that can be asked for."""

    def __init__(self, message: str, begin: int) -> None:
        super().__init__(f"{message}.", f"Ask with --after {begin}.")
        self.begin = begin


def follow(settings: Settings, after: int | None, stack: str | None, tick: float) -> Iterator[Row | None]:
    """Events behind a number (None: from now on), for ever; None after each `tick` seconds without one.

    A lost connection is made again, and goes on behind the last event. Raises TooOld, or Failure for an unknown token.
    """
    while True:
        try:
            for event in _listen(settings, after, stack, tick):
                if event is not None:
                    after = event["number"]
                yield event
        except (OSError, WebSocketException) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == UNKNOWN_TOKEN:
                raise unknown_token(settings.url) from None
            yield None
            time.sleep(tick)


def _listen(settings: Settings, after: int | None, stack: str | None, tick: float) -> Iterator[Row | None]:
    """One connection's events."""
    with connect(
        settings.url.replace("http", "ws", 1),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        max_size=None,
        open_timeout=5,
        close_timeout=1,
        proxy=None if is_loopback(settings.url) else True,
    ) as socket:
        _send(socket, type="connection_init", payload={"Authorization": f"Bearer {token(settings)}"})
        json.loads(socket.recv())
        payload = {"query": EVENTS, "variables": {"after": after, "stack": stack}}
        _send(socket, type="subscribe", id="events", payload=payload)
        while True:
            try:
                yield from _event(socket, json.loads(socket.recv(timeout=tick)))
            except TimeoutError:
                yield None


def _event(socket: ClientConnection, message: Row) -> Iterator[Row]:
    match message:
        case {"type": "next", "payload": {"data": {"events": event}}}:
            yield event
        case {"type": "ping"}:
            _send(socket, type="pong")
        case {"type": "error", "payload": [error, *_]} | {"type": "next", "payload": {"errors": [error, *_]}}:
            begin = error.get("extensions", {}).get("oldest")
            raise TooOld(error["message"], begin - 1) if begin else Failure(error["message"])
        case {"type": "complete"}:
            raise ConnectionResetError("the service ended the subscription")


def _send(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))
