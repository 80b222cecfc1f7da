"""The fence on a host: of the Runs that claimed one slot of it, only the newest may change anything.

A Run's module outlives the Run when everything on the controller is killed. So each module first records its
claim's number in /run/virtgraph-fence/<installation>/slot-<n>.json, refuses when a higher one is there, and ends the
process of an older claim. /run is empty after a start of the host, and so are its processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.virtgraph_names import checked

ROOT = Path("/run/virtgraph-fence")  # a service on the same machine has /run/virtgraph
_END = 30.0  # seconds for a killed process to be gone


class HostError(Exception):
    """The module cannot go on as a whole; `code` is for the service, the text for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Lease:
    """A Run's claim of one slot of this host."""

    installation: str
    slot: int
    fence: int
    deadline: float  # seconds

    @classmethod
    def of(cls, params: dict[str, Any] | None) -> Lease | None:
        """None when a person runs the role: nothing but an installation, or not even that, is given."""
        if not params or params.get("fence") is None:
            return None
        return cls(
            checked(params["installation"]),
            int(params.get("slot") or 0),
            int(params["fence"]),
            float(params.get("deadline") or 0),
        )


@contextlib.contextmanager
def held(lease: Lease | None, root: Path = ROOT) -> Iterator[Callable[[], None]]:
    """Gives what is to be called before each change; it raises HostError "fenced" once a newer claim is recorded."""
    if lease is None:
        with _direct(root):
            yield lambda: None
        return
    folder = root / lease.installation
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    slot = _Slot(folder, lease)
    slot.enter()
    try:
        yield slot.check
    finally:
        slot.leave()


@contextlib.contextmanager
def _direct(root: Path) -> Iterator[None]:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / "direct.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Slot:
    def __init__(self, folder: Path, lease: Lease) -> None:
        self.lease = lease
        self.record = folder / f"slot-{lease.slot}.json"
        self.mutex = folder / f"slot-{lease.slot}.lock"

    def enter(self) -> None:
        with self._locked():
            recorded = self._read()
            self._refuse(recorded)
            # Of an older claim, or our own Run's that lost its connection: nobody listens to it any more.
            _end(recorded.get("pid"), recorded.get("start"))
            self._write({"fence": self.lease.fence, "pid": os.getpid(), "start": _start(os.getpid())})

    def check(self) -> None:
        self._refuse(self._read())

    def leave(self) -> None:
        with self._locked():
            if self._read().get("pid") == os.getpid():
                self._write({"fence": self.lease.fence})

    def _refuse(self, recorded: dict[str, Any]) -> None:
        newest = recorded.get("fence", 0)
        if newest > self.lease.fence:
            raise HostError(
                "fenced", f"claim {newest} owns this host's slot {self.lease.slot}, this is {self.lease.fence}"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self.mutex.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, Any]:
        try:
            recorded: dict[str, Any] = json.loads(self.record.read_text())
        except FileNotFoundError:
            return {}
        return recorded

    def _write(self, recorded: dict[str, Any]) -> None:
        new = self.record.with_suffix(".new")
        new.write_text(json.dumps(recorded))
        new.replace(self.record)


def _end(pid: int | None, start: str | None) -> None:
    """Kill the process, unless its number belongs to another one by now."""
    if pid is None or pid == os.getpid() or _start(pid) != start:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _END
    while _start(pid) == start:
        if time.monotonic() > until:
            raise HostError("fenced", f"process {pid} of an older claim cannot be ended")
        time.sleep(0.01)


def _start(pid: int) -> str | None:
    """When a process was started, in ticks since boot; None when it is gone. A zombie does nothing any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
