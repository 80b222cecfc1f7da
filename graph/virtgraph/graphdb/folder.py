"""What stands in an embedded server's folder beside its data.

server.lock
    flock'd by the server itself: held means that a server of this folder lives.
server.json
    Where it listens, its process and the process that started it.
password
    Of its one user, 0600.
log/
    What it says.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """A server that was started."""

    port: int
    pid: int
    owner: int  # the process that started it


@dataclass(frozen=True, slots=True)
class ServerFolder:
    path: Path

    @contextlib.contextmanager
    def lock_file(self) -> Iterator[int]:
        """The lock, open but not taken."""
        descriptor = os.open(self.path / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @property
    def record(self) -> Record | None:
        """The last server that was started here."""
        try:
            return Record(**json.loads((self.path / "server.json").read_text()))
        except FileNotFoundError:
            return None

    def write_record(self, record: Record) -> None:
        _write(self.path / "server.json", json.dumps(asdict(record)))

    @property
    def password_file(self) -> Path:
        """The file with the password, made when there is none."""
        file = self.path / "password"
        if not file.exists():
            _write(file, secrets.token_urlsafe(24))
        return file

    @property
    def console(self) -> Path:
        """What the server prints."""
        (self.path / "log").mkdir(mode=0o700, exist_ok=True)
        return self.path / "log/console.log"

    def last_words(self) -> str:
        """The end of what the server printed, and who it was."""
        printed = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join([str(self.record), *printed.splitlines()[-5:]])


def take(lock: int) -> bool:
    """Take the lock if nobody has it. It is held until the last process that inherited it has ended."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: Path, text: str) -> None:
    """Write a 0600 file, whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(file)
