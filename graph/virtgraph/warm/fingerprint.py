"""What a warm process has read and cannot read again. A Run that would read other things goes cold."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def fingerprint(environment: Mapping[str, str]) -> str:
    """Of Ansible's settings in the environment, its version, and the files (by name, size and time) of our
    playbooks and roles, which lie beside ansible.cfg."""
    parts = [sys.executable]
    parts += sorted(f"{name}={value}" for name, value in environment.items() if name.startswith("ANSIBLE_"))
    for package in ("ansible", "ansible_collections"):
        parts += _state(_folder(package))
    config = Path(environment["ANSIBLE_CONFIG"])
    parts += _state(str(config))
    for name in ("playbooks", "roles"):
        parts += sorted(_states(config.parent / name))
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


@cache  # once Ansible is imported, its own finder answers for collections
def _folder(package: str) -> str:
    spec = find_spec(package)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ""


def _states(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            yield from _state(os.path.join(parent, name))


def _state(path: str) -> list[str]:
    try:
        stat = os.stat(path)
    except OSError:
        return []
    return [f"{path} {stat.st_size} {stat.st_mtime_ns}"]
