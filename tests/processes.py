"""What runs on this machine, as /proc tells it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    name: str
    arguments: str


def all_processes() -> list[Process]:
    return [process for path in Path("/proc").glob("[0-9]*") if (process := _read(path))]


def descendants(of: int | None = None) -> dict[int, Process]:
    found: dict[int, Process] = {}
    parents = [of or os.getpid()]
    everything = all_processes()
    while parents:
        parent = parents.pop()
        for process in everything:
            if process.parent == parent:
                found[process.pid] = process
                parents.append(process.pid)
    return found


def marked(mark: str) -> Iterator[Process]:
    """Those that were started with this text in their environment, or are forks of such."""
    for process in all_processes():
        try:
            if mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes():
                yield process
        except OSError:
            continue


def _read(path: Path) -> Process | None:
    try:
        head, _, tail = (path / "stat").read_text().rpartition(")")
        arguments = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    pid, _, name = head.partition(" (")
    state, parent, *_ = tail.split()
    return None if state == "Z" else Process(int(pid), int(parent), name, arguments)
