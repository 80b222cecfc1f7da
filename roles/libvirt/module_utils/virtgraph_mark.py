"""The mark that says which installation made a thing on a host, and from what. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

URI = "https://virtgraph.dev/1"
PREFIX = "virtgraph"
TEMPLATE = 1  # of the XML that roles write; another number makes each digest another
DIRECT = "00000000-0000-0000-0000-000000000000"  # the installation, when a person runs the roles

ElementTree.register_namespace(PREFIX, URI)


@dataclass(frozen=True)
class Mark:
    id: str
    generation: int
    installation: str
    digest: str

    def element(self) -> ElementTree.Element:
        """The child of <metadata>."""
        values = {"id": self.id, "generation": str(self.generation)}
        return ElementTree.Element(
            f"{{{URI}}}resource", {**values, "installation": self.installation, "digest": self.digest}
        )

    def text(self) -> str:
        """What virDomainSetMetadata takes, which adds the namespace by itself."""
        element = self.element()
        element.tag = "resource"
        return ElementTree.tostring(element, encoding="unicode")


def mark(item: dict[str, Any], installation: str) -> Mark:
    return Mark(item["id"], item.get("generation") or 0, installation, digest(item))


def read(root: ElementTree.Element) -> Mark | None:
    """The mark in a domain's or network's XML."""
    found = root.find(f"metadata/{{{URI}}}resource")
    if found is None:
        return None
    generation = found.get("generation", "")
    return Mark(
        found.get("id", ""),
        int(generation) if generation.isdigit() else 0,
        found.get("installation", ""),
        found.get("digest", ""),
    )


def digest(item: dict[str, Any]) -> str:
    """Of what a role was given for one resource: the same digest, nothing to do."""
    given = {name: value for name, value in item.items() if name not in ("needs", "generation")}
    text = json.dumps([TEMPLATE, given], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
