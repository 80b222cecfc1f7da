"""The checks of a host: each is provoked on a host of the lab, or where it is the machine's (its clock, its CPU) given."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import module_utils  # noqa: F401
import pytest
from ansible.module_utils import virtgraph_preflight as preflight
from conftest import Host

LIBVIRT = "/usr/lib/python3/dist-packages/libvirt.py"
GIVEN = {"uplink": "br0", "pool_path": "/var/lib/libvirt/images/virtgraph"}


def findings(host: Host, **given: Any) -> dict[str, dict[str, Any]]:
    """By the names of the checks."""
    host.play("preflight", **{**GIVEN, **given})
    assert host.outcome
    return {finding["check"]: finding for finding in host.outcome.host_facts["findings"]}


def refused(host: Host, **given: Any) -> str:
    """What a probe says of a host that it refuses."""
    with pytest.raises(AssertionError):
        host.play("observe", **{**GIVEN, **given})
    assert host.outcome
    return host.outcome.message


@contextmanager
def instead(host: Host, path: str, content: str) -> Iterator[None]:
    """On the host this file has other content, till the block ends."""
    host.sh("sh", "-c", f"printf '%s' \"$1\" >/run/instead && mount --bind /run/instead {path}", "sh", content)
    try:
        yield
    finally:
        host.sh("umount", path)


def test_a_host_of_the_lab_is_a_good_one(host: Host) -> None:
    """But for what is the machine's that carries it: its CPU, its disk and its firewall."""
    found = findings(host)
    wrong = {check for check, finding in found.items() if finding["wrong"]}
    assert wrong <= {"acceleration", "disk space", "br_netfilter"}
    assert list(found) == [
        "python", "qemu-img", "dnsmasq", "ethtool", "ip", "libvirt", "qemu", "acceleration", "disk space", "clock", "host UUID",
        "machine-id", "own name", "uplink", "br_netfilter",
    ]  # fmt: skip
    host.play("observe", **GIVEN)
    assert host.outcome and host.outcome.status == "successful"


def test_without_libvirt_for_python(host: Host) -> None:
    with instead(host, LIBVIRT, "raise ImportError"):
        found = findings(host)
        assert found["libvirt"]["refuses"]
        assert found["libvirt"]["cure"] == "apt-get install python3-libvirt"
        said = refused(host)
    assert said.startswith("Host host1 (")
    assert "cannot be used. python3-libvirt is not installed for /usr/bin/python3." in said


def test_libvirtd_does_not_answer(host: Host) -> None:
    host.sh("mv", "/run/libvirt/libvirt-sock", "/run/libvirt/away")
    try:
        said = refused(host)
    finally:
        host.sh("mv", "/run/libvirt/away", "/run/libvirt/libvirt-sock")
    assert "libvirtd does not answer: Failed to connect socket" in said
    assert "Cure: systemctl start libvirtd" in said


def test_libvirtd_finds_no_qemu(host: Host) -> None:
    with instead(host, "/usr/bin/qemu-system-x86_64", ""):  # not executable
        said = refused(host)
    assert "libvirtd finds no qemu: " in said and "Cure: apt-get install qemu-system-x86, then" in said
    assert not findings(host)["qemu"]["wrong"]


def test_a_missing_program(host: Host) -> None:
    with instead(host, "/usr/sbin/dnsmasq", ""):  # not executable
        found = findings(host)["dnsmasq"]
    assert found["wrong"].startswith("The command dnsmasq is not installed")
    assert (found["cure"], found["refuses"]) == ("apt-get install dnsmasq-base", False)


def test_own_name_does_not_resolve(host: Host) -> None:
    with instead(host, "/etc/hosts", "127.0.0.1 localhost\n"):
        found = findings(host)["own name"]
    assert found["wrong"].startswith("Its own name host1 does not resolve")
    assert found["cure"] == "echo 127.0.1.1 host1 >>/etc/hosts"


def test_a_full_disk(host: Host) -> None:
    host.sh("mkdir", "-p", host.pool_path)
    host.sh("mount", "-t", "tmpfs", "-o", "size=1m", "small", host.pool_path)
    try:
        found = findings(host, pool_path=f"{host.pool_path}/not/there/yet")["disk space"]
    finally:
        host.sh("umount", host.pool_path)
    assert found["wrong"] == f"0.0 GiB are free at {host.pool_path}, where volumes lie: less than 2 GiB."


def test_the_uplink_carries_the_host(host: Host) -> None:
    assert "The uplink eth0 carries an address of the host itself" in refused(host, uplink="eth0")
    found = findings(host, uplink="eth7")["uplink"]
    assert found["wrong"].startswith("There is no interface eth7")
    assert not found["refuses"], "it takes no VLAN, and all else works"


def test_another_host_is_the_same(host: Host) -> None:
    machine_id = host.sh("cat", "/etc/machine-id").strip()
    host_uuid = host.virsh("capabilities").partition("<uuid>")[2].partition("</uuid>")[0]
    far = {"name": "far", "machine_id": "0" * 32, "host_uuid": None}
    clone = {"name": "clone", "machine_id": machine_id, "host_uuid": None}
    found = findings(host, others=[far, clone])["machine-id"]
    assert found["wrong"].startswith("Its /etc/machine-id is that of clone: ")
    twin = {"name": "twin", "machine_id": None, "host_uuid": host_uuid}
    assert f"is the same libvirt host as twin (host UUID {host_uuid})" in refused(host, others=[far, twin])
    with instead(host, "/etc/machine-id", ""):
        assert findings(host)["machine-id"]["cure"] == "systemd-machine-id-setup"


def test_bridged_frames_and_the_firewall(host: Host, tmp_path: Path) -> None:
    setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    seen = host.sh("sh", "-c", f"cat {setting} 2>/dev/null || echo 0").strip()
    assert bool(findings(host)["br_netfilter"]["wrong"]) == (seen == "1")
    given = tmp_path / "setting"
    assert not preflight.bridge_filter(given).wrong, "br_netfilter is not loaded"
    given.write_text("1\n")
    assert preflight.bridge_filter(given).cure.startswith("sysctl -w net.bridge.bridge-nf-call-iptables=0")


@pytest.mark.parametrize(
    ("here", "wrong"),
    [
        (1000.0, ""),
        (1030.0, ""),  # it took so long to ask
        (990.0, "Its clock is 10 s behind the controller's"),
        (4600.0, "Its clock is 3600 s ahead of the controller's"),
    ],
)
def test_clocks(here: float, wrong: str) -> None:
    said = preflight.clock(here, controller=1000.0).wrong
    assert said.startswith(wrong) and bool(said) == bool(wrong)


def test_versions() -> None:
    assert not preflight.version("qemu", 7_002_000, preflight.LEAST_QEMU).wrong
    old = preflight.version("libvirt", 7_000_001, preflight.LEAST_LIBVIRT)
    assert old.wrong == "This is libvirt 7.0.1; older ones than 9.0.0 are not tested."
    assert not old.refuses
    assert not preflight.python().wrong
    old = preflight.python((3, 9, 2))
    assert old.refuses and "is Python 3.9.2; the modules need 3.10" in old.wrong


def test_acceleration(tmp_path: Path) -> None:
    device, cpuinfo = tmp_path / "kvm", tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : fpu sse2\n")
    device.touch()
    assert "neither vmx nor svm" in preflight.acceleration(device, cpuinfo).wrong, "a device that opens is not enough"
    cpuinfo.write_text("flags : fpu svm\n")
    assert not preflight.acceleration(device, cpuinfo).wrong
    device.unlink()
    device.mkdir()  # root opens everything else
    assert "cannot be opened (Is a directory): VMs are emulated." in preflight.acceleration(device, cpuinfo).wrong
    device.rmdir()
    assert preflight.acceleration(device, cpuinfo).cure == "modprobe kvm_intel || modprobe kvm_amd"
