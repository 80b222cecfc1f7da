"""The collection that scripts/collection lays out: packed, installed from the file alone, and used by its full names."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Host

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "docs" / "collection.md").read_text()
COMMANDS = re.findall(
    r"^    ((?:scripts/collection|ansible-galaxy) .*)", (ROOT / "README.md").read_text(), re.MULTILINE
)


@dataclass(frozen=True)
class Installed:
    """A folder in which there is nothing else, and ansible's commands as they run there, without any configuration."""

    folder: Path

    def run(self, command: str, *arguments: str | Path) -> str:
        return self.ran(command, *arguments).stdout

    def ran(self, command: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "VIRTGRAPH_"))}
        done = subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            env={
                **ours, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_COLLECTIONS_PATH": str(self.folder), "ANSIBLE_PIPELINING": "1", **environment,
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def play(self, host: Host, *arguments: str | Path, **environment: str) -> str:
        inventory = ("-i", host.lab.folder / "inventory.yml", "--limit", "host1")
        done = self.ran("ansible-playbook", *inventory, *arguments, **environment)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """By the README's commands."""
    folder = tmp_path_factory.mktemp("collection")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert len(COMMANDS) == 3
    for command in COMMANDS:
        command = command.replace("/tmp/virtgraph-collection", str(folder / "laid out")).replace(
            "~/.ansible", str(folder)
        )
        command = command.replace(str(folder / "laid out"), f"'{folder / 'laid out'}'")
        subprocess.run(
            ["sh", "-c", command], cwd=ROOT, env={**os.environ, "PATH": path}, check=True, capture_output=True
        )
    return Installed(folder / "collections")


def test_it_has_the_version_of_the_package() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert galaxy["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_it_says_what_changed(installed: Installed) -> None:
    (changelog,) = installed.folder.glob("**/libvirt/CHANGELOG.md")
    assert changelog.read_text() == (ROOT / "CHANGELOG.md").read_text()


def test_everything_in_it_is_documented(installed: Installed) -> None:
    modules = json.loads(installed.run("ansible-doc", "-l", "--json", "virtgraph.libvirt"))
    assert set(modules) == {f"virtgraph.libvirt.{path.stem}" for path in ROOT.glob("roles/*/library/*.py")}
    assert "Defines, starts, changes and removes" in modules["virtgraph.libvirt.virtgraph_vm"]
    roles = json.loads(installed.run("ansible-doc", "-t", "role", "-l", "--json", "virtgraph.libvirt"))
    described = {f"virtgraph.libvirt.{path.parts[-3]}" for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    assert set(roles) >= described
    plugin = installed.run("ansible-doc", "-t", "inventory", "virtgraph.libvirt.virtgraph")
    assert "GraphQL API" in plugin
    plugin = installed.run("ansible-doc", "-t", "callback", "virtgraph.libvirt.virtgraph")
    assert "ANSIBLE_CALLBACKS_ENABLED=virtgraph.libvirt.virtgraph" in plugin


def test_playbooks_of_the_repository_alone_are_not_in_it(installed: Installed) -> None:
    (playbooks,) = installed.folder.glob("**/libvirt/playbooks")
    assert {file.name for file in ROOT.glob("playbooks/*.yml")} - {file.name for file in playbooks.iterdir()} == {
        "lab.yml"
    }


def test_the_readmes_play(installed: Installed, host: Host, tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "play.yml").write_text(example)
    assert "changed=2" in installed.play(host, tmp_path / "play.yml")
    (volume,) = yaml.safe_load(example)[0]["roles"][1]["volume_resources"]
    assert f"{volume['id']}.qcow2" in host.sh("ls", volume["pool_path"])
    assert "changed=0" in installed.play(host, tmp_path / "play.yml")


def test_roles_by_their_full_names(installed: Installed, host: Host, tmp_path: Path) -> None:
    volume = host.volume()
    vm = host.vm(volume)
    roles: list[dict[str, Any]] = [
        {"role": "virtgraph.libvirt.pool", "pool_resources": host.pools()},
        {"role": "virtgraph.libvirt.volume", "volume_resources": [volume]},
        {"role": "virtgraph.libvirt.vm", "vm_resources": [vm]},
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "host1", "gather_facts": False, "roles": roles}]))
    assert "changed=3" in installed.play(host, tmp_path / "play.yml")
    assert f"vg-{vm['id']}" in host.virsh("list", "--all", "--name")
    assert "changed=0" in installed.play(host, tmp_path / "play.yml")


def test_its_playbook(installed: Installed, host: Host, tmp_path: Path) -> None:
    wanted = {
        "virtgraph_installation": host.installation,
        "virtgraph_pool_path": host.pool_path,
        "virtgraph_volumes": [{"name": "data", "size": "10mb"}],
    }
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    site = (*("-e", f"@{tmp_path / 'wanted.json'}"), "virtgraph.libvirt.site")
    assert "changed=0" not in installed.play(host, *site)
    assert ".qcow2" in host.sh("ls", host.pool_path)
    assert "changed=0" in installed.play(host, *site)


def test_its_callback(installed: Installed, host: Host, tmp_path: Path) -> None:
    """Enabled by its full name it finds the inventory plugin beside it, and asks the service: here there is none."""
    wanted = {
        "virtgraph_installation": host.installation,
        "virtgraph_pool_path": host.pool_path,
        "virtgraph_volumes": [{"name": "data", "size": "10mb"}],
    }
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    service = {"VIRTGRAPH_URL": "http://127.0.0.1:1/graphql", "VIRTGRAPH_TOKEN": "none"}
    site = (*("-e", f"@{tmp_path / 'wanted.json'}"), "virtgraph.libvirt.site")
    said = installed.play(host, *site, ANSIBLE_CALLBACKS_ENABLED="virtgraph.libvirt.virtgraph", **service)
    assert "was not told what was done on host1. The service at http://127.0.0.1:1/" in re.sub(r"\s+", " ", said)
