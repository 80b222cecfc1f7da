"""The example in each role's README, word for word."""

import re

import pytest
import yaml
from conftest import Host
from networks import traces
from plays import ROLES, ROOT, Unsafe, play_all, run

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("role", ROLES)
def test_the_example_runs_and_changes_nothing_the_second_time(host: Host, role: str) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "roles" / role / "README.md").read_text(), re.DOTALL)
    file = host.folder / "play.yml"
    file.write_text(example)
    first = run(host, file)
    assert first.returncode == 0, first.stdout + first.stderr
    assert ("changed=0" in first.stdout) == (role == "observe"), first.stdout
    assert "changed=0" in run(host, file).stdout
    names = [of["role"] for of in yaml.load(example, _Loader)[0]["roles"]]
    roles = [{**of, f"{of['role']}_state": "absent"} for of in yaml.load(example, _Loader)[0]["roles"]]
    if names != ["observe"]:
        removed = play_all(host, roles=roles[::-1])
        assert removed.returncode == 0, removed.stdout + removed.stderr
    if names == ["virtgraph"]:  # whose pool others may use
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


class _Loader(yaml.SafeLoader):
    """Takes Ansible's tag."""


_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(node.value))
