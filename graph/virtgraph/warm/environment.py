"""What ansible-playbook is started with, the warm way and the cold way alike."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

_CLIENT = Path(__file__).with_name("client.py")


def make(folder: Path, playbooks: Path) -> dict[str, str]:
    """For a Run, on top of this process's environment. Puts the client into `folder`/bin, first in PATH.

    Settings and secrets of the service (VIRTGRAPH_*) become empty."""
    (folder / "bin").mkdir(mode=0o700)
    (folder / "tmp").mkdir(mode=0o700)
    _install_client(folder / "bin" / "ansible-playbook")
    return {
        **{name: "" for name in os.environ if name.startswith("VIRTGRAPH_")},
        "PATH": f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(playbooks.parent / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner would switch it off
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "MAX_EVENT_RES": str(
            32 << 20
        ),  # ansible-runner's callback drops a larger result silently; its default is 700 kB
    }


def for_warm_process(run: Mapping[str, str], callbacks: Path) -> dict[str, str]:
    """For the process itself: also what ansible-runner will set for each Run, since Ansible reads it once."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("VIRTGRAPH_")}
    ours = {name: value for name, value in run.items() if not name.startswith("VIRTGRAPH_")}
    others = [path for path in (given.get("ANSIBLE_CALLBACK_PLUGINS"), str(callbacks)) if path]
    return {
        **given,
        **ours,
        "ANSIBLE_CALLBACK_PLUGINS": ":".join(others),
        "ANSIBLE_STDOUT_CALLBACK": "awx_display",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
    }


def _install_client(path: Path) -> None:
    # A shell between, because a #! line is limited in length and knows no spaces.
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(_CLIENT))} "$@"\n')
    path.chmod(0o700)
