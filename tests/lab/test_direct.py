"""VMs with volumes, networks, VLANs and DHCP by ansible-playbook alone: no service, no graph."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_commands import cut
from direct import NETWORK, POOL, Direct, changed, shared, there, two_vms, vm
from follow import wait_for
from lab_hosts import WHY_NOT, LabHosts
from labs import domains
from serving import ROOT, clean

pytestmark = pytest.mark.lab

BLOCK = (
    (ROOT / "README.md").read_text().partition("## Without the service")[2].partition("```sh\n")[2].partition("```")[0]
)
KILLS = 8


@pytest.fixture
def two(lab: LabHosts, tmp_path: Path, kernel: Path) -> Iterator[Direct]:
    direct = Direct(lab, tmp_path, **two_vms(kernel))
    yield direct
    direct.remove()
    assert domains(lab, "host1", "--all") == domains(lab, "host2", "--all") == set()


@pytest.fixture
def listing(lab: LabHosts, tmp_path: Path) -> Iterator[Callable[..., Direct]]:
    """Makes lists of VMs, all on one network of one installation."""
    lists: list[Direct] = []
    bare, own = plainly(lab), str(uuid.uuid4())

    def make(*vms: dict[str, Any], **network: Any) -> Direct:
        lists.append(Direct(lab, tmp_path, installation=own, **shared(*vms, **network)))
        return lists[-1]

    yield make
    for direct in lists if plainly(lab) != bare else ():  # of a test that failed
        direct.run("-e", "virtgraph_state=absent")
    assert plainly(lab) == bare


@pytest.fixture
def readme_lab() -> Iterator[LabHosts]:
    """What `scripts/lab up` of the README makes; another lab of this machine is let be."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    lab = LabHosts(Path("/var/tmp/virtgraph-test-direct"), "vgx", "10.99.50")
    lab.down()  # of a test run that was killed
    yield lab
    lab.down()
    shutil.rmtree("/var/tmp/virtgraph-tiny", ignore_errors=True)


def test_the_readmes_example(readme_lab: LabHosts) -> None:
    own = {"LAB_DIR": str(readme_lab.folder), "LAB_PFX": "vgx", "LAB_NET": "10.99.50", "ANSIBLE_NOCOLOR": "1"}
    commands = [line for line in BLOCK.splitlines() if not line.startswith("scripts/setup")]
    assert [command.split()[0] for command in commands].count("ansible-playbook") == 2 and len(commands) == 6

    def run(command: str) -> str:
        path = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        environment = clean(os.environ) | own | path
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    for command in commands:
        said = run(command)
        if "site.yml" in command and "absent" not in command:
            assert all(changed(said).values()), said
            before = there(readme_lab)
            assert changed(run(command)) == {"host1": 0, "host2": 0}
            assert there(readme_lab) == before
            wait_for(lambda: "html" in page(readme_lab))
        if "virsh list" in command:
            assert re.search(r"running +web1", said), said
        if "absent" in command:
            assert domains(readme_lab, "host1", "--all") == domains(readme_lab, "host2", "--all") == set()


def page(lab: LabHosts) -> str:
    """What the guest on host2 serves, to whom is on host1 in its VLAN."""
    namespace = lab.sh("host1", "sh", "-c", "ip netns list").split()[0]
    get = f"timeout 5 ip netns exec {namespace} busybox wget -q -O - http://10.12.0.100/ || true"
    return lab.sh("host1", "sh", "-c", get)


def test_a_second_run_changes_nothing_and_absent_takes_exactly_that(
    two: Direct, lab: LabHosts, tmp_path: Path, kernel: Path
) -> None:
    own = {"virtgraph_vms": [{"name": "vm1", "host": "host1", "memory": "16mb", "kernel": str(kernel)}]}
    neighbour = Direct(lab, tmp_path, **own)
    neighbour.change()
    before = plainly(lab)
    assert all(two.change().values())
    made = there(lab)
    assert domains(lab, "host1") == {f"vg-{two.id('VM/vm1')}", f"vg-{neighbour.id('VM/vm1')}"}
    assert two.change() == {"host1": 0, "host2": 0}
    assert there(lab) == made
    two.remove()
    assert plainly(lab) == before
    assert two.remove() == {"host1": 0, "host2": 0}
    neighbour.remove()


def plain(text: str) -> str:
    """Without OVS's own numbering and the index in a link's name."""
    return re.sub(r"if\d+|[0-9a-f-]{36}\n|^.*lo .*\n", "", text)


def plainly(lab: LabHosts) -> list[str]:
    return [plain(text) for text in there(lab)]


def test_check_mode_predicts_and_changes_nothing(two: Direct, lab: LabHosts) -> None:
    before = there(lab)
    predicted = two.change("--check")
    assert there(lab) == before
    assert two.change() == predicted
    assert two.change("--check") == {"host1": 0, "host2": 0}
    predicted = two.change("--check", "-e", "virtgraph_state=absent")
    assert len(domains(lab, "host1")) == 1
    assert two.remove() == predicted


@pytest.mark.parametrize("states", [["absent", "present"], ["present", "absent", "present"]])
def test_check_mode_predicts_each_use_of_a_playbook(
    two: Direct, lab: LabHosts, tmp_path: Path, states: list[str]
) -> None:
    if states[0] == "absent":
        two.change()
    agree(two, lab, uses(tmp_path, *({"virtgraph_state": state} for state in states)))
    assert two.change("--check") == {"host1": 0, "host2": 0}


@pytest.mark.parametrize("home", ["host1", "host2"])
def test_check_mode_predicts_a_move(lab: LabHosts, tmp_path: Path, kernel: Path, home: str) -> None:
    """As the README of the role advises; on the same host with what would be refused of the volume that goes before."""
    before = plainly(lab)
    first, second = (shared(vm("web", host, kernel), vm("old", host, kernel)) for host in ("host1", home))
    second["virtgraph_volumes"][0]["size"] = "5mb"
    for kind in ("vms", "volumes"):
        second[f"virtgraph_{kind}"].pop()
    direct = Direct(lab, tmp_path)
    try:
        assert direct.run(playbook=uses(tmp_path, first)).returncode == 0
        agree(direct, lab, uses(tmp_path, {**first, "virtgraph_state": "absent"}, second))
        assert [len(domains(lab, host, "--all")) for host in ("host1", "host2")] == [home == "host1", home == "host2"]
        assert reserved(lab, home) == ["10.50.0.10"]
    finally:
        for one in (first, second):
            direct.run(playbook=uses(tmp_path, {**one, "virtgraph_state": "absent"}))
    assert plainly(lab) == before


def uses(folder: Path, *given: Mapping[str, Any]) -> Path:
    """A playbook that uses the role so. Within a play Ansible leaves out a use that is like one before."""
    play = {"hosts": "libvirt_hosts", "gather_facts": False}
    file = folder / f"{uuid.uuid4()}.yml"
    file.write_text(json.dumps([{**play, "roles": [{"role": "virtgraph", **one}]} for one in given]))
    return file


def agree(direct: Direct, lab: LabHosts, playbook: Path) -> None:
    """What check mode tells, and what the run changes."""
    before = there(lab)
    predicted = direct.run("--check", playbook=playbook)
    assert predicted.returncode == 0 and there(lab) == before, spaced(predicted)
    done = direct.run(playbook=playbook)
    assert done.returncode == 0, spaced(done)
    assert changed(predicted.stdout) == changed(done.stdout) and any(changed(done.stdout).values())


def test_one_host_alone_finds_the_same_addresses(two: Direct, lab: LabHosts) -> None:
    two.change("--limit", "host1")
    reserved = lab.sh("host1", "sh", "-c", "cat /run/virtgraph-dhcp/*/*/hosts/*")
    assert "10.50.0.10" in reserved and "10.50.0.11" in reserved, "of both, though host2 is left out"
    assert domains(lab, "host2") == set()
    two.change("--limit", "host2")
    assert two.change() == {"host1": 0, "host2": 0}


def test_one_role_alone_by_its_tag(two: Direct, lab: LabHosts) -> None:
    two.change("--tags", "network,vlan_uplink")
    assert domains(lab, "host1", "--all") == set()
    assert f"vg-{two.id('Network/net')}" in lab.sh("host1", "virsh", "-q", "net-list", "--name")


def test_names_do_nothing_but_name(lab: LabHosts, tmp_path: Path, kernel: Path) -> None:
    proof = tmp_path / "proof"
    names = [
        f"{{{{ lookup('pipe', 'touch {proof}') }}}}",
        f"$(touch {proof})",
        f"`touch {proof}`'\";",
        "</title><kernel>/x</kernel>",
        "-o ProxyCommand=x",
    ]
    unsafe = [{"__ansible_unsafe": name} for name in names]
    vms = [{"name": name, "host": "host1", "memory": "16mb", "kernel": str(kernel)} for name in unsafe]
    networks = [{**NETWORK, "name": unsafe[0]}]
    volumes = [{"name": unsafe[3], "size": "10mb"}]
    vms[0] |= {"nics": [{"network": unsafe[0]}], "volumes": [{"name": unsafe[3]}]}
    direct = Direct(lab, tmp_path, virtgraph_vms=vms, virtgraph_networks=networks, virtgraph_volumes=volumes)
    try:
        direct.change()
        titles = lab.sh("host1", "virsh", "-q", "list", "--title")
        assert all(name in titles for name in names), titles
        assert direct.change() == {"host1": 0, "host2": 0}
        assert not proof.exists() and lab.sh("host1", "sh", "-c", f"ls {proof} 2>&1 || true").endswith("directory\n")
    finally:
        direct.remove()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"virtgraph_vms": [{"name": "web", "host": "host1", "memry": "1gb"}]}, "memry. Supported parameters include"),
        ({"virtgraph_vms": [{"host": "host1"}]}, "missing required arguments: name found in virtgraph_vms"),
        ({"virtgraph_vms": [{"name": "web", "host": "host1", "vcpus": "many"}]}, "unable to convert to int"),
        ({"virtgraph_state": "gone"}, "value of virtgraph_state must be one of: present, absent"),
        ({"virtgraph_vms": [{"name": "web", "host": "host7"}]}, "VM web: there is no host host7; the hosts are host1"),
        ({"virtgraph_installation": "mine"}, "virtgraph_installation: mine is not a UUID"),
        ({"virtgraph_networks": [{**NETWORK, "vlan_id": 5000}]}, "vlan_id"),
        ({"virtgraph_vms": [{"name": "web", "host": "host1", "initrd": "/boot/initrd"}]}, "initrd"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(
    lab: LabHosts, tmp_path: Path, variables: dict[str, object], said: str
) -> None:
    before = there(lab)
    refused = Direct(lab, tmp_path, **{"virtgraph_networks": [NETWORK], **variables}).run()
    assert refused.returncode != 0
    assert said in re.sub(r"\s+", " ", refused.stdout + refused.stderr), refused.stdout
    assert there(lab) == before


def test_a_failure_harms_no_neighbour_and_is_said(lab: LabHosts, tmp_path: Path, kernel: Path) -> None:
    volumes = [{"name": "none", "source": {"file": "/no/such.qcow2"}}]
    vms = [{"name": n, "host": "host1", "memory": "16mb", "kernel": str(kernel)} for n in ("well", "ill")]
    vms[1] |= {"volumes": [{"name": "none"}]}  # type: ignore[dict-item]
    direct = Direct(lab, tmp_path, virtgraph_volumes=volumes, virtgraph_vms=vms)
    try:
        failed = direct.run()
        assert failed.returncode != 0
        assert "source of volume none" in failed.stdout and "Put the file there" in failed.stdout, failed.stdout
        assert domains(lab, "host1") == {f"vg-{direct.id('VM/well')}"}
    finally:
        direct.remove()


def test_vnc_passwords_reach_libvirt_and_nothing_else(lab: LabHosts, tmp_path: Path, kernel: Path) -> None:
    vms = [{"name": "seen", "host": "host1", "memory": "16mb", "kernel": str(kernel), "vnc_password": "Kq7!xW2p"}]
    direct = Direct(lab, tmp_path, virtgraph_vms=vms)
    try:
        done = direct.run("-vvv", "--diff")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Kq7!xW2p" not in done.stdout + done.stderr
        name = f"vg-{direct.id('VM/seen')}"
        assert "Kq7!xW2p" in lab.sh("host1", "virsh", "dumpxml", "--security-info", name)
        assert "Kq7!xW2p" not in lab.sh("host1", "virsh", "dumpxml", name)
        assert direct.change() == {"host1": 0, "host2": 0}
    finally:
        direct.remove()


def test_a_run_that_was_cut_anywhere_is_finished_by_the_next(two: Direct, lab: LabHosts, kernel: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(KILLS):
        absent = ("-e", "virtgraph_state=absent") if chance.random() < 0.4 else ()
        cut(two.command(*absent), two.environment, chance.uniform(1, 6))
    two.change()
    made = there(lab)
    assert two.change() == {"host1": 0, "host2": 0}
    assert there(lab) == made
    for n in (1, 2):
        assert domains(lab, f"host{n}") == domains(lab, f"host{n}", "--all") == {f"vg-{two.id(f'VM/vm{n}')}"}
    assert POOL in lab.sh("host1", "virsh", "domblklist", f"vg-{two.id('VM/vm1')}")


def reserved(lab: LabHosts, host: str) -> list[str]:
    """Addresses that its DHCP servers give."""
    lines = lab.sh(host, "sh", "-c", "cat /run/virtgraph-dhcp/*/*/hosts/* 2>/dev/null || true").split()
    return sorted(line.split(",")[1] for line in lines)


def servers(lab: LabHosts) -> dict[str, int]:
    """How many DHCP servers run on each host."""
    count = "for n in $(ip netns | cut -d' ' -f1); do ip netns pids $n; done | wc -l"
    return {host: int(lab.sh(host, "sh", "-c", count)) for host in ("host1", "host2")}


def spaced(done: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


def test_what_another_list_uses_stays_when_one_is_taken_away(
    listing: Callable[..., Direct], lab: LabHosts, kernel: Path
) -> None:
    a = listing(vm("a", "host1", kernel, ip=["10.50.0.20"]), host="host1")
    b = listing(vm("b", "host1", kernel, ip=["10.50.0.21"]), host="host1")
    c = listing(vm("c", "host2", kernel, ip=["10.50.0.22"]), host="host1")
    a.change()
    before = plainly(lab)
    b.change()
    predicted = b.run("--check", "-e", "virtgraph_state=absent")
    gone = b.run("-e", "virtgraph_state=absent")
    said = "Network net stays on host1: it is used by VM a on host1."
    assert gone.returncode == 0 and spaced(gone).count(said) == spaced(predicted).count(said) == 1, spaced(gone)
    assert changed(gone.stdout) == changed(predicted.stdout)
    assert plainly(lab) == before
    assert b.remove() == {"host1": 0, "host2": 0}

    c.change()
    gone = a.run("-e", "virtgraph_state=absent")
    assert "Network net stays on host1, host2: it is used by VM c on host2." in spaced(gone), spaced(gone)
    assert servers(lab) == {"host1": 1, "host2": 0} and reserved(lab, "host1") == ["10.50.0.22"]
    assert c.change() == {"host1": 0, "host2": 0}, "of what it needs nothing is gone"
    c.remove()
    assert servers(lab) == {"host1": 0, "host2": 0}


def test_what_a_host_that_cannot_be_looked_at_may_use_stays(
    listing: Callable[..., Direct], lab: LabHosts, kernel: Path
) -> None:
    a = listing(vm("a", "host1", kernel, ip=["10.50.0.20"]), host="host1")
    b = listing(vm("b", "host2", kernel, ip=["10.50.0.21"]), host="host1")
    a.change()
    b.change()
    with without_libvirt(lab, "host2"):
        for options in (("--check",), ()):
            gone = a.run("-e", "virtgraph_state=absent", *options)
            said = "Network net stays on host1, whose DHCP server has 10.50.0.21 (b) for others: whether they exist"
            assert gone.returncode != 0 and spaced(gone).count(said) == 1, spaced(gone)
    assert servers(lab) == {"host1": 1, "host2": 0} and reserved(lab, "host1") == ["10.50.0.21"]
    assert domains(lab, "host1", "--all") == set()
    assert b.change() == {"host1": 0, "host2": 0}, "of what it needs nothing is gone"
    b.remove()
    assert servers(lab) == {"host1": 0, "host2": 0}
    a.remove()


@contextlib.contextmanager
def without_libvirt(lab: LabHosts, host: str) -> Iterator[None]:
    """Guests run on."""
    lab.sh(host, "sh", "-c", "mv /run/libvirt /run/libvirt-away")
    try:
        yield
    finally:
        lab.sh(host, "sh", "-c", "mv /run/libvirt-away /run/libvirt")


def test_a_vm_that_is_on_another_host_is_not_made_twice(two: Direct, lab: LabHosts) -> None:
    two.change()
    before = there(lab)
    one, _ = two.variables["virtgraph_vms"]
    one["host"] = "host2"
    for state in ("present", "absent"):
        refused = two.run("-e", f"virtgraph_state={state}")
        assert refused.returncode != 0
        said = spaced(refused)
        assert "VM vm1 is on host1, and the list has it on host2: put host: host1 back" in said, said
        assert "Volume disk1 is on host1" in said
        assert there(lab) == before
    one["host"] = "host1"
    assert two.change() == {"host1": 0, "host2": 0}


def test_a_dhcp_server_moves_to_its_home(listing: Callable[..., Direct], lab: LabHosts, kernel: Path) -> None:
    old = [vm("old", "host2", kernel, ip=["10.50.0.20"])]
    other = listing(vm("other", "host2", kernel, ip=["10.50.0.30"]))
    other.change()
    direct = listing(*old)
    direct.change()
    assert servers(lab) == {"host1": 0, "host2": 1}
    direct = listing(vm("new", "host1", kernel), *old)
    predicted = direct.change("--check")
    assert servers(lab) == {"host1": 0, "host2": 1}
    assert direct.change() == predicted
    assert servers(lab) == {"host1": 1, "host2": 0} and reserved(lab, "host2") == []
    assert reserved(lab, "host1") == (three := ["10.50.0.10", "10.50.0.20", "10.50.0.30"]), "that of the other list too"
    assert direct.change() == {"host1": 0, "host2": 0}

    stranger = f"vgd-{direct.id('Network/net').replace('-', '')[:11]}"
    lab.sh("host2", "ip", "netns", "add", stranger)
    assert other.run().returncode != 0, "for this list the home is host2"
    lab.sh("host2", "ip", "netns", "delete", stranger)
    assert reserved(lab, "host1") == three, "they stay until their home has them"
    other.change()
    assert servers(lab) == {"host1": 0, "host2": 1}
    assert (reserved(lab, "host1"), reserved(lab, "host2")) == ([], three)

    other.remove()
    assert servers(lab) == {"host1": 0, "host2": 1}, "it serves the VMs of the first list"
    direct.remove()
    assert servers(lab) == {"host1": 0, "host2": 0}, "wherever it was"


def test_an_address_goes_to_another_when_its_vm_is_gone(
    listing: Callable[..., Direct], lab: LabHosts, kernel: Path
) -> None:
    first = listing(vm("first", "host1", kernel))
    second = listing(vm("second", "host2", kernel), host="host1")
    first.change()
    before = there(lab)
    refused = second.run()
    assert refused.returncode != 0
    assert (
        "Network net: 10.50.0.10 is to be the address of VM second, and VM first on host1 has it, by its interface 52:54:"
        in spaced(refused)
    )
    assert there(lab) == before
    for command in ("destroy", "undefine"):
        lab.sh("host1", "virsh", command, f"vg-{first.id('VM/first')}")
    second.change()
    assert reserved(lab, "host1") == ["10.50.0.10"], "that of the VM that is gone is released"
    assert second.change() == {"host1": 0, "host2": 0}
    first.remove()
    second.remove()


def test_volumes_stay_where_they_are_when_the_pools_path_changes(two: Direct, lab: LabHosts) -> None:
    two.change()
    before = there(lab)
    two.variables["virtgraph_pool_path"] = f"{POOL}-other"
    for options in ((), ("--check",), ("-e", "virtgraph_state=absent")):
        refused = two.run(*options)
        assert refused.returncode != 0 and set(changed(refused.stdout).values()) == {0}, refused.stdout
        said = spaced(refused)
        assert (
            f"Volume disk1 is in {POOL} on host1, and the list has it in {POOL}-other: put virtgraph_pool_path" in said
        )
        assert "Volume disk2 is in" in said
    lab.sh("host1", "virsh", "undefine", "--keep-nvram", domain := f"vg-{two.id('VM/vm1')}")
    lab.sh("host1", "virsh", "destroy", domain)
    assert f"Volume disk1 is in {POOL} on host1" in spaced(two.run("--limit", "host1")), "a pool has it, and no VM"
    assert lab.sh("host1", "sh", "-c", f"ls -d {POOL}-other || true") == ""
    two.variables["virtgraph_pool_path"] = f"{POOL.replace('/libvirt', '//libvirt')}/"  # the same
    two.change()
    assert two.change() == {"host1": 0, "host2": 0}
    assert there(lab)[1] == before[1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"memory": "lots"}, "VM vm2: lots is not a size"),
        ({"vcpus": 1000}, "host2: The vm vm2"),
    ],
)
def test_what_cannot_be_on_one_host_is_begun_on_none(
    lab: LabHosts, tmp_path: Path, kernel: Path, more: dict[str, Any], said: str
) -> None:
    variables = two_vms(kernel)
    variables["virtgraph_vms"][1].update(more)
    before = there(lab)
    refused = Direct(lab, tmp_path, **variables).run()
    assert refused.returncode != 0 and said in spaced(refused), spaced(refused)
    assert there(lab) == before


def test_a_host_that_cannot_be_looked_at_keeps_no_other_from_its_own(two: Direct, lab: LabHosts) -> None:
    with without_libvirt(lab, "host2"):
        failed = two.run()
    assert failed.returncode != 0 and changed(failed.stdout)["host1"] > 0, failed.stdout
    assert domains(lab, "host1") == {f"vg-{two.id('VM/vm1')}"} and domains(lab, "host2") == set()


def test_a_volume_of_another_lists_vm_stays(listing: Callable[..., Direct], lab: LabHosts, kernel: Path) -> None:
    a = listing(vm("a", "host1", kernel, ip=["10.50.0.20"]), host="host1")
    b = listing(vm("b", "host1", kernel, ip=["10.50.0.21"]), host="host1")
    disk = {"name": "a", "size": "10mb", "host": "host1"}
    a.variables["virtgraph_vms"][0]["state"] = "stopped"
    a.change()
    b.change()
    b.variables["virtgraph_volumes"].append(disk)
    gone = b.run("-e", "virtgraph_state=absent")
    assert gone.returncode == 0 and "Volume a stays: it is used by VM a on host1." in spaced(gone), spaced(gone)
    assert lab.sh("host1", "sh", "-c", f"ls {POOL}/*.qcow2").split() == [f"{POOL}/{a.id('Volume/a')}.qcow2"]
    a.remove()


def test_a_server_that_was_not_told_is_told_by_the_next_run(two: Direct, lab: LabHosts) -> None:
    """Its module was killed between the file of a reservation and the signal."""
    two.change()
    for marker in ("unread", "released"):
        lab.sh("host1", "sh", "-c", f"for d in /run/virtgraph-dhcp/{two.installation}/*; do touch $d/{marker}; done")
        predicted = two.change("--check")
        assert two.change() == predicted == {"host1": 1, "host2": 0}
        assert two.change() == {"host1": 0, "host2": 0}
