"""Whatever is killed with -9, and whenever: afterwards the hosts equal the graph, and nothing is stuck or left running."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from engines import Engine, start_neo4j
from lab_hosts import LabHosts
from labs import apply, halting, hosts_equal_graph, remove_stack
from processes import descendants
from serving import Service

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SEED = int(os.environ.get("CRASH_SEED", time.time_ns() % 1_000_000))
EACH = 3  # kills of a kind, on each engine
VMS = 10

OPEN = """
{ operations(filter: {state: [PENDING, RUNNING]}, first: 100) { nodes {
  id action kind state error attempt retryAt startedAt waitingFor { kind fact operation } run { state owner }
} } }
"""


def victims(served: Service, engine: Engine, kind: str) -> list[int]:
    """The processes that may be killed of a kind: server, worker, ansible or graph."""
    if kind == "server":
        return [served.pid]
    if kind == "graph" and engine.name == "neo4j":
        return [int((engine.folder / "pid").read_text())]
    words = {"worker": ("worker --piped",), "graph": ("ArcadeDB",), "ansible": ("ansible", "warm")}[kind]
    below = descendants(served.pid).values()
    return [process.pid for process in below if any(word in process.arguments for word in words)]


def killed(pid: int) -> bool:
    """Whether it was there to be killed."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def kill_one(dice: random.Random, served: Service, engine: Engine, kind: str) -> None:
    until = time.monotonic() + 60
    while not ((found := victims(served, engine, kind)) and killed(dice.choice(found))):
        assert time.monotonic() < until, f"no {kind} any more"  # one that was killed just now is being started again
        time.sleep(0.05)
    if kind == "server":
        served.kill9()
        served.start()
    elif kind == "graph" and engine.name == "neo4j":
        start_neo4j(engine.folder, int(engine.url.rpartition(":")[2]))  # as its administrator's service manager does


def test_kill_minus_nine_anywhere(served: Service, lab: LabHosts, engine: Engine, kernel: Path) -> None:
    print(f"CRASH_SEED={SEED}")
    dice = random.Random(f"{SEED}/{engine.name}")
    kinds = ["server", "worker", "ansible", "graph"] * EACH
    dice.shuffle(kinds)
    text = halting(kernel, VMS)
    while kinds:
        applied = apply(served, text, "crash")
        assert applied["__typename"] == "Applied", applied
        batter(dice, served, engine, kinds)
        quiet(served)
        hosts_equal_graph(served, lab, "crash", VMS)
        removed = remove_stack(served, "crash")
        assert removed["__typename"] == "Changed", removed
        batter(dice, served, engine, kinds)
        quiet(served)
        hosts_equal_graph(served, lab, "crash", 0)


def batter(dice: random.Random, served: Service, engine: Engine, kinds: list[str]) -> None:
    """Kill two or three processes, of the next kinds in the list."""
    for _ in range(min(dice.randint(2, 3), len(kinds))):
        time.sleep(dice.uniform(0.0, 3.0))
        kind = kinds.pop()
        print(f"kill {kind}", flush=True)
        kill_one(dice, served, engine, kind)


def quiet(served: Service) -> None:
    """No operation is open any more, and none has failed for a crash."""
    until = time.monotonic() + 120
    while still := asked(served):
        assert time.monotonic() < until, f"stuck: {still}"
        time.sleep(0.2)


def asked(served: Service) -> list[object]:
    try:
        return list(served.graphql(OPEN)["operations"]["nodes"])
    except (AssertionError, httpx.TransportError):
        return [None]  # the graph is being started again
