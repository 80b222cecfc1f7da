"""The lab's hosts for tests: `scripts/lab`, and what a worker needs to reach each of them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from virtgraph.order import HostAccess

_LAB = Path(__file__).resolve().parents[1] / "scripts" / "lab"

WHY_NOT = (
    "the lab needs root"
    if os.geteuid() != 0
    else "the lab needs libvirtd: apt-get install libvirt-daemon-system"
    if not shutil.which("libvirtd")
    else ""
)


class LabHosts:
    """host1, host2, … in namespaces of this machine, apart from every other lab by folder, prefix and /24."""

    def __init__(self, folder: Path, prefix: str, net: str) -> None:
        self.folder = folder
        self.net = net
        self._environment = {**os.environ, "LAB_DIR": str(folder), "LAB_PFX": prefix, "LAB_NET": net}

    def up(self, count: int = 2) -> None:
        self.lab("up", str(count))

    def down(self) -> None:
        self.lab("down")

    def stop(self, host: str) -> None:
        """Power off, at once."""
        self.lab("stop", host)

    def start(self, host: str) -> None:
        """Power on."""
        self.lab("start", host)

    def sh(self, host: str, *command: str) -> str:
        """What a command on the host prints; raises CalledProcessError when it fails."""
        return self.lab("sh", host, *command)

    def access(self, host: str) -> HostAccess:
        address = f"{self.net}.{10 + int(host.removeprefix('host'))}"
        known = dict(line.split(" ", 1) for line in (self.folder / "known_hosts").read_text().splitlines())
        return HostAccess(host, address, "root", 22, str(self.folder / "id"), known[address], local=False)

    def lab(self, *arguments: str) -> str:
        done = subprocess.run(
            [_LAB, *arguments], env=self._environment, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout


@contextmanager
def lab_hosts(folder: Path, prefix: str, net: str, count: int = 2) -> Iterator[LabHosts]:
    lab = LabHosts(folder, prefix, net)
    lab.down()  # of a test run that was killed
    lab.up(count)
    try:
        yield lab
    finally:
        lab.down()
