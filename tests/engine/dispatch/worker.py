"""A worker in a process of its own, to be killed, with one long order: worker.py HOME warm|cold
HOST-AS-JSON."""

import asyncio
import json
import sys
from pathlib import Path

from virtgraph.dispatch import Dispatcher, HostAccess, Order

PLAYBOOKS = Path(__file__).with_name("playbooks")


async def main(home: str, way: str, host: str) -> None:
    dispatcher = Dispatcher(Path(home), warm=way == "warm", playbooks=PLAYBOOKS)
    await dispatcher.start()
    items = [{"id": "a"}]
    order = Order(
        "long",
        HostAccess(**json.loads(host)),
        "chunks",
        {"items": items, "delay": 60},
        {"secret": "canary"},
        120,
    )
    await dispatcher.run(order, lambda results: print("running", flush=True), asyncio.Event())


asyncio.run(main(*sys.argv[1:]))
