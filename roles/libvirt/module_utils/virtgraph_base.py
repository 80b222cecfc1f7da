"""Bases: files in a pool that volumes of one source share as their backing file.

A base is copied to a part, a file of the claim that copies; it gets its name when its hash is right. So what has a
base's name is whole, and two claims never write to one file. Ansible copies to a folder of its own before, which is the
claim's too.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_names as names

_BLOCK = 1 << 20
_QCOW2 = b"QFI\xfb"
_BASE = re.compile(r"(?:.*/)?base-([0-9a-f]{64})\.qcow2")
_FOLDERS = ".ansible/tmp"
_PREFIX = "virtgraph-"


@dataclass(frozen=True)
class Source:
    """A file of the controller, as the play found it there."""

    file: str
    sha256: str
    size: int  # bytes

    @classmethod
    def of(cls, item: dict[str, Any], found: dict[str, dict[str, Any]]) -> Source | None:
        """Of a volume. `found`: what Ansible's stat says of each file; None when it is no file that can be read there."""
        source = item.get("source") or {}
        stat = found.get(source.get("file", ""), {})
        if not (stat.get("isreg") and stat.get("readable")):
            return None
        return cls(source["file"], (source.get("sha256") or stat["checksum"]).lower(), int(stat["size"]))


def path(pool_path: str, source: Source) -> Path:
    return Path(pool_path) / names.base(source.sha256)


def part(pool_path: str, source: Source, lease: dict[str, Any] | None) -> Path:
    return Path(pool_path) / f".base-{source.sha256}.{_slot(lease)}{_fence(lease)}.part"


def folder(lease: dict[str, Any] | None) -> str:
    """Ansible's, in the home of the user who connects."""
    return f"~/{_FOLDERS}/{_PREFIX}{_slot(lease)}{_fence(lease)}"


def remove_copies(pool_paths: Iterable[str], lease: dict[str, Any] | None) -> None:
    """What this claim has copied and used, and what earlier ones of its slot, which are over, have left."""
    left = [file for path in pool_paths for file in Path(path).glob(f".base-*.{_slot(lease)}*.part")]
    left += (_home() / _FOLDERS).glob(f"{_PREFIX}{_slot(lease)}*")
    for copied in left:
        if int(copied.stem.rpartition("-")[2]) > _fence(lease):
            continue
        if copied.is_dir():
            shutil.rmtree(copied, ignore_errors=True)
        else:
            copied.unlink(missing_ok=True)


def _home() -> Path:
    """Of the user who connects; with sudo that is not the one who runs this."""
    return Path(pwd.getpwuid(int(os.environ.get("SUDO_UID", os.getuid()))).pw_dir)


def _slot(lease: dict[str, Any] | None) -> str:
    lease = lease or {}
    return f"{lease.get('installation') or 'direct'}-{lease.get('slot') or 0}-"


def _fence(lease: dict[str, Any] | None) -> int:
    return (lease or {}).get("fence") or 0


def sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def made_from(file: Path) -> str | None:
    """SHA-256 of the source that a volume was made from, which its backing file is named after; None: of no base."""
    with file.open("rb") as opened:
        begin = opened.read(32)
        if len(begin) < 32 or begin[:4] != _QCOW2:
            return None
        offset, length = struct.unpack_from(">QI", begin, 8)
        opened.seek(offset)
        named = _BASE.fullmatch(opened.read(length if offset else 0).decode(errors="replace"))
    return named[1] if named else None


def flush(file: Path) -> None:
    """To the disk; of a folder, its names."""
    opened = os.open(file, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def virtual_size(file: Path) -> int | None:
    """Bytes; None when the file is not qcow2 or has a backing file."""
    backing, size = header(file)
    return None if backing else size


def header(file: Path) -> tuple[bool, int | None]:
    """Whether a qcow2 file has a backing file, and its size to a guest (qemu's docs/interop/qcow2.txt); None: not qcow2."""
    with file.open("rb") as opened:
        begin = opened.read(32)
    if len(begin) < 32 or begin[:4] != _QCOW2:
        return False, None
    return struct.unpack_from(">Q", begin, 8)[0] != 0, struct.unpack_from(">Q", begin, 24)[0]
