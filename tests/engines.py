"""The two graph engines as tests use them: started once, on ports of their own.

Run as a program it serves an embedded graph in a folder until its standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# not the schema's version: making the constraints again would take longer than most tests
WIPE = "MATCH (n) WHERE NOT n:Meta OR n.id <> 'schema' DETACH DELETE n"


@dataclass(frozen=True, slots=True)
class Engine:
    """A server that answers."""

    name: str
    url: str
    user: str
    password: str = field(repr=False)
    folder: Path


@contextmanager
def embedded(folder: Path) -> Iterator[Engine]:
    """The embedded server, in a process of its own: it is a child of the event loop that starts it."""
    command = [sys.executable, __file__, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "graph")}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url, user, password = process.stdout.readline().split()
        yield Engine("embedded", url, user, password, folder)
        process.communicate()


@contextmanager
def neo4j(folder: Path) -> Iterator[Engine]:
    """Neo4j 5.26 by scripts/neo4j, which fetches it first."""
    url, user, password = (setting.partition("=")[2] for setting in start_neo4j(folder, free_port()).split())
    try:
        yield Engine("neo4j", url, user, password, folder)
    finally:
        subprocess.run([ROOT / "scripts/neo4j", "stop", folder], check=True)


def start_neo4j(folder: Path, port: int) -> str:
    """Start it where it does not run; its settings for a service. It answers when this returns."""
    command: list[str | Path] = [ROOT / "scripts/neo4j", "start", folder, str(port)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return str(told.stdout)


ENGINES = {"embedded": embedded, "neo4j": neo4j}
# for tests of what comes before the graph, or after it: the other engine has nothing to add
ON_ONE_GRAPH = pytest.mark.parametrize("engine", ["embedded"], indirect=True, scope="session")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def serve(folder: Path) -> None:
    from virtgraph.graphdb import start_embedded

    server = await start_embedded(folder)
    print(server.url, server.user, server.password, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
