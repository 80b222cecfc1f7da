"""What Ansible printed, a file per Run: best effort, shown to people, never parsed."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

KEPT = 200


class RunLogs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, run: str) -> TextIO:
        self._drop_old()
        path = self.folder / f"{run}.log"
        path.touch(mode=0o600)
        return path.open("a", encoding="utf-8", buffering=1)

    def _drop_old(self) -> None:
        logs = sorted(self.folder.glob("*.log"), key=_changed, reverse=True)
        for path in logs[KEPT - 1 :]:
            path.unlink(missing_ok=True)


def write(log: TextIO, event: Mapping[str, Any]) -> None:
    if text := event.get("stdout"):
        with suppress(OSError):
            log.write(text + "\n")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
