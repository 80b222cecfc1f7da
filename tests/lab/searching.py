"""Looking for a text wherever it could have gone: in files, and in what processes show of themselves while they run."""

from __future__ import annotations

import base64
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

INTERVAL = 0.02  # seconds


class Search:
    """For some texts, as they are and as hexadecimal or base64 shows them."""

    def __init__(self, *texts: str) -> None:
        self.pattern = re.compile(b"|".join(re.escape(form) for text in texts for form in forms(text.encode())))

    def finds(self, text: str) -> bool:
        return bool(self.pattern.search(text.encode()))

    def files(self, *places: Path, besides: Collection[Path] = ()) -> list[Path]:
        """Which files hold one of them; folders as a whole, but for some."""
        return [path for path in every_file(places, besides) if self.pattern.search(content(path))]


def forms(text: bytes) -> Iterator[bytes]:
    yield text
    yield text.hex().encode()
    for before in range(3):  # bytes that stand before it in its group of three
        encoded = base64.b64encode(bytes(before) + text)
        yield encoded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]


def every_file(places: Iterable[Path], besides: Collection[Path] = ()) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if Path(folder, name) not in besides]
            yield from (path for name in names if not (path := Path(folder, name)).is_symlink())


def content(path: Path) -> bytes:
    """Empty of what is gone, or is no file."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


class Watch(threading.Thread):
    """Looks again and again at every process of this machine, those in the hosts' namespaces among them, and into
    folders. `hits` has for each search what held its texts."""

    def __init__(self, searches: Sequence[Search], places: Callable[[], Iterable[Path]]) -> None:
        super().__init__(daemon=True)
        self.searches = searches
        self.places = places
        self.hits: list[set[str]] = [set() for _ in searches]
        self.times = 0
        self._over = threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            for name, said in self.looked_at():
                for search, hits in zip(self.searches, self.hits, strict=True):
                    if search.pattern.search(said):
                        hits.add(f"{name}: {said[:300]!r}")
            self.times += 1
            self._over.wait(max(0.0, began + INTERVAL - time.monotonic()))

    def looked_at(self) -> Iterator[tuple[str, bytes]]:
        for number in os.listdir("/proc"):
            if number.isdigit():
                for shown in ("cmdline", "environ"):
                    path = f"/proc/{number}/{shown}"
                    yield path, raw(path)
        for path in every_file(self.places()):
            yield str(path), content(path)


def raw(path: str) -> bytes:
    """Of /proc, whose files have no size; empty of a process that is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
