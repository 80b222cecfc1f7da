"""Roles as a person uses them: ansible-playbook, a play of one's own, no claim."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Host

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]


def play(host: Host, *options: str, **roles: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    """Roles by their names, with what they are given."""
    listed = [{"role": name, **given} for name, given in roles.items()]
    file = host.folder / "play.json"  # JSON is YAML
    file.write_text(json.dumps([{"hosts": "host1", "gather_facts": False, "roles": listed}]))
    ansible = Path(sys.executable).with_name("ansible-playbook")
    own = {"ANSIBLE_CONFIG": f"{ROOT}/playbooks/ansible.cfg", "ANSIBLE_ROLES_PATH": f"{ROOT}/roles"}
    return subprocess.run(
        [ansible, "-i", host.lab.folder / "inventory.yml", *options, file],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=120,
    )


def wanted(host: Host) -> dict[str, dict[str, Any]]:
    volume = host.volume()
    return {
        "pool": {"pool_resources": host.pools()},
        "volume": {"volume_resources": [volume]},
        "vm": {"vm_resources": [host.vm(volume)]},
    }


def test_check_mode_tells_and_does_nothing_and_then_it_is_done_once(host: Host) -> None:
    roles = wanted(host)
    checked = play(host, "--check", **roles)
    assert "changed=3" in checked.stdout, checked.stdout + checked.stderr
    assert host.virsh("list", "--all", "--name").split() == []
    assert host.virsh("pool-list", "--all", "--name").split() == []
    done = play(host, **roles)
    assert "changed=3" in done.stdout, done.stdout + done.stderr
    assert "changed=0" in play(host, **roles).stdout


def test_what_a_role_does_not_know_is_refused_before_anything_is_done(host: Host) -> None:
    roles = wanted(host)
    refused = play(host, pool=roles["pool"], vm={"vm_resources": [{"id": "x", "disks": [{"path": "/x"}]}]})
    assert refused.returncode != 0
    assert "missing required arguments: id found in vm_resources -> disks" in refused.stdout + refused.stderr


def test_a_failure_fails_the_play_in_words(host: Host) -> None:
    volume = host.volume()
    failed = play(host, volume={"volume_resources": [volume]})
    assert failed.returncode != 0
    assert f"Volume data ({volume['id']}) has no pool" in failed.stdout + failed.stderr
