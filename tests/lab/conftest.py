"""A service on each graph engine, and the lab's hosts added to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
from benchmarks.halt_kernel import write_halt_kernel
from engines import Engine
from lab_hosts import WHY_NOT, LabHosts, lab_hosts
from labs import SEED_HOST, add_host, qcow2
from serving import ROOT, Service, on, serving


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHosts]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = Path(os.environ.get("LAB_DIR", "/var/tmp/virtgraph-test-lab"))
    prefix, net = os.environ.get("LAB_PFX", "vgt"), os.environ.get("LAB_NET", "10.99.20")
    with lab_hosts(folder, prefix, net) as lab:
        yield lab


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny guest's disk."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([ROOT / "scripts" / "build-tiny", folder], check=True)
    return folder / "tiny.qcow2"


@pytest.fixture(scope="session")
def kernel(lab: LabHosts) -> Path:
    """Of a guest that halts at once."""
    path = lab.folder / "halt"
    write_halt_kernel(path)
    return path


@pytest.fixture
def large(lab: LabHosts) -> Iterator[Path]:
    """A qcow2 file that takes some seconds to copy."""
    path = qcow2(lab.folder / "large.qcow2", 1 << 30)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def served(
    engine: Engine, lab: LabHosts, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service whose graph is empty but for the two hosts. Its stacks are the tests' own to remove.

    Each is an installation of its own, with a pool of its own: libvirt lets no two pools share a folder.
    """
    pool = f"/var/lib/libvirt/images/{request.module.__name__}-{engine.name}"
    external = engine.name == "neo4j"
    if external:
        wipe(engine)
    home = tmp_path_factory.mktemp("service") / "home"
    graph = on(engine) if external else {}
    with serving(home, VIRTGRAPH_LEASE="5", VIRTGRAPH_PATIENCE="40", **graph) as running:
        add_host(running, lab, "host1", id=SEED_HOST, poolPath=pool)
        add_host(running, lab, "host2", poolPath=pool)
        yield running


def wipe(engine: Engine) -> None:
    """In Neo4j the graph outlives a service."""
    with neo4j.GraphDatabase.driver(engine.url, auth=(engine.user, engine.password)) as driver:
        driver.execute_query("MATCH (n) DETACH DELETE n")
