"""`virtgraph apply`: a document in, the same document completed out."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from virtgraph.cli.client import Client, Row
from virtgraph.cli.failure import REFUSED, Failure
from virtgraph.cli.formats import Format
from virtgraph.cli.output import say, show_data
from virtgraph.cli.progress import STEP
from virtgraph.cli.refusals import accepted, asked
from virtgraph.cli.wait import under_way, wait
from virtgraph.settings import Settings

APPLY = f"""
mutation ($document: String!, $stack: String!, $prune: Boolean!, $key: String) {{
  applySpec(document: $document, stack: $stack, prune: $prune, idempotencyKey: $key) {{
    ... on Applied {{
      revision {{ number createdAt }} document leftOut {{ id kind name }} operations {{ {STEP} }}
    }}
    {asked("Invalid", "Conflict", "NoHost", "Forbidden")}
  }}
}}
"""


def apply(
    settings: Settings,
    file: str,
    stack: str,
    *,
    prune: bool,
    key: str | None,
    waits: bool,
    seconds: float | None,
    format: Format,
) -> None:
    document = read(file)
    with Client(settings) as client:
        applied = accepted(client.ask(APPLY, document=document, stack=stack, prune=prune, key=key)["applySpec"])
        if format is Format.yaml:
            sys.stdout.write(applied["document"])
        elif format is Format.json:
            show_data(yaml.safe_load(applied["document"]), format)
        else:
            summarize(applied, stack)
        sys.stdout.flush()
        if waits:
            wait(client, under_way(client, stack, applied["operations"]), stack, seconds)


def read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode()
    except OSError as error:
        cure = "Give a file, or - for standard input."
        raise Failure(f"{file} cannot be read: {error.strerror}.", cure, REFUSED) from None
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is not UTF-8: byte {error.start}.", "Save it as UTF-8.", REFUSED) from None


def summarize(applied: Row, stack: str) -> None:
    count = len(applied["operations"])
    work = "nothing to do" if count == 0 else f"{count} operation{'s' if count > 1 else ''}"
    say(f"Revision {applied['revision']['number']} of stack {stack}: {work}.")
    if left := applied["leftOut"]:
        say("Left out of the document and still there; --prune removes them:")
        say(*(f"  {resource['kind']} {resource['name'] or ''} {resource['id']}" for resource in left))
