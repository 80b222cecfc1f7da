"""`virtgraph doctor`: what is missing on this machine, and the command that cures it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from virtgraph.cli.failure import FAILED, Failure
from virtgraph.cli.output import say, show_table
from virtgraph.cli.session import is_loopback, token
from virtgraph.settings import Settings

# Daemons lie where the PATH of an ordinary user does not lead.
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong` is empty where all is well. What is not needed costs speed or reach only."""

    what: str
    wrong: str = ""
    cure: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    package: str
    purpose: str
    needed: bool = True


HERE = "needed where this machine carries VMs itself (host add --local): "
COMMANDS = (
    Command("ssh", "openssh-client", "hosts are reached by it"),
    Command("ssh-keyscan", "openssh-client", "a host's key is pinned by it when it is added"),
    Command("libvirtd", "libvirt-daemon-system", f"{HERE}it is what runs them", needed=False),
    Command("virsh", "libvirt-clients", f"{HERE}people look at domains with it", needed=False),
    Command("qemu-system-x86_64", "qemu-system-x86", f"{HERE}libvirtd runs them in it", needed=False),
    Command("qemu-img", "qemu-utils", f"{HERE}volumes are made by it", needed=False),
    Command("dnsmasq", "dnsmasq-base", f"{HERE}it gives VMs their addresses", needed=False),
    Command("ip", "iproute2", f"{HERE}networks are made by it", needed=False),
    Command("ethtool", "ethtool", f"{HERE}DHCP servers are plugged in with it", needed=False),
    Command("ovs-vsctl", "openvswitch-switch", f"{HERE}only the uplink driver ovs uses it", needed=False),
)
HOST_PYTHON = "/usr/bin/python3"
INSTALL = "scripts/setup in a checkout, else bin/pip install --require-hashes --requirement requirements.lock"


def doctor(settings: Settings) -> None:
    report([*commands(), host_python(), kvm(), *python(settings), token_there(settings), service(settings)])


def report(findings: Sequence[Finding], bad: str = "missing", summary: str = "Needed and missing") -> None:
    """A line each, then what is wrong and what cures it. Raises Failure where something needed is wrong."""
    show_table(("CHECK", "RESULT"), [(f.what, verdict(f, bad)) for f in findings])
    wrong = [finding for finding in findings if finding.wrong]
    for finding in wrong:
        say("", f"{finding.what}: {finding.wrong}", *([f"  {finding.cure}"] if finding.cure else []))
    missing = [finding.what for finding in wrong if finding.needed]
    if missing:
        raise Failure(f"{summary}: {', '.join(missing)}.", code=FAILED)


def verdict(finding: Finding, bad: str) -> str:
    if not finding.wrong:
        return "ok"
    return bad if finding.needed else "could be better"


def commands() -> Iterator[Finding]:
    for command in COMMANDS:
        if shutil.which(command.name, path=PATH):
            yield Finding(command.name)
        else:
            wrong = f"{command.name} is not installed: {command.purpose}."
            yield Finding(command.name, wrong, f"apt-get install {command.package}", command.needed)


def host_python() -> Finding:
    """Modules run on a host under Debian's Python, not under ours."""
    what = "libvirt for Debian's Python"
    try:
        subprocess.run([HOST_PYTHON, "-c", "import libvirt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        wrong = f"{HOST_PYTHON} has no libvirt, {HERE}the playbooks' modules use it."
        return Finding(what, wrong, "apt-get install python3-libvirt", needed=False)
    return Finding(what)


def kvm(device: Path = Path("/dev/kvm"), cpuinfo: Path = Path("/proc/cpuinfo")) -> Finding:
    """/dev/kvm may exist and not work: in most containers and VMs the CPU lacks what it needs."""
    flags = cpuinfo.read_text().split()
    if not ("vmx" in flags or "svm" in flags):
        wrong = "This CPU shows neither vmx nor svm: VMs are emulated, many times slower."
        cure = "Enable virtualization in the firmware, or nested virtualization where this is a VM."
        return Finding("KVM", wrong, cure, needed=False)
    if not device.exists():
        cure = "modprobe kvm_intel || modprobe kvm_amd"
        return Finding("KVM", f"There is no {device}: VMs are emulated.", cure, needed=False)
    if not os.access(device, os.R_OK | os.W_OK):
        wrong = f"{device} may not be used by this user: VMs are emulated."
        return Finding("KVM", wrong, 'adduser "$USER" kvm', needed=False)
    return Finding("KVM")


def python(settings: Settings) -> Iterator[Finding]:
    for module, needs in (("ansible", "playbooks"), ("ansible_runner", "playbooks"), ("libvirt", "observation")):
        wrong = "" if find_spec(module) else f"The Python package {module} is missing: {needs} cannot run."
        yield Finding(f"Python's {module}", wrong, INSTALL if wrong else "")
    if settings.graph_url is None:
        yield embedded_graph()


def embedded_graph() -> Finding:
    """The wheel brings its own Java."""
    what = "the embedded graph's Java"
    cure = f"Install arcadedb-embedded ({INSTALL}), or set VIRTGRAPH_GRAPH_URL to a Neo4j."
    spec = find_spec("arcadedb_embedded")
    if spec is None or spec.origin is None:
        return Finding(what, "The wheel with the embedded graph is not installed.", cure)
    java = Path(spec.origin).parent / "jre" / "bin" / "java"
    try:
        subprocess.run([java, "-version"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(what, f"{java} does not run: {error}.", cure)
    return Finding(what)


def token_there(settings: Settings) -> Finding:
    return _tried("token", lambda: token(settings))


def service(settings: Settings) -> Finding:
    """Reachable, whatever it thinks of our token."""

    def ask() -> None:
        from virtgraph.cli.client import unreachable

        address = httpx.URL(settings.url).copy_with(path="/readyz")
        try:
            answer = httpx.get(address, timeout=5, trust_env=not is_loopback(settings.url))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(settings.url, str(error)) from None
        if answer.status_code != httpx.codes.OK:
            raise unreachable(settings.url, f"it is not ready ({answer.status_code})")

    return _tried("service", ask)


def _tried(what: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except Failure as failure:
        return Finding(what, " ".join(failure.lines), failure.cure)
    return Finding(what)
