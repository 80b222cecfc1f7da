"""A host whose libvirtd hangs: it is said not to answer and nothing else waits for it; when it goes on it is seen again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engines import ON_ONE_GRAPH
from follow import wait_for
from lab_hosts import LabHosts
from labs import add_host, apply, clear, domains, succeed
from processes import Process, descendants
from serving import Service, working

from virtgraph.observe import LOOK_FOR_HOSTS

pytestmark = ON_ONE_GRAPH

PATIENCE = 15.0  # seconds in which libvirt is to answer
DOES_NOT_ANSWER = "libvirt on host host2 does not answer: "


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, "host1", "host2")


@contextmanager
def hanging(lab: LabHosts, host: str) -> Iterator[None]:
    """libvirtd there stands still; it goes on at the end."""
    pid = lab.sh(host, "cat", "/run/libvirtd.pid").strip()
    lab.sh(host, "kill", "-STOP", pid)
    try:
        yield
    finally:
        lab.sh(host, "kill", "-CONT", pid)


def vm(kernel: Path, host: str) -> str:
    return f"""
version: 0
annotations: {{n0stack/scheduling/host_id: {host}}}
spec:
  vm-on-{host}: {{type: resource/vm/kvm, memory: 16mb, kernel: {kernel}}}
"""


def error(served: Service, host: str) -> str | None:
    said = served.graphql("query ($host: String!) { host(name: $host) { error } }", {"host": host})["host"]["error"]
    return None if said is None else str(said)


def power(served: Service) -> str:
    (vm,) = served.graphql('{ vms(filter: {stack: "host2"}) { nodes { power } } }')["vms"]["nodes"]
    return str(vm["power"])


def workers(served: Service) -> list[int]:
    return [pid for pid, process in descendants(served.pid).items() if "worker --piped" in process.arguments]


def threads(of: int) -> int:
    return len(list(Path(f"/proc/{of}/task").iterdir()))


def to_libvirt(lab: LabHosts, host: str, of: int) -> list[Process]:
    """The connections that a worker has begun, which are processes."""
    wanted = (f"-- {lab.access(host).address} ", "qemu:///system")
    return [process for process in descendants(of).values() if all(words in process.arguments for words in wanted)]


def test_only_what_is_known_of_its_own_host_is_held_up(served: Service, lab: LabHosts, kernel: Path) -> None:
    succeed(served, apply(served, vm(kernel, "host2"), "host2"))
    (worker,) = workers(served)
    with hanging(lab, "host2"):
        wait_for(lambda: (error(served, "host2") or "").startswith(DOES_NOT_ANSWER), 60)
        wait_for(lambda: len(to_libvirt(lab, "host2", worker)) == 1, 60)
        held, since = threads(worker), time.monotonic()
        with working(served, served.home.with_name("worker.log")) as colleague:
            wait_for(lambda: len(to_libvirt(lab, "host2", colleague)) == 1, 60)  # and yet it ends
        succeed(served, apply(served, vm(kernel, "host1"), "host1"))
        assert len(domains(lab, "host1")) == 1
        while time.monotonic() < since + 2.3 * PATIENCE:
            assert len(to_libvirt(lab, "host2", worker)) == 1, "one that hangs is enough"
            time.sleep(0.5)
        assert threads(worker) <= held
        assert (error(served, "host2") or "").startswith(DOES_NOT_ANSWER)
        assert error(served, "host1") is None
    wait_for(lambda: error(served, "host2") is None, 60)
    assert power(served) == "running"
    (name,) = domains(lab, "host2")
    lab.sh("host2", "virsh", "-q", "destroy", name)
    wait_for(lambda: power(served) == "shutoff", 60)


@pytest.fixture
def added_again(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    add_host(served, lab, "host2")


def remove_host(served: Service, host: str) -> None:
    removed = served.graphql("mutation ($host: String!) { removeHost(host: $host) { __typename } }", {"host": host})
    assert removed["removeHost"]["__typename"] == "RemovedHost", removed


@pytest.mark.usefixtures("added_again")
def test_the_connection_to_a_removed_host_is_closed(served: Service, lab: LabHosts) -> None:
    (worker,) = workers(served)
    wait_for(lambda: len(to_libvirt(lab, "host2", worker)) == 1, 60)
    remove_host(served, "host2")
    wait_for(lambda: to_libvirt(lab, "host2", worker) == [], 60)


@pytest.mark.usefixtures("added_again")
def test_one_that_comes_about_too_late_is_closed(served: Service, lab: LabHosts) -> None:
    with hanging(lab, "host2"):
        (worker,) = workers(served)
        os.kill(worker, signal.SIGKILL)  # the next one connects anew
        wait_for(lambda: [len(to_libvirt(lab, "host2", pid)) for pid in workers(served)] == [1], 60)
        remove_host(served, "host2")
        time.sleep(2 * LOOK_FOR_HOSTS)
    wait_for(lambda: to_libvirt(lab, "host2", *workers(served)) == [], 60)
