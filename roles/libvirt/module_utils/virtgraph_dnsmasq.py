"""One network's dnsmasq: its files, its command line, and the process in the network's namespace.

It serves reservations only, one file for each NIC in a folder that it reads at its start and on SIGHUP. The folder is
given as --dhcp-hostsfile: --dhcp-hostsdir takes an inotify instance, of which a user has 128. A reservation that was
changed or removed needs a restart: dnsmasq keeps the lease, and refuses the address to its next owner.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import time
from ipaddress import IPv4Interface
from pathlib import Path

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import ResourceError

# Not under the fence's folder, which is root's alone: dnsmasq reads its files as another user.
ROOT = Path("/run/virtgraph-dhcp")
NIC = "eth0"  # in the namespace
LEASE = "24h"  # guests keep their addresses for at least half of it without a server
MOST = 65536  # leases; dnsmasq's own limit is 1000
_END = 5.0  # seconds for dnsmasq to end
# Where there is a service manager the server is its child: not of the ssh session or, when this host is the controller
# itself, of the Run, whose processes all end with it.
_LAUNCHER = (
    ("systemd-run", "--quiet", "--collect", "--service-type=forking", "--description=virtgraph: DHCP server", "--")
    if Path("/run/systemd/system").exists()
    else ()
)


class Dnsmasq:
    def __init__(self, network: str, installation: str) -> None:
        self.network = network
        self.netns = names.dhcp(network)
        self.folder = ROOT / installation / names.checked(network)
        self.hosts = self.folder / "hosts"
        self.options = self.folder / "options"
        # They exist from before a change until dnsmasq knows of it, so that a killed module's changes are not lost.
        self.unread = self.folder / "unread"
        self.released = self.folder / "released"

    def command(self, address: IPv4Interface) -> list[str]:
        """The same for the same server: a process is right when it was started by exactly this."""
        return [
            "dnsmasq",
            "--conf-file=/dev/null",
            f"--user={_user()}",
            f"--pid-file={self.folder}/pid",
            f"--interface={NIC}",
            "--except-interface=lo",
            "--bind-interfaces",
            "--port=0",
            "--no-hosts",
            "--no-resolv",
            f"--dhcp-range={address.network.network_address},static,{address.netmask},{LEASE}",
            f"--dhcp-lease-max={MOST}",
            f"--dhcp-hostsfile={self.hosts}",
            f"--dhcp-optsfile={self.options}",
            "--dhcp-ignore=tag:!known",  # a flat network may have another server for those whom we do not know
            "--dhcp-authoritative",
            "--leasefile-ro",
        ]

    def exists(self) -> bool:
        return self.hosts.is_dir()

    def make_folders(self) -> None:
        """Whatever the session's umask is: dnsmasq reads as another user."""
        for place in (ROOT, self.folder.parent, self.folder, self.hosts):
            place.mkdir(exist_ok=True)
            place.chmod(0o755)

    def has_namespace(self) -> bool:
        return os.path.ismount(f"/run/netns/{self.netns}")

    def running(self) -> dict[int, list[str]]:
        """Command lines by process number of every dnsmasq in the namespace."""
        pids = iproute.run("ip", "netns", "pids", self.netns).split() if self.has_namespace() else []
        commands = {int(pid): _command(int(pid)) for pid in pids}
        return {pid: command for pid, command in commands.items() if command[:1] == ["dnsmasq"]}

    def start(self, command: list[str]) -> None:
        """It detaches itself once it serves, and says on stderr why it does not."""
        self.make_folders()
        for told in (self.unread, self.released):
            told.unlink(missing_ok=True)
        iproute.run(*_LAUNCHER, "ip", "netns", "exec", self.netns, *command)

    def end(self, *pids: int) -> None:
        for pid in pids:
            _end(pid)

    def text(self, file: Path) -> str:
        """Empty when there is no such file."""
        with contextlib.suppress(FileNotFoundError):
            return file.read_text()
        return ""

    def write_options(self, text: str) -> bool:
        """Whether they differed."""
        self.make_folders()
        return self._put(self.options, text, self.unread)

    def reservation(self, nic: str) -> Path:
        return self.hosts / names.checked(nic)

    def reservations(self) -> dict[str, str]:
        """Lines by NIC."""
        files = [file for file in self.hosts.glob("*") if not file.name.startswith(".")]
        return {file.name: self.text(file) for file in files}

    def reserve(self, nic: str, line: str) -> bool:
        """Whether the reservation differed."""
        file = self.reservation(nic)
        return self._put(file, line, self.released if file.exists() else self.unread)

    def release(self, nic: str) -> bool:
        """Whether there was a reservation."""
        file = self.reservation(nic)
        if not file.exists():
            return False
        self.released.touch()
        file.unlink()
        return True

    def read_again(self) -> None:
        """Only if it has to."""
        running = self.running()
        if self.released.exists() and running:
            self.end(*running)
            self.start(next(iter(running.values())))
        elif self.unread.exists():
            for pid in running:
                os.kill(pid, signal.SIGHUP)
            self.unread.unlink()

    def is_behind(self) -> bool:
        """Whether it runs and has yet to be told of a change: its module was killed between the two."""
        return (self.unread.exists() or self.released.exists()) and bool(self.running())

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _put(self, file: Path, text: str, untold: Path) -> bool:
        if self.text(file) == text:
            return False
        untold.touch()
        new = file.with_name(f".{file.name}")  # dnsmasq skips names with a dot before
        new.write_text(text)
        new.chmod(0o644)
        new.replace(file)
        return True


def _user() -> str:
    """Debian's own user for it, where the package that makes it is installed."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("dnsmasq").pw_name
    return "nobody"


def _command(pid: int) -> list[str]:
    """Empty of a process that is gone, or that only its parent has not noticed to be."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + _END
        while _command(pid) and time.monotonic() < until:
            time.sleep(0.01)
        if not _command(pid):
            return
    raise ResourceError(f"dnsmasq, process {pid}, does not end.", f"kill -9 {pid} on the host, then apply again.")
