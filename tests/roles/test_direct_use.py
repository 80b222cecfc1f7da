"""Roles as a person uses them: ansible-playbook, a play of one's own, no claim."""

from typing import Any

import pytest
from conftest import Host
from plays import play

pytestmark = pytest.mark.lab


def wanted(host: Host) -> dict[str, dict[str, Any]]:
    volume = host.volume()
    return {
        "pool": {"pool_resources": host.pools()},
        "volume": {"volume_resources": [volume]},
        "vm": {"vm_resources": [host.vm(volume)]},
    }


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
