"""The example in each role's README, word for word."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Host
from networks import traces
from plays import ROOT, Unsafe, play_all, run

pytestmark = pytest.mark.lab

ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/tasks/main.yml"))
LOOK = {"observe", "preflight"}  # and change nothing
STAY = {"controller", "host", "migration"}  # what they make has no state absent
LEASE = {"installation", "slot", "fence", "deadline"}  # named in a sentence, without an example


@pytest.mark.parametrize("role", ROLES)
def test_the_example_runs_and_changes_nothing_the_second_time(host: Host, role: str, wheels: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "roles" / role / "README.md").read_text(), re.DOTALL)
    file = host.folder / "play.yml"
    file.write_text(example)
    host.sh("mkdir", "-p", "/usr/local/share/virtgraph")
    host.sh("ln", "-sfn", str(wheels), "/usr/local/share/virtgraph/wheels")
    host.sh("rm", "-f", "/root/.ssh/id_ed25519", "/root/.ssh/id_ed25519.pub")  # of another test's role migration
    controllers = host.folder / "controllers.yml"
    controllers.write_text("controllers: {hosts: {host1: {}}}\n")
    inventory = ("-i", str(controllers))
    first = run(host, file, *inventory)
    assert first.returncode == 0, first.stdout + first.stderr
    assert ("changed=0" in first.stdout) == (role in LOOK), first.stdout
    assert "changed=0" in run(host, file, *inventory).stdout
    roles = [{**of, f"{of['role']}_state": "absent"} for of in yaml.load(example, _Loader)[0]["roles"]]
    if role not in LOOK | STAY:
        removed = play_all(host, roles=roles[::-1])
        assert removed.returncode == 0, removed.stdout + removed.stderr
    if role == "virtgraph":  # others may use its pool
        for pool in host.virsh("pool-list", "--name").split():
            host.virsh("pool-destroy", pool)
            host.virsh("pool-undefine", pool)
        host.sh("rm", "-r", "/var/lib/libvirt/images/fast")
    assert traces(host) == []
    assert host.virsh("list", "--all", "--name").split() == host.virsh("pool-list", "--all", "--name").split() == []


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_points_at_what_the_role_is_given(role: str) -> None:
    folder = ROOT / "roles" / role
    readme, defaults = (
        (folder / "README.md").read_text(),
        yaml.safe_load((folder / "defaults" / "main.yml").read_text()),
    )
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert specs.keys() == defaults.keys()
    assert [name for name in defaults if f"`{name}" not in readme] == []


@pytest.mark.parametrize("role", sorted({*ROLES} - {"controller"}))  # whose settings stand in the README of all
def test_the_defaults_have_an_example_of_every_field(role: str) -> None:
    folder = ROOT / "roles" / role
    defaults = (folder / "defaults" / "main.yml").read_text()
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    ends = {name: r"\b" if name in LEASE else ":" for name in fields(specs)}
    assert [name for name, end in ends.items() if not re.search(rf"\b{name}{end}", defaults)] == []


def fields(options: dict[str, Any]) -> Iterator[str]:
    for name, spec in options.items():
        yield name
        yield from fields(spec.get("options", {}))


class _Loader(yaml.SafeLoader):
    """Takes Ansible's tag."""


_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(node.value))
