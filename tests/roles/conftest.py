"""Roles are tested as the service runs them: its playbooks, by its dispatcher, on a host of the lab."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.halt_kernel import write_halt_kernel
from lab_hosts import WHY_NOT, LabHosts, lab_hosts

from virtgraph.dispatch import Dispatcher, OnResults, Order, Outcome, ResourceResult
from virtgraph.play_doc import PlayDoc

ROOT = Path(__file__).resolve().parents[2]
KERNEL = "/root/halt"  # on the host
_fences = count(1)


@pytest.fixture(scope="session")
def lab() -> Iterator[LabHosts]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = Path(os.environ.get("LAB_DIR", "/var/tmp/virtgraph-lab-roles"))
    prefix, net = os.environ.get("LAB_PFX", "vgr"), os.environ.get("LAB_NET", "10.99.42")
    with lab_hosts(folder, prefix, net, count=1) as hosts:
        write_halt_kernel(folder / "host1" / "disk" / KERNEL.lstrip("/"))
        yield hosts


@pytest.fixture(scope="session")
def wheels(lab: LabHosts) -> Path:
    """What virtgraph requires as wheels; hosts see the folder."""
    folder = lab.folder / "wheels"
    subprocess.run([ROOT / "scripts" / "wheels", folder], check=True)
    return folder


class Plays:
    """A worker's dispatcher: its Ansible is warm, and its connections stay."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._loop = asyncio.Runner()
        self._dispatcher = self._loop.run(self._start())

    def run(self, order: Order, on_results: OnResults) -> Outcome:
        return self._loop.run(self._dispatcher.run(order, on_results, asyncio.Event()))

    def renew(self) -> None:
        """After a power cut: for some seconds a dispatcher takes its connections for alive without asking."""
        self._loop.run(self._dispatcher.close())
        self._dispatcher = self._loop.run(self._start())

    def close(self) -> None:
        self._loop.run(self._dispatcher.close())
        self._loop.close()

    async def _start(self) -> Dispatcher:
        dispatcher = Dispatcher(self.home)
        await dispatcher.start()
        return dispatcher


@pytest.fixture(scope="session")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    plays = Plays(tmp_path_factory.mktemp("worker"))
    yield plays
    plays.close()


@dataclass
class Host:
    """One host of the lab, and a pool on it for one test."""

    lab: LabHosts
    plays: Plays
    folder: Path
    installation: str = field(default_factory=lambda: str(uuid.uuid4()))
    pool: str = field(default_factory=lambda: str(uuid.uuid4()))
    outcome: Outcome | None = None  # of the last play

    @property
    def pool_path(self) -> str:
        return f"/var/lib/libvirt/images/{self.pool}"

    def play(self, playbook: str, secrets: Mapping[str, Any] | None = None, **doc: Any) -> dict[str, ResourceResult]:
        """Results by id. The play itself has to end well."""
        number = next(_fences)
        doc = {"lease": {"installation": self.installation, "slot": 0, "fence": number, "deadline": 60}, **doc}
        order = Order(f"run-{number}", self.lab.access("host1"), playbook, doc, secrets or {}, 120, PlayDoc(doc).roles)
        results: list[ResourceResult] = []
        self.outcome = self.plays.run(order, results.extend)
        assert self.outcome.status == "successful", self.outcome.message
        return {result.id: result for result in results}

    def pools(self) -> list[dict[str, Any]]:
        return [{"id": self.pool, "generation": 1, "title": "default", "path": self.pool_path, "needs": []}]

    def volume(self, id: str | None = None, **changes: Any) -> dict[str, Any]:
        return {
            "id": id or str(uuid.uuid4()),
            "generation": 1,
            "title": "data",
            "pool": self.pool,
            "pool_path": self.pool_path,
            "size": 1 << 30,
            "source": None,
            "needs": [self.pool],
            **changes,
        }

    def vm(self, *volumes: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        disks = [
            {"id": of["id"], "path": f"{self.pool_path}/{of['id']}.qcow2", "boot_order": order}
            for order, of in enumerate(volumes, 1)
        ]
        return {
            "id": str(uuid.uuid4()),
            "generation": 1,
            "title": "web",
            "arch": "x86_64",
            "domain_type": "qemu",
            "vcpus": 1,
            "memory": 64 << 20,
            "kernel": KERNEL,
            "initrd": None,
            "cmdline": None,
            "state": "running",
            "vnc_password": None,
            "interfaces": [],
            "disks": disks,
            "needs": [of["id"] for of in volumes],
            **changes,
        }

    def sh(self, *command: str) -> str:
        return self.lab.sh("host1", *command)

    def virsh(self, *command: str) -> str:
        return self.sh("virsh", "-q", "-c", "qemu:///system", *command)

    def log(self) -> str:
        """Everything that Runs wrote on the controller."""
        files = (path for path in self.plays.home.rglob("*") if path.is_file())
        return "\n".join(path.read_text(errors="replace") for path in files)


@pytest.fixture
def host(lab: LabHosts, plays: Plays, tmp_path: Path) -> Iterator[Host]:
    host = Host(lab, plays, tmp_path)
    yield host
    _clean(host)


def _clean(host: Host) -> None:
    for domain in host.virsh("list", "--all", "--name").split():
        for command in (("destroy", domain), ("undefine", domain, "--snapshots-metadata", "--checkpoints-metadata")):
            _try(host, *command)
    for pool in host.virsh("pool-list", "--all", "--name").split():
        for command in (("pool-destroy", pool), ("pool-undefine", pool)):
            _try(host, *command)


def _try(host: Host, *command: str) -> None:
    try:
        host.virsh(*command)
    except subprocess.CalledProcessError:
        return  # it was off, or gone
