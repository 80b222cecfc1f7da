"""Which process holds a Run, so that another one on the same machine sees at once that it is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """`<machine>/<boot>/<pid namespace>/<pid>/<start time>`"""
    return f"{here()}/{os.getpid()}/{start_time(os.getpid())}"


def here() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()}/{boot}/{os.readlink('/proc/self/ns/pid')}"


def is_gone(owner: str) -> bool:
    """True where the owner ran here and certainly does not any more; False where nobody can know."""
    place, pid, started = owner.rsplit("/", 2)
    if place != here():
        return False
    return start_time(int(pid)) != started


def start_time(pid: int) -> str | None:
    """The process's start in clock ticks since boot; None where it does not run (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]
