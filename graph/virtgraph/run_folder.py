"""Folders that live in memory only: one per dispatcher, and in it one per Run with what ansible-runner reads.

A Run's folder holds its secrets, so it is on tmpfs and goes with the Run. What a killed process leaves, the
next one removes: a folder whose lock is free has no owner.
"""

import fcntl
import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from virtgraph.order import HostAccess, Order

INVENTORY = "inventory.json"
_SETTINGS = {  # ansible-runner's; it reads them from a file only
    "pexpect_timeout": 0.25,  # seconds until a cancel is seen
    "suppress_output_file": True,
}
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class RuntimeFolder:
    """A dispatcher's own folder, 0700, held by a lock."""

    def __init__(self) -> None:
        base = _base()
        turn = _lock(
            base, wait=True
        )  # between its making and its lock, another process would take a folder for abandoned
        try:
            _sweep(base)
            self.path = Path(tempfile.mkdtemp(prefix="d-", dir=base))
            self._lock = _lock(self.path)
        finally:
            os.close(turn)
        for name in ("runs", "ssh", "warm"):
            (self.path / name).mkdir(mode=0o700)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def make(runs: Path, order: Order, ssh_options: list[str]) -> Path:
    """The private data folder of one Run."""
    folder = Path(tempfile.mkdtemp(prefix="r-", dir=runs))
    (folder / "env").mkdir()
    # A file: arguments are limited to 128 KiB and seen by `ps`. Unsafe text: Ansible runs Jinja in all other.
    _write(folder / "env" / "extravars", {"doc": _unsafe(order.doc), "secrets": _unsafe(order.secrets)})
    _write(folder / "env" / "settings", _SETTINGS)
    _write(folder / INVENTORY, _inventory(order.host, ssh_options))
    return folder


def _inventory(host: HostAccess, ssh_options: list[str]) -> Mapping[str, Any]:
    name = host.name if PLAIN.fullmatch(host.name) else "host"  # Ansible expands [a:b] and commas in names
    return {"all": {"hosts": {name: _variables(host, ssh_options)}}}


def _variables(host: HostAccess, ssh_options: list[str]) -> Mapping[str, Any]:
    python = {"ansible_python_interpreter": "/usr/bin/python3"}  # the one that has libvirt
    if host.local:
        return {**python, "ansible_connection": "local", "ansible_become": os.geteuid() != 0}
    key = {"ansible_ssh_private_key_file": {"__ansible_unsafe": host.key_file}} if host.key_file else {}
    return {
        **python,
        **key,
        "ansible_connection": "ssh",
        "ansible_host": {"__ansible_unsafe": host.address},
        "ansible_port": host.port,
        "ansible_user": {"__ansible_unsafe": host.user},
        "ansible_become": host.user != "root",
        "ansible_pipelining": True,
        "ansible_host_key_checking": True,
        "ansible_ssh_args": {"__ansible_unsafe": shlex.join(ssh_options)},
        "ansible_ssh_common_args": "",
    }


def _unsafe(document: Mapping[str, Any]) -> Mapping[str, str]:
    return {"__ansible_unsafe": json.dumps(document)}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def _base() -> Path:
    """The first place that is memory and may hold programs: the session's own, root's, or the one that any Linux has."""
    user = os.geteuid()
    session = os.environ.get("XDG_RUNTIME_DIR")
    places = [Path(session, "virtgraph")] if session else []
    places += [Path("/run/virtgraph")] if user == 0 else []
    shared = Path(f"/dev/shm/virtgraph-{user}")
    base = next((place for place in places if place.parent.is_dir() and _fits(place.parent)), shared)
    base.mkdir(mode=0o700, exist_ok=True)
    stat = base.lstat()
    if (
        stat.st_uid != user or stat.st_mode & 0o40077 != 0o40000
    ):  # /dev/shm is everybody's: somebody may have been first
        raise PermissionError(f"{base} must be a folder of user {user} with mode 0700. Remove it.")
    return base


def _fits(folder: Path) -> bool:
    """systemd mounts /run without exec."""
    real, mount, longest = str(folder.resolve()), ("", ""), ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, at, kind, options, *_ = line.split(" ")
        inside = at == "/" or real == at or real.startswith(at + "/")
        if inside and len(at) >= len(longest):
            longest, mount = at, (kind, options)
    return mount[0] == "tmpfs" and "noexec" not in mount[1].split(",")


def _sweep(base: Path) -> None:
    for folder in _abandoned(base):
        shutil.rmtree(folder, ignore_errors=True)


def _abandoned(base: Path) -> Iterator[Path]:
    for folder in base.glob("d-*"):
        try:
            os.close(_lock(folder))
        except OSError:
            continue
        yield folder


def _lock(folder: Path, *, wait: bool = False) -> int:
    """Raises BlockingIOError when another process holds it, unless it is to wait."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
