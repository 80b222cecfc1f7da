"""Finds what a command is about: everything of a kind, or the one thing that a name or an id means."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from virtgraph.cli.client import Client, Row
from virtgraph.cli.failure import REFUSED, Failure
from virtgraph.cli.kinds import HOST, RUN, Kind, named

PAGE_INFO = "pageInfo { hasNextPage endCursor }"


def all_of(client: Client, kind: Kind, stack: str | None = None) -> Iterator[Row]:
    """In the service's order."""
    if kind is RUN:
        return _runs(client)
    return _listed(client, kind, {"stack": stack} if stack is not None else {})


def one(client: Client, kind: Kind, reference: str, stack: str | None = None) -> Row:
    """By id or name. Raises Failure where there is none, or where several stacks have it."""
    if kind is RUN:
        query = f"query ($id: ID!) {{ run(id: $id) {{ {kind.fields} }} }}"
        found: list[Row] = [row for row in (client.ask(query, id=reference)["run"],) if row]
    else:
        condition: Row = {"ids": [reference]} if is_id(reference) or not kind.by_name else {"name": reference}
        if stack is not None:
            condition["stack"] = stack
        found = list(_listed(client, kind, condition))
    where = f" in stack {stack}" if stack is not None else ""
    if not found:
        raise Failure(f"There is no {kind.name} {reference}{where}.", f"`virtgraph get {kind.plural}` lists them.")
    if len(found) > 1:
        raise Failure(
            [f"There are {len(found)} {kind.plural} {reference}:", *(f"  {which(row)}" for row in found)],
            "Say which by --stack or by its id.",
            REFUSED,
        )
    return found[0]


def which(row: Row) -> str:
    owner = row.get("stackName") or named(row.get("host"))
    return f"{row['id']} in {owner}" if owner else str(row["id"])


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _listed(client: Client, kind: Kind, condition: Row) -> Iterator[Row]:
    query = f"""
    query ($filter: {kind.type}Filter, $first: Int, $after: String) {{
      {kind.plural}(filter: $filter, first: $first, after: $after) {{ nodes {{ {kind.fields} }} {PAGE_INFO} }}
    }}
    """
    return client.pages(query, kind.plural, filter=condition)


def _runs(client: Client) -> Iterator[Row]:
    """Those of each host, the latest first: a run has no life without its host."""
    query = f"""
    query ($host: ID, $first: Int, $after: String) {{
      host(id: $host) {{ runs(first: $first, after: $after) {{ nodes {{ {RUN.fields} }} {PAGE_INFO} }} }}
    }}
    """
    for host in all_of(client, HOST):
        yield from client.pages(query, "host", "runs", host=host["id"])
