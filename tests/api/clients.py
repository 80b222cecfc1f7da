"""Clients in a process of their own: `python clients.py URL CONNECTIONS`, with the token in VIRTGRAPH_TOKEN.

Says `ready` once its connections are open. A line in is a JSON list of request bodies, one for each connection, which are
all sent at once; a line out is the list of their answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import httpx

SECONDS = 300


async def serve(url: str, connections: int) -> None:
    headers = {"Authorization": f"Bearer {os.environ['VIRTGRAPH_TOKEN']}"}
    clients = [httpx.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) for _ in range(connections)]

    async def answers(bodies: list[Any]) -> list[Any]:
        asked = (client.post(url, json=body) for client, body in zip(clients, bodies, strict=True))
        return [response.json() for response in await asyncio.gather(*asked)]

    await answers([{"query": "{ __typename }"}] * connections)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answers(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
