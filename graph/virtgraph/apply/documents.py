"""A document in, the same document completed out: what `applySpec` does before anything is realized."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from virtgraph import spec
from virtgraph.apply.call import Applied, Edit, Request, apply
from virtgraph.model.caller import Caller
from virtgraph.model.wanted import Wanted, WantedNetwork, WantedNIC, WantedVM, WantedVolume, Wish
from virtgraph.secrets import Vault
from virtgraph.store.graph import Graph

LARGE = 100_000  # characters from which on parsing would keep other requests waiting


@dataclass(frozen=True, slots=True)
class AppliedDocument:
    applied: Applied
    document: str


async def apply_document(
    graph: Graph,
    vault: Vault,
    text: str,
    *,
    stack: str,
    prune: bool,
    idempotency_key: str | None,
    caller: Caller,
    images: Path | None = None,
) -> AppliedDocument:
    """Raises Invalid, Conflict or NoHost, and then nothing is stored."""
    if len(text) > LARGE:
        document, wish = await asyncio.to_thread(read, text, stack)
    else:
        document, wish = read(text, stack)
    edit = Edit(wish)
    request = Request(
        stack,
        lambda _: edit,
        caller,
        prune,
        idempotency_key,
        input=f"{prune}\n{text}",
        document=True,
        completed=lambda applied: complete(spec.Document("json", document.tree), wish, applied),
        images=images,
    )
    applied = await apply(graph, vault, request)
    return AppliedDocument(applied, complete(document, wish, applied))


def complete(document: spec.Document, wish: Wish, applied: Applied) -> str:
    filled = {wanted.path: fill(wanted, applied) for wanted in wish.resources.values()}
    return spec.complete(document, filled, id=applied.revision, created_at=iso(applied.created_at))


def read(text: str, stack: str) -> tuple[spec.Document, Wish]:
    document = spec.parse(text)
    return document, spec.wish(document, stack)


def fill(wanted: Wanted, applied: Applied) -> spec.Filled:
    made = applied.specs[wanted.key]
    name = wanted.name
    match wanted:
        case WantedVM():
            return spec.Filled(
                applied.ids[wanted.key], name, made["state"],
                {"arch": wanted.arch, "vcpus": wanted.vcpus, "memory": size(wanted.memory)},
            )  # fmt: skip
        case WantedNIC():
            return spec.Filled(applied.ids[wanted.key], name, "attached", addresses(made))
        case WantedNetwork():
            return spec.Filled(applied.ids[wanted.key], name, "applied")
        case WantedVolume():
            return spec.Filled(applied.ids[wanted.key], name, "allocated")


def addresses(made: Mapping[str, Any]) -> dict[str, Any]:
    """A NIC's MAC, and its addresses where its network gives any."""
    found = {"hw_addr": made["hwAddr"]}
    return found | {"ip_addresses": made["ipAddresses"]} if made["ipAddresses"] else found


def size(count: int) -> str:
    return f"{count >> 20}mb" if count % (1 << 20) == 0 else str(count)


def iso(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
