"""An operation is cancelled while it works on a host: it ends there too, and everything else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from follow import events, wait_for
from lab_hosts import LabHosts
from labs import (
    apply,
    at_work,
    clear,
    copies,
    domains,
    halting,
    hosts_equal_graph,
    settle,
    source,
    succeed,
)
from serving import Service

pytestmark = ON_ONE_GRAPH

STACK = "cancel"
VMS = 24
CANCEL = """
mutation ($id: ID!) { cancelOperation(id: $id) { __typename ... on Cancelling { operation { state cancelRequested } } } }
"""
OPERATIONS = """
{ operations(filter: {stack: "cancel"}, first: 200) { nodes {
  id state attempt error run { id slot } resource { ... on VM { id name } ... on Volume { id name } }
} } }
"""


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, STACK)


def cancel(served: Service, id: str) -> None:
    answer = served.graphql(CANCEL, {"id": id})["cancelOperation"]
    assert answer == {"__typename": "Cancelling", "operation": {"state": "RUNNING", "cancelRequested": True}}


def by_name(served: Service) -> dict[str, Any]:
    """The latest operation of each resource that has a name."""
    found: dict[str, Any] = {}
    for operation in served.graphql(OPERATIONS)["operations"]["nodes"]:
        if (operation["resource"] or {}).get("name"):
            found.setdefault(operation["resource"]["name"], operation)
    return found


def test_one_of_many(served: Service, lab: LabHosts, kernel: Path) -> None:
    document = halting(kernel, VMS, host="host1")
    applied = apply(served, document, STACK)
    wait_for(lambda: len(domains(lab, "host1")) > 0)
    at_that_moment = set(at_work(lab, "host1"))
    assert at_that_moment
    unlucky = by_name(served)[f"vm{VMS - 1}"]
    cancel(served, unlucky["id"])
    wait_for(lambda: by_name(served)[f"vm{VMS - 1}"]["state"] != "RUNNING")
    wait_for(lambda: not at_that_moment & set(at_work(lab, "host1")))
    ended = settle(served, applied, 240)
    now = by_name(served)
    assert now[f"vm{VMS - 1}"]["state"] == "CANCELLED"
    assert [o["state"] for o in ended if o["id"] != unlucky["id"]] == ["SUCCEEDED"] * (len(ended) - 1)
    assert {o["run"]["id"] for o in now.values()} > {unlucky["run"]["id"]}, "the others went on in another Run"
    assert at_work(lab, "host1") == {}
    again = apply(served, document, STACK)
    assert [o["kind"] for o in again["operations"]] == ["VM"]
    succeed(served, again)
    hosts_equal_graph(served, lab, STACK, VMS)


def test_a_copy_of_a_source(served: Service, lab: LabHosts, kernel: Path, large: Path) -> None:
    document = halting(kernel, 2, host="host1").replace("size: 10mb", source(large), 1)
    applied = apply(served, document, STACK)
    wait_for(lambda: len(copies(lab, "host1")) > 0)
    cancel(served, by_name(served)["disk0"]["id"])
    settle(served, applied)
    now = by_name(served)
    assert {name: now[name]["state"] for name in ("disk0", "vm0", "disk1", "vm1")} == {
        "disk0": "CANCELLED",
        "vm0": "SKIPPED",
        "disk1": "SUCCEEDED",
        "vm1": "SUCCEEDED",
    }
    assert now["vm0"]["error"] == "Volume disk0 on host1 is needed first: It was cancelled."
    assert at_work(lab, "host1") == {}
    assert copies(lab, "host1") == [], "the next Run cleans up"
    told = [(event["type"], event["name"]) for event in events(served) if event["stack"] == STACK]
    assert told.count(("CANCELLED", "disk0")) == told.count(("SKIPPED", "vm0")) == 1
    again = apply(served, document, STACK)
    assert sorted(o["kind"] for o in again["operations"]) == ["VM", "Volume"]
    succeed(served, again)
    hosts_equal_graph(served, lab, STACK, 2)
    assert copies(lab, "host1") == []


def test_the_only_one_of_its_run(served: Service, lab: LabHosts, kernel: Path) -> None:
    """Nothing comes after it that would end its module: the guest, asked to power off, is not destroyed 10 s later."""
    document = halting(kernel, 1, host="host1")
    succeed(served, apply(served, document, STACK))
    stopped = apply(served, document.replace("memory: 16mb", "memory: 16mb\n    status: stopped"), STACK)
    (operation,) = stopped["operations"]
    wait_for(lambda: len(at_work(lab, "host1")) > 0)
    cancel(served, operation["id"])
    assert [o["state"] for o in settle(served, stopped)] == ["CANCELLED"]
    wait_for(lambda: at_work(lab, "host1") == {})
    assert len(domains(lab, "host1")) == 1
    succeed(served, apply(served, document, STACK))
    hosts_equal_graph(served, lab, STACK, 1)
