"""`python tests/benchmarks/mutation.py`: how long `applySpec` takes over HTTP, for 1 VM and for 200, on both graph engines;
and how much memory the service has at rest, its children apart. What is stored is not realized: there is no host to reach."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from benchmarks.timing import spread, table
from engines import neo4j
from playing import GIB, a_host
from processes import descendants
from serving import Service, on, serving

from virtgraph.graphdb import connect, start_embedded
from virtgraph.store.graph import Graph

ROUNDS = {1: 60, 200: 5}


def document(count: int, vlan: int) -> str:
    """VMs with a NIC and a volume each, on one network."""
    subnet = {"cidr": "10.0.0.0/12", "dhcp": {"range": "10.0.0.10-10.15.0.0"}}
    resources: dict[str, Any] = {
        "net": {"type": "resource/network/vlan", "parameters": {"vlan_id": vlan}, "subnets": [subnet]}
    }
    for number in range(count):
        on_network = {"object": {"variable": "net"}, "property": {"r": "n0stack/n0core/port/network"}}
        inline = (
            {"type": "resource/nic", "relations": [on_network]},
            {"type": "resource/volume/file", "size": "10mb"},
        )
        attached = {"r": "n0stack/n0core/vm/attachments"}
        resources[f"vm{number}"] = {
            "type": "resource/vm/kvm", "memory": "16mb",
            "dependencies": [{"object": one, "property": dict(attached)} for one in inline],
        }  # fmt: skip
    return json.dumps({"version": 0, "spec": resources})


APPLY = """
mutation ($document: String!, $stack: String!) {
  applySpec(document: $document, stack: $stack) {
    __typename
    ... on Applied { revision { number createdAt } document operations { id } }
  }
}
"""


def measure(served: Service, count: int) -> str:
    """Each apply is of a stack of its own, on a network of its own; on a connection that stays open."""
    times = []
    with httpx.Client(headers={"Authorization": f"Bearer {served.token}"}, timeout=60, trust_env=False) as client:
        for number in range(ROUNDS[count] + 1):
            variables = {"document": document(count, vlan=count * 10 + number), "stack": f"stack{count}-{number}"}
            begun = time.perf_counter()
            response = client.post(served.url, json={"query": APPLY, "variables": variables})
            times.append(time.perf_counter() - begun)
            assert response.json()["data"]["applySpec"]["__typename"] == "Applied", response.text
    return spread(times[1:])


async def add_hosts(url: str, user: str, password: str) -> None:
    async with await connect(url, user, password) as driver:
        for number in range(4):
            await a_host(Graph(driver), f"host{number}", vcpus=10_000, memory=10_000 * GIB, disk=10_000 * GIB)


async def add_hosts_to_embedded(served: Service) -> None:
    server = await start_embedded(served.home / "graph")  # joined
    await add_hosts(server.url, server.user, server.password)


@contextmanager
def paused_worker(served: Service) -> Iterator[None]:
    """The hosts exist in the graph only: nothing may be begun there."""
    (worker,) = [child for child in descendants(served.pid).values() if "worker --piped" in child.arguments]
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.pid, signal.SIGKILL)  # with SIGCONT it would begin


def resident(pid: int) -> int:
    """Megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 >> 20


def at_rest(served: Service) -> list[list[str]]:
    children = descendants(served.pid).values()
    return [
        ["virtgraph serve", f"{resident(served.pid)} MB"],
        *([child.arguments[:60], f"{resident(child.pid)} MB"] for child in children),
    ]


def rows(served: Service, engine: str) -> list[list[str]]:
    return [[f"{count} VMs, {engine}", measure(served, count)] for count in ROUNDS]


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, serving(Path(folder) / "home") as served:
        time.sleep(10)
        resting = at_rest(served)
        with paused_worker(served):
            asyncio.run(add_hosts_to_embedded(served))
            found = rows(served, "embedded")
        resting += [["virtgraph serve, after all that", f"{resident(served.pid)} MB"]]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        neo4j(Path(folder) / "neo4j") as engine,
        serving(Path(folder) / "home", **on(engine)) as served,
        paused_worker(served),
    ):
        asyncio.run(add_hosts(engine.url, engine.user, engine.password))
        found += rows(served, "Neo4j")
    print(table(("applySpec", "median (least to most)"), found))
    print(table(("process", "resident"), resting))


main()
