"""Work that cannot be begun for a mistake of ours: told once for each reason, and tried again after a growing pause."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from virtgraph.running import pause
from virtgraph.store.graph import is_away

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Setback:
    reason: str
    tries: int
    due: float  # when it is tried again


@dataclass(slots=True)
class Setbacks:
    """By the id of what the work is for."""

    clock: Callable[[], float] = time.monotonic
    _of: dict[str, Setback] = field(default_factory=dict)

    def is_due(self, id: str) -> bool:
        return id not in self._of or self.clock() >= self._of[id].due

    @contextmanager
    def harmless(self, what: str, id: str) -> Iterator[None]:
        """A mistake of ours ends what is inside, and nothing beside it. A graph that is away is none."""
        try:
            yield
        except Exception as error:
            if is_away(error):
                raise
            self._take(what, id, error)
        else:
            self._of.pop(id, None)

    def _take(self, what: str, id: str, error: Exception) -> None:
        before = self._of.get(id)
        reason = f"{type(error).__name__}: {error}"
        tries = before.tries + 1 if before else 1
        self._of[id] = Setback(reason, tries, self.clock() + pause(tries))
        if before is None or before.reason != reason:
            *_, last = traceback.extract_tb(error.__traceback__)
            log.error(what, id=id, reason=reason, at=f"{Path(last.filename).name}:{last.lineno}")
