"""Role migration on a host where nobody logs in as root by a key, as where people come by another name, with sudo."""

import re

import pytest
from conftest import Host
from plays import Played, play

pytestmark = pytest.mark.lab


def changes(played: Played) -> list[str]:
    assert played.returncode == 0, played.stdout + played.stderr
    return re.findall(r"changed=(\d+)", played.stdout)


def test_a_root_without_keys_gets_them(host: Host) -> None:
    play(host, "--check", migration={})  # opens the connection, which stays while the key that it came by is away
    host.sh("mv", "/root/.ssh", "/root/away")
    try:
        predicted = play(host, "--check", migration={})
        assert changes(play(host, migration={})) == changes(predicted) == ["2"]
        assert host.sh("stat", "-c", "%a", "/root/.ssh", "/root/.ssh/id_ed25519").split() == ["700", "600"]
        assert changes(play(host, migration={})) == ["0"]
    finally:
        host.sh("sh", "-c", "rm -rf /root/.ssh && mv /root/away /root/.ssh")


@pytest.mark.parametrize("mode", [["--check"], []])
def test_without_hosts_there_is_no_key_and_nobody_is_let_in(host: Host, mode: list[str]) -> None:
    play(host, "--check", migration={})
    host.sh("mv", "/root/.ssh", "/root/away")
    try:
        assert changes(play(host, *mode, migration={"migration_hosts": []})) == ["0"]
        assert "No such file" in host.sh("sh", "-c", "ls -d /root/.ssh 2>&1 || true")
    finally:
        host.sh("sh", "-c", "rm -rf /root/.ssh && mv /root/away /root/.ssh")
