"""One real service for all tests of the command line, with a host that does not answer and never will."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines import free_port
from serving import Service, serving

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("cli") / "home", VIRTGRAPH_PATIENCE="0") as service:
        yield service


@pytest.fixture(scope="session")
def dead_host(service: Service) -> str:
    """`dead`: stored with its key, and nobody listens there."""
    added = service.virtgraph(
        *("host", "add", "dead", "--address", "127.0.0.1", "--port", str(free_port()), "--host-key", HOST_KEY),
        *("--label", "rack=1", "--label", "fast=no", "--cpus", "8", "--memory", "64gb", "--disk", "1tb"),
    )
    assert HOST_KEY in added.stdout
    assert "cannot be used yet" in added.stderr
    assert added.returncode == 1
    return "dead"
