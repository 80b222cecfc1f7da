"""`scripts/demo` as a newcomer runs it: up, up again, down; and the machine is as it was."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import free_port
from follow import wait_for
from lab_hosts import WHY_NOT, LabHosts
from processes import marked
from serving import ROOT, clean

pytestmark = [pytest.mark.lab, pytest.mark.slow]

FOLDER = Path("/var/tmp/virtgraph-test-demo")
PREFIX, NET = "vgz", "10.99.49"
LAB = LabHosts(FOLDER / "lab", PREFIX, NET)
OWN_LIBVIRT = (Path("/etc/libvirt"), Path("/var/lib/libvirt/images"))  # this machine's


@pytest.fixture(scope="module")
def own_libvirt() -> dict[Path, int]:
    return listing()


@pytest.fixture(scope="module")
def said(own_libvirt: dict[Path, int]) -> Iterator[str]:
    """What the first run says."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    demo("--down")  # of a test run that was killed
    try:
        yield demo()
    finally:
        demo("--down")


def demo(*options: str) -> str:
    own = {"DEMO_DIR": str(FOLDER), "DEMO_PORT": str(free_port()), "LAB_PFX": PREFIX, "LAB_NET": NET}
    done = subprocess.run(
        [ROOT / "scripts" / "demo", *options],
        env=clean(os.environ) | own,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def get(said: str, kind: str) -> list[Any]:
    """The command that the demo tells to ask it, for another kind."""
    (command,) = re.findall(r"^Ask it: +(.*) get vms$", said, re.MULTILINE)
    answer = subprocess.run(
        f"{command} get {kind} -o json", shell=True, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    )
    found: list[Any] = json.loads(answer.stdout)
    return found


def made(said: str) -> Any:
    """Everything that the two examples ask for, in the graph and on the hosts; `virsh list` counts each start."""
    graph = {
        kind: {thing["id"] for thing in get(said, kind)} for kind in ("hosts", "vms", "nics", "volumes", "networks")
    }
    hosts = {host: LAB.sh(host, "virsh", "-q", "list", "--all") for host in ("host1", "host2")}
    return graph, get(said, "stacks"), hosts


def listing() -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for top in OWN_LIBVIRT for path in (top, *top.rglob("*")) if path.exists()}


def test_it_shows_a_guest_that_answers(said: str) -> None:
    pings = re.findall(r"^64 bytes from 10\.77\.0\.10: ", said, re.MULTILINE)
    assert len(pings) == 3
    (hello,) = [vm["id"] for vm in get(said, "vms") if vm["name"] == "hello"]
    _, _, page = said.partition("http://10.77.0.10/ says:\n")
    assert f"<p>{hello}</p>" in page and "10.77.0.10/24" in page
    (token,) = re.findall(r"^  token +(.*)$", said, re.MULTILINE)
    assert Path(token).read_text().strip()


def test_again_it_makes_nothing_twice(said: str) -> None:
    before = made(said)
    again = demo()
    assert made(again) == before
    graph, stacks, _ = before
    assert {stack["name"] for stack in stacks} >= {"n0core", "hello"}
    assert [len(graph[kind]) for kind in ("hosts", "vms")] == [2, 2]


def test_down_it_leaves_nothing(said: str, own_libvirt: dict[Path, int]) -> None:
    assert list(marked(str(FOLDER)))
    demo("--down")
    assert not FOLDER.exists()
    wait_for(lambda: not list(marked(str(FOLDER))))
    assert PREFIX not in subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    assert listing() == own_libvirt
