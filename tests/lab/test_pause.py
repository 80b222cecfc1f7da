"""A worker that pauses for longer than its lease: another one takes over, and what it comes back with counts no more."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from follow import events, wait_for
from lab_hosts import LabHosts
from labs import apply, at_work, clear, copies, domains, halting, remove_stack, settle, source, succeed
from processes import descendants
from serving import Service, working

pytestmark = ON_ONE_GRAPH

STACK = "pause"
WORK = """
{ operations(filter: {stack: "pause"}, first: 100) { nodes { id kind state attempt run { id } resource { id } } } }
"""
RUN = "query ($id: ID!) { run(id: $id) { id state owner slot fence } }"


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, STACK)


@contextmanager
def paused(pid: int) -> Iterator[list[int]]:
    """Stops a process and all that belongs to it; gives the others. They go on at the end at the latest."""
    os.kill(pid, signal.SIGSTOP)
    stopped: list[int] = []
    try:
        while new := [child for child in descendants(pid) if child not in stopped]:
            send(signal.SIGSTOP, new)
            stopped += new
        yield stopped
    finally:
        send(signal.SIGCONT, [*stopped, pid])


def send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def work(served: Service) -> dict[str, Any]:
    """The latest operation on each kind of resource."""
    return {o["kind"]: o for o in reversed(served.graphql(WORK)["operations"]["nodes"])}


def run(served: Service, id: str) -> Any:
    return served.graphql(RUN, {"id": id})["run"]


def record(lab: LabHosts, owner: Any) -> str:
    """Where host1 keeps which Run has a slot."""
    return lab.sh(
        "host1", "sh", "-c", f"grep -l {owner['fence']} /run/virtgraph-fence/*/slot-{owner['slot']}.json"
    ).strip()


def came(lab: LabHosts, record: str) -> str:
    """When a module came to the slot last, whether it was let in or not."""
    return lab.sh("host1", "stat", "-c", "%y", record.replace(".json", ".lock"))


def test_it_is_taken_over_and_refused(served: Service, lab: LabHosts, kernel: Path, large: Path) -> None:
    applied = apply(served, halting(kernel, 1, host="host1").replace("size: 10mb", source(large)), STACK)
    wait_for(lambda: len(copies(lab, "host1")) > 0)
    mine = run(served, work(served)["VM"]["run"]["id"])
    pid = int(mine["owner"].split("/")[-2])
    order = folder_of_run(pid)
    with paused(pid) as children, working(served, served.home.with_name("worker.log")):
        assert {o["state"] for o in settle(served, applied, 240)} == {"SUCCEEDED"}
        wait_for(lambda: run(served, work(served)["VM"]["run"]["id"])["state"] != "RUNNING")
        theirs = run(served, work(served)["VM"]["run"]["id"])
        assert (run(served, mine["id"])["state"], theirs["state"]) == ("LOST", "SUCCEEDED")
        assert theirs["owner"] != mine["owner"] and theirs["slot"] == mine["slot"] and theirs["fence"] > mine["fence"]
        made = seen(served, lab)
        slot = record(lab, theirs)
        recorded, last = lab.sh("host1", "cat", slot), came(lab, slot)
        send(signal.SIGCONT, children)  # the play goes on to its next task, before its worker knows
        wait_for(lambda: came(lab, slot) != last)
        wait_for(lambda: at_work(lab, "host1") == {})
        assert lab.sh("host1", "cat", slot) == recorded, "it came and was refused"
    wait_for(lambda: not order.exists())
    after = succeeded(served)
    assert seen(served, lab) == made
    assert copies(lab, "host1") == [] and at_work(lab, "host1") == {}
    succeed(served, remove_stack(served, STACK))
    assert run(served, work(served)["VM"]["run"]["id"])["owner"] == mine["owner"], "it works as before"
    assert run(served, mine["id"])["state"] == "LOST"
    assert run(served, theirs["id"]) == theirs
    assert [after[kind] for kind in ("Network", "NIC", "Volume", "VM")] == [1, 1, 1, 1]
    told = [event["type"] for event in events(served) if event["stack"] == STACK]
    assert not {"FAILED", "SKIPPED", "RETRYING"} & set(told)


def folder_of_run(worker: int) -> Path:
    """Of the one Run that it has; it goes with the Run."""
    (found,) = [match for p in descendants(worker).values() if (match := re.search(r"-i (\S+)/inventory", p.arguments))]
    return Path(found[1])


def succeeded(served: Service) -> dict[str, int]:
    """How many events say so, by kind."""
    found = [e["kind"] for e in events(served) if (e["stack"], e["type"]) == (STACK, "SUCCEEDED")]
    return dict(Counter(found))


def seen(served: Service, lab: LabHosts) -> object:
    """The one VM as libvirt and the graph have it; started again it would have another process."""
    (vm,) = served.graphql('{ vms(filter: {stack: "pause"}) { nodes { id state power generation } } }')["vms"]["nodes"]
    assert vm["state"] == "RUNNING"
    name = f"vg-{vm['id']}"
    assert domains(lab, "host1", "--all") == {name}
    return vm, lab.sh("host1", "virsh", "dumpxml", name), lab.sh("host1", "cat", f"/run/libvirt/qemu/{name}.pid")
