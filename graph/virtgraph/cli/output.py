"""How answers are printed: a table for people, JSON or YAML for programs. Texts are data: no markup in them counts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from virtgraph.cli.formats import Format

WIDE = 1000  # columns where no terminal says otherwise: nothing is cut off for a pipe
COLOURS = {
    "green": ("RUNNING", "ATTACHED", "ALLOCATED", "APPLIED", "READY", "SUCCEEDED"),
    "yellow": ("DEPLOYING", "UPDATING", "DELETING", "PENDING", "VIRTUAL", "APPLYING", "RETRYING"),
    "red": ("FAILED", "MISSING", "SKIPPED", "LOST"),
}
STYLES = {state: colour for colour, states in COLOURS.items() for state in states}


def console(error: bool = False) -> Console:
    stream = sys.stderr if error else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else WIDE, markup=False, highlight=False, emoji=False, soft_wrap=True
    )


def say(*lines: str, error: bool = False) -> None:
    out = console(error)
    for line in lines:
        out.print(line)


def state(word: str) -> Text:
    """A state in its colour; the colour is of its last word: `HOST FAILED`."""
    return Text(word, style=STYLES.get(word.split()[0] if word else "", ""))


def show_data(data: Any, format: Format) -> None:
    """A value as JSON or YAML."""
    if format is Format.json:
        text = json.dumps(data, indent=2, ensure_ascii=False)
    else:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip()
    sys.stdout.write(text + "\n")


def show_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns that are empty in every row are left out. The column STATE is coloured."""
    shown = [n for n, header in enumerate(headers) if n == 0 or any(row[n] for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for n in shown:
        table.add_column(headers[n], overflow="fold")
    for row in rows:
        table.add_row(*(state(row[n]) if headers[n] == "STATE" else Text(row[n]) for n in shown))
    console().print(table, soft_wrap=False)


def size(count: int | None) -> str:
    """Bytes in the largest binary unit that leaves a short number: `4 GiB`, `1.5 GiB`."""
    if count is None:
        return ""
    amount, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    unit = next(units)
    while amount >= 1024 and unit != "PiB":
        amount, unit = amount / 1024, next(units)
    return f"{amount:.4g} {unit}"


def moment(text: str | None) -> str:
    """An ISO 8601 moment as this machine's clock shows it."""
    if text is None:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
