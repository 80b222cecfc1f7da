"""Plays as a person runs them: ansible-playbook, the roles of this checkout, the lab's inventory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from conftest import Host

ROOT = Path(__file__).resolve().parents[2]
Played = subprocess.CompletedProcess[str]


class Unsafe(str):
    """Text that Ansible is told not to template."""


yaml.SafeDumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def command(host: Host, file: Path, *options: str) -> list[str | Path]:
    ansible = Path(sys.executable).with_name("ansible-playbook")
    return [ansible, "-i", host.lab.folder / "inventory.yml", *options, file]


def environment(**more: str) -> dict[str, str]:
    own = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_ROLES_PATH": f"{ROOT}/roles"}
    return {**os.environ, **own, **more}


def run(host: Host, file: Path, *options: str, **more: str) -> Played:
    return subprocess.run(
        command(host, file, *options), env=environment(**more), capture_output=True, text=True, timeout=480
    )


def play(host: Host, *options: str, environment: Mapping[str, str] | None = None, **roles: dict[str, Any]) -> Played:
    """Roles by their names, with what they are given."""
    return play_all(host, *options, environment=environment, roles=[{"role": name, **of} for name, of in roles.items()])


def play_all(
    host: Host, *options: str, roles: list[dict[str, Any]], environment: Mapping[str, str] | None = None
) -> Played:
    file = host.folder / "play.yml"
    file.write_text(yaml.safe_dump([{"hosts": "host1", "gather_facts": False, "roles": roles}], sort_keys=False))
    return run(host, file, *options, **environment or {})


def results(host: Host, *options: str, **roles: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What each role says of each resource, by task and id."""
    done = play(host, *options, environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}, **roles)
    said = json.loads(done.stdout)
    found: dict[tuple[str, str], Any] = {}
    for task in said["plays"][0]["tasks"]:
        for result in task["hosts"].values():
            assert "resources" in result or "results" in result or not result.get("failed"), result
            found |= {(task["task"]["name"], of["id"]): of for of in _resources(result)}
    return found


def changed(host: Host, *options: str, **roles: dict[str, Any]) -> set[tuple[str, str]]:
    """Nothing may fail."""
    found = results(host, *options, **roles)
    assert [of["error"] for of in found.values() if of["failed"] or of.get("skipped")] == []
    return {key for key, of in found.items() if of["changed"]}


def _resources(result: Mapping[str, Any]) -> Iterator[Any]:
    yield from result.get("resources", ())
    for of in result.get("results", ()):
        yield from of.get("resources", ())
