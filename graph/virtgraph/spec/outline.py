"""First reading: which resources a document declares, inline ones included, their names and their relations.

Values of single kinds are read afterwards; references can only be followed when every resource is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from virtgraph.model.wanted import Kind
from virtgraph.spec import scalars
from virtgraph.spec.declared import Declared, Identity, Relation
from virtgraph.spec.errors import Problems, shown
from virtgraph.spec.node import Node
from virtgraph.spec.paths import member
from virtgraph.spec.shapes import MEMBER_FIELDS, RELATION_FIELDS, SHAPES, STATE_FIELDS, Shape

read_type = scalars.one_of("type", SHAPES)


@dataclass(slots=True)
class Outline:
    """Every resource of the document, in the order in which it is written."""

    problems: Problems
    declared: list[Declared] = field(default_factory=list)
    variables: dict[str, Declared | None] = field(default_factory=dict)  # None: there, but unreadable
    by_key: dict[str, Declared] = field(default_factory=dict)
    by_id: dict[str, Declared] = field(default_factory=dict)

    def read(self, spec: Node) -> None:
        if not isinstance(spec.value, dict):
            spec.refuse(f"must be a mapping of resources, not {shown(spec.value)}")
            return
        self.variables = dict.fromkeys(spec.value)
        for key, value in spec.value.items():
            node = Node(value, member(spec.path, key), self.problems)
            if not key:
                node.refuse("has an empty name")
            self.variables[key] = self._declare(node, partial(Identity.of, name=key))

    def _declare(self, node: Node, default: Callable[[Kind], Identity]) -> Declared | None:
        """The resource here and all that stands inline in it. `default`: its identity without a name."""
        type_ = self._type(node)
        if type_ is None:
            return None
        shape = SHAPES[type_]
        fields = node.fields(shape.fields)
        name = fields["name"].read(scalars.name) if "name" in fields else None
        declared = Declared(
            node=node,
            type=type_,
            shape=shape,
            identity=default(shape.kind) if name is None else Identity.of(shape.kind, name),
            id=fields["id"].read(scalars.uuid) if "id" in fields else None,
            state=_state(fields, shape),
            fields=fields,
        )
        self._register(declared)
        self._read_relations(declared)
        return declared

    def _type(self, node: Node) -> str | None:
        if not isinstance(node.value, dict):
            node.refuse(f"must be a resource, not {shown(node.value)}")
            return None
        given = node.value.get("type")
        if given is None:
            node.refuse_member("type", "is missing")
            return None
        return Node(given, member(node.path, "type"), self.problems).read(read_type)

    def _register(self, declared: Declared) -> None:
        self.declared.append(declared)
        first = self.by_key.setdefault(declared.key, declared)
        if first is not declared:
            declared.node.refuse(f"{declared.key} is declared twice, first at {first.path}")
        if declared.id is not None:
            first = self.by_id.setdefault(declared.id, declared)
            if first is not declared:
                declared.node.refuse(f"the id {declared.id} is given twice, first at {first.path}")

    def _read_relations(self, declared: Declared) -> None:
        unnamed: dict[Kind, int] = defaultdict(int)

        def ordinal(kind: Kind) -> Identity:
            unnamed[kind] += 1
            return Identity(f"{declared.key}/{kind}/{unnamed[kind] - 1}", None)

        for node in _relation_nodes(declared.fields):
            members = node.fields(MEMBER_FIELDS)
            relation = Relation(node, members.get("object"))
            declared.relations.append(relation)
            if relation.object is None:
                relation.broken = True
                if isinstance(node.value, dict):
                    node.refuse_member("object", "is missing")
            elif _is_inline(relation.object):
                relation.inline = self._declare(relation.object, ordinal)
                relation.broken = relation.inline is None
                if relation.inline is not None and declared.kind is Kind.VM:
                    relation.inline.owner = declared.key


def _relation_nodes(fields: dict[str, Node]) -> Iterator[Node]:
    for name, node in fields.items():
        if name in RELATION_FIELDS:
            yield from node.items()


def _is_inline(object_: Node) -> bool:
    """Whether a relation's object is a resource of its own; else it refers to one."""
    given = object_.value
    return isinstance(given, dict) and given.get("type") is not None and "variable" not in given


def _state(fields: dict[str, Node], shape: Shape) -> str | None:
    given = [node for name, node in fields.items() if name in STATE_FIELDS]
    if len(given) > 1:
        given[1].refuse("status and state are one thing: give only one of them")
    return given[0].read(scalars.one_of("state", shape.states)) if given else None
