"""Progress on the screen: a live table on a terminal, else a line for each change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from virtgraph.cli.output import console, say, state
from virtgraph.cli.progress import Progress, Step

# What a person looks for first; what is over is what there is no room for.
FIRST = {word: n for n, word in enumerate(("FAILED", "SKIPPED", "CANCELLED", "RUNNING", "PENDING", "SUPERSEDED"))}


class View(Protocol):
    def show(self, progress: Progress, changed: Sequence[Step]) -> None: ...


class Lines:
    """On standard error: standard output may carry the document."""

    def show(self, progress: Progress, changed: Sequence[Step]) -> None:
        for step in changed:
            at = datetime.now().strftime("%H:%M:%S")
            where = f" on {step.host}" if step.host else ""
            say(f"{at} {step.action} {step.what}{where}: {step.state}{_more(step.note)}", error=True)


class Screen:
    """As many operations as the terminal has lines for."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, progress: Progress, changed: Sequence[Step]) -> None:
        room = max(3, self._live.console.height - 4)
        steps = list(progress.steps.values())
        if len(steps) > room:
            steps = sorted(steps, key=lambda step: FIRST.get(step.state, len(FIRST)))[:room]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for step in steps:
            words = (Text(word) for word in (step.action, step.what, step.host))
            table.add_row(state(step.state), *words, Text(step.note, "dim"))
        self._live.update(Group(table, Text(f"{progress.over} of {len(progress.steps)} operations are over", "bold")))


@contextmanager
def view() -> Iterator[View]:
    out = console(error=True)
    if not out.is_terminal:
        yield Lines()
        return
    with Live(console=out, refresh_per_second=10, vertical_overflow="crop") as live:
        yield Screen(live)


def _more(note: str) -> str:
    return f", {note}" if note else ""
