"""`virtgraph events`"""

from __future__ import annotations

import json
import sys

from virtgraph.cli.client import Client, Row
from virtgraph.cli.feed import TooOld, follow
from virtgraph.cli.formats import Format
from virtgraph.cli.output import moment, say
from virtgraph.settings import Settings

TICK = 1.0  # seconds without an event: that was all


def events(settings: Settings, after: int | None, stack: str | None, follows: bool, format: Format) -> None:
    """Those behind a number, else all that are kept; with `follows` what comes, until interrupted."""
    with Client(settings) as client:
        client.ask("{ __typename }")  # says what is wrong with address or token, once
    try:
        _show(settings, after if after is not None or follows else 0, stack, follows, format)
    except TooOld as error:
        if after is not None:
            raise
        _show(settings, error.begin, stack, follows, format)


def _show(settings: Settings, after: int | None, stack: str | None, follows: bool, format: Format) -> None:
    for event in follow(settings, after, stack, TICK):
        if event is not None:
            _print(event, format)
        elif not follows:
            return


def _print(event: Row, format: Format) -> None:
    if format is Format.table:
        say(f"{event['number']:>6}  {moment(event['at'])}  {event['type']:<10}  {event['message']}")
    else:
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()
