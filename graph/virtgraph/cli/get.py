"""`virtgraph get`"""

from __future__ import annotations

from virtgraph.cli import finding, kinds
from virtgraph.cli.client import Client
from virtgraph.cli.failure import REFUSED, Failure
from virtgraph.cli.formats import Format
from virtgraph.cli.output import say, show_data, show_table
from virtgraph.settings import Settings


def get(settings: Settings, word: str, reference: str | None, stack: str | None, format: Format) -> None:
    kind = kinds.kind(word)
    if stack is not None and not kind.in_stack:
        raise Failure(f"A {kind.name} is in no stack.", "Leave --stack out.", REFUSED)
    with Client(settings) as client:
        if reference is not None:
            rows = [finding.one(client, kind, reference, stack)]
        else:
            rows = list(finding.all_of(client, kind, stack))
    if format is not Format.table:
        show_data(rows[0] if reference is not None else rows, format)
    elif rows:
        show_table(list(kind.columns), [[cell(row) for cell in kind.columns.values()] for row in rows])
    else:
        say(f"No {kind.plural}{f' in stack {stack}' if stack is not None else ''}.", error=True)
