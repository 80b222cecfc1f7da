"""The wheel alone, in an environment with nothing else, by the README's commands: it serves from any folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest
from lab_hosts import LabHosts
from labs import add_host, apply, domains, halting, remove_stack, succeed
from serving import ROOT, Service, clean, started

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SECTION = (ROOT / "README.md").read_text().partition("## From a wheel")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^    ((?:\.venv/bin/pip|python3|/opt/virtgraph/bin/pip) .*)", SECTION, re.MULTILINE)
(WHERE,) = re.findall(r"`(/opt/virtgraph/bin/python .*?)`", SECTION)
VENDOR = ROOT / "graphql" / "virtgraph_api" / "graphiql" / "assets" / "vendor"
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"  # no environment's bin/


class Wheel(Service):
    """As installed in `folder`, started from there."""

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(home, PATH=SYSTEM)
        del self.environment["PYTHONPATH"]
        self.command = (str(folder / "bin" / "virtgraph"),)
        self.cwd = folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment, without a way back to the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        for written, meant in here(folder).items():
            command = command.replace(written, meant)
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=plain(), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return folder / "env"


def here(folder: Path) -> dict[str, str]:
    return {
        ".venv/bin/pip": str(Path(sys.executable).with_name("pip")),
        "python3 -m venv": "/usr/bin/python3 -m venv",
        "/opt/virtgraph": str(folder / "env"),
        "/tmp/virtgraph-wheel": str(folder / "wheel"),
    }


def plain() -> dict[str, str]:
    return {name: value for name, value in clean(os.environ).items() if name != "PYTHONPATH"} | {"PATH": SYSTEM}


@pytest.fixture(scope="module")
def wheel(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(Wheel(environment, tmp_path_factory.mktemp("wheel") / "home")) as service:
        yield service


def test_what_is_installed_is_what_the_package_asks_for(environment: Path) -> None:
    pip = environment / "bin" / "pip"
    checked = subprocess.run([pip, "check"], cwd=environment, env=plain(), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    (found,) = environment.glob("lib/python*/site-packages/virtgraph_api/schema.graphql")
    assert found.read_text() == (ROOT / "schema.graphql").read_text()
    (playbooks,) = environment.glob("lib/python*/site-packages/virtgraph/_ansible/playbooks")
    written = {file.name for file in ROOT.glob("playbooks/*.yml")}
    assert written - {file.name for file in playbooks.iterdir()} == {"lab.yml"}  # which needs the repository


def test_it_has_the_licences_of_all_that_it_carries(environment: Path) -> None:
    (about,) = environment.glob("lib/python*/site-packages/virtgraph-*.dist-info")
    said = message_from_string((about / "METADATA").read_text())
    assert said["License-Expression"] == "Apache-2.0 AND MIT AND BSD-2-Clause AND 0BSD AND OFL-1.1"
    vendored = {file.relative_to(ROOT) for file in VENDOR.iterdir() if file.suffix in (".LICENSE", ".txt")}
    assert {Path(name) for name in said.get_all("License-File", [])} == {Path("LICENSE"), *vendored}
    for name in (Path("LICENSE"), *vendored):
        assert (about / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()


def test_a_vm_is_made_and_removed(wheel: Service, lab: LabHosts, kernel: Path) -> None:
    add_host(wheel, lab, "host1", poolPath="/var/lib/libvirt/images/wheel")
    succeed(wheel, apply(wheel, halting(kernel, 1), "wheel"))
    (vm,) = wheel.graphql("{ vms { nodes { id } } }")["vms"]["nodes"]
    assert domains(lab, "host1", "--all") == {f"vg-{vm['id']}"}
    assert "vm0" in wheel.virtgraph("get", "vms").stdout
    assert re.search(r"@host_host1:\n.*--vm0\.wheel\n", inventory(wheel))
    succeed(wheel, remove_stack(wheel, "wheel"))
    assert domains(lab, "host1", "--all") == set()


def inventory(wheel: Service) -> str:
    """By the configuration and the plugin that the wheel brings."""
    assert wheel.cwd
    command = WHERE.replace("/opt/virtgraph", str(wheel.cwd))
    place = Path(
        subprocess.run(["sh", "-c", command], env=plain(), check=True, capture_output=True, text=True).stdout.strip()
    )
    assert place.is_relative_to(wheel.cwd)
    done = subprocess.run(
        [wheel.cwd / "bin" / "ansible-inventory", "-i", place / "inventory" / "virtgraph.yml", "--graph"],
        env=wheel.environment | {"ANSIBLE_CONFIG": str(place / "ansible.cfg")},
        cwd=wheel.cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
