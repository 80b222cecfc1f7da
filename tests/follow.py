"""The event feed as a client sees it, and waiting for what the service does by itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import websockets
from serving import Service

SUBSCRIBE = """
subscription ($after: Int, $stack: String) {
  events(after: $after, stack: $stack) { number type message stack resource kind name host operation revision data }
}
"""


async def follow(served: Service, after: int, take: Callable[[dict[str, Any]], bool], quiet: float = 1.0) -> None:
    """Give each event to `take` until it returns True, or nothing comes for `quiet` seconds."""
    url = served.url.replace("http", "ws", 1)
    async with websockets.connect(url, subprotocols=["graphql-transport-ws"], max_size=None) as socket:  # type: ignore[list-item]
        await socket.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {served.token}"}})
        )
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": SUBSCRIBE, "variables": {"after": after}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        while True:
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), quiet))
            except TimeoutError:
                return
            if message["type"] == "next":
                assert "errors" not in message["payload"], message
                if take(message["payload"]["data"]["events"]):
                    return


def events(served: Service, after: int = 0) -> list[dict[str, Any]]:
    """All that happened behind a number, until it is quiet."""
    found: list[dict[str, Any]] = []

    def take(event: dict[str, Any]) -> bool:
        found.append(event)
        return False

    asyncio.run(follow(served, after, take))
    return found


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not so after {seconds} s"
        time.sleep(0.1)
