"""The refusals in a mutation's result: asked for by name, and told in lines."""

from __future__ import annotations

from collections.abc import Iterator

from virtgraph.cli.client import Row
from virtgraph.cli.failure import REFUSED, Failure

FIELDS = {
    "Invalid": "problems { path reason }",
    "Conflict": "message state task neededStates",
    "NoHost": "hosts { name reason }",
    "NotFound": "message",
    "Forbidden": "message",
}


def asked(*names: str) -> str:
    """The part of a selection that tells these refusals."""
    return "__typename " + " ".join(f"... on {name} {{ {FIELDS[name]} }}" for name in names)


def accepted(result: Row) -> Row:
    """The result, if it is none of the refusals. Raises Failure."""
    if result["__typename"] not in FIELDS:
        return result
    raise Failure(list(_lines(result)), code=REFUSED)


def _lines(result: Row) -> Iterator[str]:
    match result:
        case {"__typename": "Invalid", "problems": problems}:
            yield "Invalid: nothing was stored."
            for problem in problems:
                yield f"  {problem['path'] or '(document)'}: {problem['reason']}"
        case {"__typename": "NoHost", "hosts": hosts}:
            yield "NoHost: no host can take it; nothing was stored."
            for host in hosts:
                yield f"  {host['name']}: {host['reason']}"
            if not hosts:
                yield "  there are no hosts yet: `virtgraph host add`"
        case {"__typename": "Conflict", "message": message, "neededStates": needed}:
            yield f"Conflict: {message}"
            if needed:
                yield f"  it must be {' or '.join(needed)}"
        case {"__typename": name, "message": message}:
            yield f"{name}: {message}"
