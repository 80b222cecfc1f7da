"""Whatever is killed with -9, and whenever: afterwards the hosts equal the graph, and nothing is stuck or left running."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from engines import Engine
from lab_hosts import LabHosts
from labs import apply, at_work, domains, halting, remove_stack
from processes import Process, descendants
from serving import Service

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SEED = int(os.environ.get("CRASH_SEED", time.time_ns() % 1_000_000))
KILLS = 10  # on each engine
VMS = 10

OPEN = """
{ operations(filter: {state: [PENDING, RUNNING]}, first: 100) { nodes {
  id action kind state error attempt retryAt startedAt waitingFor { kind fact operation } run { state owner }
} } }
"""
VMS_NOW = """
query ($stack: String!) { vms(first: 100, filter: {stack: $stack}) { nodes { id state power host { name } operation { error attempt } } } }
"""


def victims(served: Service, engine: Engine) -> dict[str, list[Process]]:
    """The processes that may be killed, by what they are."""
    pid = served.pid
    found: dict[str, list[Process]] = {
        "server": [Process(pid, 0, "", "")], "worker": [], "ansible": [], "graph": [],
    }  # fmt: skip
    for child in descendants(pid).values():
        if "worker --piped" in child.arguments:
            found["worker"].append(child)
        elif "ArcadeDB" in child.arguments:
            found["graph"].append(child)
        elif "ansible" in child.arguments or "warm" in child.arguments:
            found["ansible"].append(child)
    return found


def kill_one(dice: random.Random, served: Service, engine: Engine) -> str:
    found = {kind: who for kind, who in victims(served, engine).items() if who}
    kind = dice.choice(sorted(found))
    victim = dice.choice(found[kind])
    try:
        os.kill(victim.pid, signal.SIGKILL)
    except ProcessLookupError:
        return f"{kind} (gone already)"
    if kind == "server":
        served.kill9()
        served.start()
    return kind


def test_kill_minus_nine_anywhere(served: Service, lab: LabHosts, engine: Engine, kernel: Path) -> None:
    print(f"CRASH_SEED={SEED}")
    dice = random.Random(f"{SEED}/{engine.name}")
    text = halting(kernel, VMS)
    kills = 0
    while kills < KILLS:
        applied = apply(served, text, "crash")
        assert applied["__typename"] == "Applied", applied
        kills += batter(dice, served, engine)
        quiet(served)
        hosts_equal_graph(served, lab, VMS)
        removed = remove_stack(served, "crash")
        assert removed["__typename"] == "Changed", removed
        kills += batter(dice, served, engine)
        quiet(served)
        hosts_equal_graph(served, lab, 0)


def batter(dice: random.Random, served: Service, engine: Engine) -> int:
    count = dice.randint(1, 3)
    for _ in range(count):
        time.sleep(dice.uniform(0.0, 3.0))
        print(f"kill {kill_one(dice, served, engine)}", flush=True)
    return count


def quiet(served: Service) -> None:
    """No operation is open any more, and none has failed for a crash."""
    until = time.monotonic() + 120
    while still := asked(served):
        assert time.monotonic() < until, f"stuck: {still}"
        time.sleep(0.2)


def asked(served: Service) -> list[object]:
    try:
        return list(served.graphql(OPEN)["operations"]["nodes"])
    except (AssertionError, OSError):
        return [None]  # the graph is being started again


def hosts_equal_graph(served: Service, lab: LabHosts, count: int) -> None:
    vms = served.graphql(VMS_NOW, {"stack": "crash"})["vms"]["nodes"]
    assert len(vms) == count
    assert all(vm["state"] == "RUNNING" for vm in vms), vms
    for host in ("host1", "host2"):
        here = {f"vg-{vm['id']}" for vm in vms if vm["host"]["name"] == host}
        assert domains(lab, host) == domains(lab, host, "--all") == here
        assert at_work(lab, host) == {}
