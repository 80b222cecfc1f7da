"""Role controller on a machine without systemd: everything but the unit."""

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_commands import cut
from conftest import Host
from plays import Played, command, environment, play_all

from virtgraph.settings import Settings

pytestmark = pytest.mark.lab

ROLE = Path(__file__).parents[2] / "roles" / "controller"
FRESH = "userdel virtgraph; rm -rf /opt/virtgraph /etc/virtgraph /var/lib/virtgraph/* /var/lib/virtgraph/.ssh /usr/local/bin/virtgraph"


def install(host: Host, wheels: Path, *options: str) -> Played:
    role = {"role": "controller", "controller_wheels": str(wheels), "controller_settings": {"port": 8001}}
    return play_all(host, *options, roles=[role])


def changes(played: Played) -> int:
    assert played.returncode == 0, played.stdout + played.stderr
    return sum(map(int, re.findall(r"changed=(\d+)", played.stdout)))


def test_check_mode_tells_and_a_run_that_was_cut_anywhere_is_finished_by_the_next(host: Host, wheels: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    host.sh("sh", "-c", f"({FRESH}) 2>/dev/null || true")
    assert changes(install(host, wheels, "--check")) > 5
    there = host.sh("sh", "-c", "ls -d /opt/virtgraph /etc/virtgraph /var/lib/virtgraph/* 2>&1 || true")
    assert there.count("No such") == 3
    begun = "mkdir -p /opt/virtgraph/bin && ln -s /usr/bin/python3 /opt/virtgraph/bin/python"
    host.sh("sh", "-c", begun)  # by an earlier cut, in the middle of the environment
    cut(command(host, host.folder / "play.yml"), environment(), random.Random(seed).uniform(3, 40))
    predicted, done = install(host, wheels, "--check"), install(host, wheels)
    assert "host1 has no systemd" in done.stdout
    assert changes(done) == changes(predicted)
    assert changes(install(host, wheels)) == changes(install(host, wheels, "--check")) == 0
    assert changes(install(host, wheels, "--check", "--tags", "unit")) == 0
    assert "serve" in host.sh("/usr/local/bin/virtgraph", "--help")
    host.sh("/opt/virtgraph/bin/pip", "check")


def test_secrets_are_not_shown(host: Host) -> None:
    role = {"role": "controller", "controller_settings": {"graph_password": "k4n4ry-graph", "token": "k4n4ry-token"}}
    done = play_all(host, "--check", "--diff", "-vvv", "--tags", "unit", roles=[role])
    assert "TASK [controller : Settings]" in done.stdout and changes(done) > 0
    assert "k4n4ry" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"controller_settings": {"prot": 8001}}, "prot. Supported parameters include"),
        ({"controller_settings": {"port": "high"}}, "cannot be converted"),
        ({"controller_wheel": "/none.whl"}, "There is no file /none.whl on the machine that runs Ansible"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(host: Host, given: dict[str, Any], said: str) -> None:
    refused = play_all(host, roles=[{"role": "controller", "controller_packages": ["hello"], **given}])
    assert refused.returncode != 0
    assert said in " ".join((refused.stdout + refused.stderr).split())
    assert re.findall(r"changed=(\d+)", refused.stdout) == ["0"]


def test_settings_are_those_of_the_service() -> None:
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    options = spec["argument_specs"]["main"]["options"]["controller_settings"]["options"]
    assert options.keys() | {"home"} == Settings.model_fields.keys()


def test_what_lies_in_no_checkout_says_what_it_needs(host: Host, tmp_path: Path) -> None:
    """As in a wheel, or in the collection."""
    shutil.copytree(ROLE.parent, tmp_path / "roles")
    refused = play_all(
        host, environment={"ANSIBLE_ROLES_PATH": str(tmp_path / "roles")}, roles=[{"role": "controller"}]
    )
    assert refused.returncode != 0
    assert "set controller_wheel to the path of one" in " ".join((refused.stdout + refused.stderr).split())
