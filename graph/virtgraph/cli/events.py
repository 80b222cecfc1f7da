"""`virtgraph events`"""

from __future__ import annotations

import json
import sys
import time

from virtgraph.cli.client import Client, Row, unreachable
from virtgraph.cli.feed import TooOld, follow
from virtgraph.cli.formats import Format
from virtgraph.cli.output import moment, say
from virtgraph.settings import Settings

TICK = 1.0  # seconds
PATIENCE = 60.0  # seconds without an event that must come


def events(settings: Settings, after: int | None, stack: str | None, follows: bool, format: Format) -> None:
    """Those behind a number, else all that are kept; with `follows` what comes, until interrupted."""
    with Client(settings) as client:
        newest = client.ask("{ newestEvent }")["newestEvent"]
    if follows:
        _follow(settings, newest if after is None else after, stack, format)
        return
    try:
        _list(settings, after or 0, newest, stack, format)
    except TooOld as error:
        if after is not None:
            raise
        _list(settings, error.begin, newest, stack, format)


def _follow(settings: Settings, after: int, stack: str | None, format: Format) -> None:
    for event in follow(settings, after, stack, TICK):
        if event is not None:
            _print(event, format)


def _list(settings: Settings, after: int, newest: int, stack: str | None, format: Format) -> None:
    """Up to the newest. Of all stacks: where the list of one ends cannot be told from its own events."""
    if after == newest:
        return
    heard = time.monotonic()
    for event in follow(settings, after, None, TICK):
        if event is None:
            if time.monotonic() > heard + PATIENCE:
                raise unreachable(settings.url, f"no event came for {PATIENCE:g} s")
            continue
        heard = time.monotonic()
        if stack is None or event["stack"] == stack:
            _print(event, format)
        if event["number"] >= newest:
            return


def _print(event: Row, format: Format) -> None:
    if format is Format.table:
        say(f"{event['number']:>6}  {moment(event['at'])}  {event['type']:<10}  {event['message']}")
    else:
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()
