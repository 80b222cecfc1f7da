"""A document's resources and relations between the two readings: found and named, not yet understood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from virtgraph.model.wanted import Kind, Reference
from virtgraph.spec.node import Node
from virtgraph.spec.shapes import Meaning, Shape

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a resource is in its stack: `<Kind>/<name>`, or its place under the one that holds it inline."""

    key: str
    name: str | None

    @classmethod
    def of(cls, kind: Kind, name: str) -> Identity:
        return cls(f"{kind}/{name}", name)


@dataclass(slots=True)
class Relation:
    """One item of a resource's dependencies or relations."""

    node: Node
    object: Node | None  # None: left out, and refused
    inline: Declared | None = None
    broken: bool = False  # refused already
    # known once references are followed:
    meaning: Meaning = Meaning.NEED
    reference: Reference | None = None
    target: Declared | None = None  # where the document itself declares it
    boot: Node | None = None  # where its boot priority stands
    boot_priority: int | None = None
    read_only: bool = False
    is_volume: bool = False


@dataclass(slots=True)
class Declared:
    """A resource as the document declares it, its own fields not yet read."""

    node: Node
    type: str
    shape: Shape
    identity: Identity
    id: str | None
    state: str | None
    fields: dict[str, Node]
    owner: str | None = None
    relations: list[Relation] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        return self.shape.kind

    @property
    def key(self) -> str:
        return self.identity.key

    @property
    def name(self) -> str | None:
        return self.identity.name

    @property
    def path(self) -> str:
        return self.node.path

    def read(self, field: str, parse: Callable[[Any], T], default: D) -> T | D:
        """The field as `parse` understands it; the default where it is left out or refused."""
        node = self.fields.get(field)
        value = node.read(parse) if node else None
        return default if value is None else value

    def needs(self) -> tuple[Reference, ...]:
        return tuple(r.reference for r in self.relations if r.meaning is Meaning.NEED and r.reference)
