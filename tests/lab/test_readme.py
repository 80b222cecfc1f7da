"""The README's first five things, as they are written there, and its question."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from follow import wait_for
from lab_hosts import LabHosts
from labs import domains
from serving import ROOT, Service, serving

pytestmark = pytest.mark.lab

README = (ROOT / "README.md").read_text()
FIVE = README.partition("## The first five things to do")[2].partition("\n## ")[0]
COMMANDS = [
    command for command in re.findall(r"`([^`]*)`", FIVE) if command.startswith(("virtgraph ", "scripts/build"))
]
ENDLESS = ("virtgraph serve", "virtgraph events --follow")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("readme") / "home") as running:
        yield running


def test_the_first_five_things(service: Service, lab: LabHosts) -> None:
    here = {
        "/var/lib/virtgraph": service.home,
        "192.0.2.11": lab.access("host1").address,
        "~/.ssh/id_ed25519": lab.folder / "id",
    }
    commands = [command for command in COMMANDS if command not in ENDLESS]
    assert [command.split()[1] for command in commands[:2]] == ["host", "doctor"] and len(commands) == 10
    for command in commands:
        for written, meant in here.items():
            command = command.replace(written, str(meant))
        run(service, command)
        if command.startswith("virtgraph apply"):
            assert len(domains(lab, "host1")) == 1
            browse(lab, ask(service))
    assert domains(lab, "host1", "--all") == set()


def run(service: Service, command: str) -> None:
    arguments = shlex.split(command)
    if arguments[0] == "virtgraph":
        done = service.virtgraph(*arguments[1:])
    else:
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def ask(service: Service) -> Any:
    (question,) = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
    (vm,) = service.graphql(question)["vms"]["nodes"]
    assert (vm["name"], vm["state"], vm["host"]["name"]) == ("hello", "RUNNING", "kvm1")
    return vm


def browse(lab: LabHosts, vm: Any) -> None:
    """The guest's page, from the namespace of its network's DHCP server."""
    (nic,) = vm["nics"]
    namespace = nic["network"]["bindings"][0]["bridge"].replace("vgb-", "vgd-")
    ask = f"timeout 5 ip netns exec {namespace} busybox wget -q -O - http://{nic['ipAddresses'][0]}/ || true"
    wait_for(lambda: "html" in lab.sh("host1", "sh", "-c", ask))
