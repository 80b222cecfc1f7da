"""Ansible's own commands as a person runs them in the checkout, with the service's address and folder in the environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from processes import descendants
from serving import ROOT, Service

CONFIG = ROOT / "ansible.cfg"
INVENTORY = ROOT / "inventory" / "virtgraph.yml"

PLAIN = {
    "ANSIBLE_CONFIG": str(CONFIG),
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=30s",  # not long behind the lab
}


def run(served: Service, command: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of Ansible, whatever comes of it."""
    return subprocess.run(
        [Path(sys.executable).with_name(command), *arguments],
        env=served.environment | PLAIN | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def ran(served: Service, command: str, *arguments: str | Path, **environment: str) -> str:
    """What a command prints that must end well."""
    done = run(served, command, *arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(served: Service, inventory: Path = INVENTORY, **environment: str) -> dict[str, Any]:
    """The inventory's groups with their members, and under `_meta` the variables of each."""
    output = ran(served, "ansible-inventory", "-i", inventory, "--list", **environment)
    found: dict[str, Any] = json.loads(output, object_hook=lambda object: object.get("__ansible_unsafe", object))
    return found


def told(served: Service, inventory: Path, pattern: str, expression: str) -> dict[str, Any]:
    """What an expression is for each host that a pattern matches, once Ansible has templated it."""
    output = ran(
        *(served, "ansible", pattern, "-i", inventory, "-m", "ansible.builtin.debug"),
        *("-a", json.dumps({"msg": f"{{{{ {expression} }}}}"})),
        ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        ANSIBLE_LOAD_CALLBACK_PLUGINS="1",
    )
    (play,) = json.loads(output)["plays"]
    (task,) = play["tasks"]
    return {name: result["msg"] for name, result in task["hosts"].items()}


def cut(command: Sequence[str | Path], environment: Mapping[str, str], seconds: float) -> None:
    """Begin it, and after so long end all of its processes here at once; what runs on hosts goes on there.

    Ansible's workers are in sessions of their own.
    """
    running = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    for pid in (running.pid, *descendants(running.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.wait()
