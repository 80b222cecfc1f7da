"""What makes a machine a good libvirt host: each check is a sentence and its cure, or nothing.

What refuses is what no resource could be made with, or what would harm; all else is a warning. Needs Python alone:
that libvirt is missing is one of its sentences.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible.module_utils import virtgraph_iproute as iproute

try:
    import libvirt
except ImportError:
    libvirt = None

GIB = 1 << 30
LEAST_PYTHON = (3, 10)
LEAST_LIBVIRT = 9_000_000  # as libvirt numbers versions: what the roles are tested with
LEAST_QEMU = 7_002_000
LEAST_DISK = 2 * GIB
BEHIND, AHEAD = 5.0, 60.0  # seconds; a host that is slow to answer seems to be ahead
COMMANDS = {
    "qemu-img": "qemu-utils",
    "dnsmasq": "dnsmasq-base",
    "ethtool": "ethtool",
    "ip": "iproute2",
}


@dataclass(frozen=True)
class Finding:
    """`wrong` is empty where all is well."""

    check: str
    wrong: str = ""
    cure: str = ""
    refuses: bool = False


@dataclass(frozen=True)
class Machine:
    """What tells a host from another."""

    name: str
    machine_id: str | None
    host_uuid: str | None


@dataclass(frozen=True)
class Wanted:
    """Of a host: the interface on the trunk, the folder of its pool; the controller's clock, in seconds of the epoch."""

    uplink: str | None
    pool_path: str | None
    clock: float | None


def checks(wanted: Wanted, connection: Any, why_none: str, others: Iterable[Machine]) -> list[Finding]:
    """All of them, in the order in which they are told. `connection` to libvirtd, or None and why there is none."""
    found = [python(), *commands(), *versions(connection, why_none), acceleration()]
    if wanted.pool_path:
        found.append(disk(Path(wanted.pool_path)))
    if wanted.clock is not None:
        found.append(clock(time.time(), wanted.clock))
    found += [*duplicates(this_machine(connection), list(others)), own_name(socket.gethostname())]
    if wanted.uplink:
        found.append(uplink(wanted.uplink))
    return [*found, bridge_filter()]


def connect() -> tuple[Any, str]:
    """A virConnect, or None and why."""
    if libvirt is None:
        return None, ""
    libvirt.registerErrorHandler(lambda context, error: None, None)  # else it writes to stderr
    try:
        return libvirt.open("qemu:///system"), ""
    except libvirt.libvirtError as error:
        return None, str(error)


def this_machine(connection: Any, machine_id: Path = Path("/etc/machine-id")) -> Machine:
    id = machine_id.read_text().strip() if machine_id.is_file() else ""
    uuid = connection and ElementTree.fromstring(connection.getCapabilities()).findtext("host/uuid")
    return Machine(socket.gethostname(), id or None, uuid or None)


def python(running: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    if running >= LEAST_PYTHON:
        return Finding("python")
    has, least = ".".join(map(str, running)), ".".join(map(str, LEAST_PYTHON))
    cure = f"Install Python {least} or newer there, and name it as ansible_python_interpreter."
    return Finding("python", f"{sys.executable} is Python {has}; the modules need {least}.", cure, refuses=True)


def commands() -> Iterable[Finding]:
    for command, package in COMMANDS.items():
        there = shutil.which(command, path=iproute.PATH)
        wrong = "" if there else f"The command {command} is not installed: what needs it will fail."
        yield Finding(command, wrong, f"apt-get install {package}" if wrong else "")


def versions(connection: Any, why_none: str) -> Iterable[Finding]:
    if libvirt is None:
        wrong = f"python3-libvirt is not installed for {sys.executable}."
        yield Finding("libvirt", wrong, "apt-get install python3-libvirt", refuses=True)
        return
    if connection is None:
        wrong = f"libvirtd does not answer: {why_none.rstrip('.')}."
        yield Finding("libvirt", wrong, "systemctl start libvirtd", refuses=True)
        return
    yield version("libvirt", connection.getLibVersion(), LEAST_LIBVIRT)
    try:
        yield version("qemu", connection.getVersion(), LEAST_QEMU)
    except libvirt.libvirtError as error:
        wrong = f"libvirtd finds no qemu: {str(error).rstrip('.')}."
        yield Finding("qemu", wrong, "apt-get install qemu-system-x86, then systemctl restart libvirtd", refuses=True)


def version(what: str, number: int, least: int) -> Finding:
    if number >= least:
        return Finding(what)
    wrong = f"This is {what} {dotted(number)}; older ones than {dotted(least)} are not tested."
    return Finding(what, wrong, f"Bring {what} up to {dotted(least)} or newer, as Debian 12 has it.")


def dotted(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def acceleration(device: Path = Path("/dev/kvm"), cpuinfo: Path = Path("/proc/cpuinfo")) -> Finding:
    """A /dev/kvm may be there and not work: with it a guest hangs after "Booting from ROM"."""
    what = "acceleration"
    if not re.search(r"\b(?:vmx|svm)\b", cpuinfo.read_text()):
        wrong = "This CPU shows neither vmx nor svm: VMs are emulated, many times slower."
        cure = "Enable virtualization in the firmware, or nested virtualization where this is a VM."
        return Finding(what, wrong, cure)
    if not device.exists():
        return Finding(what, f"There is no {device}: VMs are emulated.", "modprobe kvm_intel || modprobe kvm_amd")
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError as error:
        wrong = f"{device} cannot be opened ({error.strerror}): VMs are emulated."
        return Finding(what, wrong, f"Let root open it: chmod 660 {device}; in a container, pass the device in.")
    return Finding(what)


def has_kvm() -> bool:
    return not acceleration().wrong


def disk(pool_path: Path) -> Finding:
    holds = holder(pool_path)
    space = os.statvfs(holds)
    free = space.f_bavail * space.f_frsize
    if free >= LEAST_DISK:
        return Finding("disk space")
    wrong = f"{free / GIB:.1f} GiB are free at {holds}, where volumes lie: less than {LEAST_DISK // GIB} GiB."
    return Finding("disk space", wrong, "Make room there, or add the host with another pool path.")


def holder(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def clock(here: float, controller: float) -> Finding:
    """Both in seconds of the epoch; the controller's is from before the host was asked."""
    ahead = here - controller
    if -BEHIND <= ahead <= AHEAD:
        return Finding("clock")
    way = "ahead of" if ahead > 0 else "behind"
    wrong = f"Its clock is {abs(ahead):.0f} s {way} the controller's: times in logs and certificates will not fit."
    return Finding("clock", wrong, "Keep the time on both, as by apt-get install systemd-timesyncd.")


def duplicates(here: Machine, others: list[Machine]) -> Iterable[Finding]:
    same = [one.name for one in others if here.host_uuid and one.host_uuid == here.host_uuid]
    if same:
        yield Finding(
            "host UUID",
            f"This is the same libvirt host as {', '.join(same)} (host UUID {here.host_uuid}).",
            "Remove one of the two, or give the copy its own host_uuid in /etc/libvirt/libvirtd.conf.",
            refuses=True,
        )
    else:
        yield Finding("host UUID")
    if here.machine_id is None:
        wrong = "/etc/machine-id is missing or empty: libvirt and systemd derive addresses from it."
        yield Finding("machine-id", wrong, "systemd-machine-id-setup")
        return
    same = [one.name for one in others if one.machine_id == here.machine_id]
    wrong = f"Its /etc/machine-id is that of {', '.join(same)}: their bridges can get equal MACs, and lose traffic."
    cure = "rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup, and start it anew."
    yield Finding("machine-id", wrong, cure) if same else Finding("machine-id")


def own_name(name: str) -> Finding:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        wrong = f"Its own name {name} does not resolve: libvirt waits 5 to 10 s for it at each start."
        return Finding("own name", wrong, f"echo 127.0.1.1 {name} >>/etc/hosts")
    return Finding("own name")


def uplink(name: str) -> Finding:
    if not shutil.which("ip", path=iproute.PATH):
        return Finding(
            "uplink", f"Without the command ip nobody can look at its uplink {name}.", "apt-get install iproute2"
        )
    found = iproute.link(name)
    if found is None:
        wrong = f"There is no interface {name}, which is to be its uplink: it takes no VLAN."
        return Finding("uplink", wrong, "Name the interface or Open vSwitch bridge on the trunk (ip link).")
    if carried := iproute.carries(found["ifname"]):
        return Finding(
            "uplink",
            f"The uplink {name} carries {carried}: plugging networks into it could cut the host off.",
            f"Give the host another uplink interface, or move the address from {name} to one of its own.",
            refuses=True,
        )
    return Finding("uplink")


def bridge_filter(setting: Path = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")) -> Finding:
    if not setting.exists() or setting.read_text().strip() == "0":
        return Finding("br_netfilter")
    wrong = "br_netfilter is loaded: the firewall sees guests' own frames on bridges, and its rules can drop them."
    return Finding("br_netfilter", wrong, "sysctl -w net.bridge.bridge-nf-call-iptables=0, and so in /etc/sysctl.d.")


def refusals(found: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.wrong and finding.refuses]


def warnings(found: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.wrong and not finding.refuses]


def sentence(finding: Finding) -> str:
    return f"{finding.wrong} Cure: {finding.cure}"
