"""`--wait`, `events --follow` and `cancel` while a real host works, and while the service is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_hosts import WHY_NOT, LabHosts, lab_hosts
from processes import descendants
from serving import COMMAND, Service, serving

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

VM = """
version: 0
spec:
  web:
    type: resource/vm/kvm
    memory: 64mb
    dependencies:
      - object: {type: resource/volume/file, name: disk, size: 1mb}
        property: {r: n0stack/n0core/vm/attachments}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabHosts]:
    folder = Path(os.environ.get("LAB_DIR", "/var/tmp/virtgraph-lab-cli"))
    with lab_hosts(folder, os.environ.get("LAB_PFX", "vgy"), os.environ.get("LAB_NET", "10.99.47"), 1) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def service(lab: LabHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its host1 is the lab's."""
    with serving(tmp_path_factory.mktemp("waiting") / "home", VIRTGRAPH_PATIENCE="0") as service:
        host = lab.access("host1")
        added = service.virtgraph(
            "host", "add", "host1", "--address", str(host.address), "--key-file", str(host.key_file)
        )
        assert added.returncode == 0, added.stderr
        assert str(host.host_key) in added.stdout
        yield service


def test_wait_tells_each_step_and_ends_well(service: Service) -> None:
    applied = service.virtgraph("apply", "-", "-s", "well", "--wait", "--timeout", "90", input=VM)
    assert applied.returncode == 0, applied.stderr
    assert "realize VM web on host1: RUNNING" in applied.stderr
    assert applied.stderr.splitlines()[-1].endswith("on host1: SUCCEEDED")
    assert json.loads(service.virtgraph("get", "vm", "web", "-s", "well", "-o", "json").stdout)["state"] == "RUNNING"
    deleted = service.virtgraph("delete", "vm", "web", "-s", "well", "--volumes", "--wait", "--timeout", "90")
    assert deleted.returncode == 0, deleted.stderr
    assert "No vms" in service.virtgraph("get", "vms", "-s", "well").stderr


def test_wait_ends_at_its_time_and_the_work_goes_on(service: Service, lab: LabHosts) -> None:
    lab.stop("host1")
    try:
        late = service.virtgraph("apply", "-", "-s", "late", "--wait", "--timeout", "2", input=VM)
    finally:
        lab.start("host1")
    assert late.returncode == 1
    assert "The work goes on" in late.stderr
    assert service.virtgraph("delete", "stack", "late", "--wait", "--timeout", "90").returncode in (0, 2)


def test_wait_and_follow_outlive_a_killed_service(service: Service, tmp_path: Path) -> None:
    document = tmp_path / "document.yaml"
    document.write_text(VM)
    with (
        started(service, "events", "--follow", "--after", "0", "-o", "json") as follower,
        started(service, "apply", str(document), "-s", "killed", "--wait", "--timeout", "120") as waiter,
    ):
        assert waiter.stderr and follower.stdout
        waiter.stderr.readline()  # it is stored
        heard = [follower.stdout.readline().strip()]  # both have found the service
        service.kill9()
        service.start()
        told = waiter.stderr.read()
        assert waiter.wait(120) == 0, told
        expected = service.virtgraph("events", "-o", "json").stdout.splitlines()
        heard += [follower.stdout.readline().strip() for _ in expected[1:]]
    assert heard == expected


def test_wait_outlives_answers_that_take_too_long(service: Service, tmp_path: Path) -> None:
    document = tmp_path / "document.yaml"
    document.write_text(VM)
    (graph,) = [process for process in descendants(service.pid).values() if process.name == "java"]
    with started(service, "apply", str(document), "-s", "slow", "--wait", "--timeout", "120") as waiter:
        assert waiter.stderr
        waiter.stderr.readline()  # it is stored
        os.kill(graph.pid, signal.SIGSTOP)
        time.sleep(9)  # the service gives up a question after 6 s
        os.kill(graph.pid, signal.SIGCONT)
        told = waiter.stderr.read()
        assert waiter.wait(120) == 0, told


def test_wait_tells_what_failed_and_the_cure(service: Service, lab: LabHosts) -> None:
    lab.stop("host1")
    try:
        failed = service.virtgraph("apply", "-", "-s", "failed", "--wait", "--timeout", "90", input=VM)
    finally:
        lab.start("host1")
    assert failed.returncode == 1
    said = [line for line in failed.stderr.splitlines() if line.startswith("realize ")]
    assert any("FAILED" in line and "host1" in line for line in said), failed.stderr
    assert any("does not answer" in line and "Check that it is up" in line for line in said), failed.stderr


@contextmanager
def started(service: Service, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on; terminated with the block."""
    pipe = subprocess.PIPE
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, env=service.environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
