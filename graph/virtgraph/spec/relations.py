"""Second reading: what each relation refers to and means."""

from __future__ import annotations

from virtgraph.model.wanted import Kind, Reference
from virtgraph.spec import scalars
from virtgraph.spec.declared import Declared, Relation
from virtgraph.spec.errors import shown, unknown
from virtgraph.spec.node import Node
from virtgraph.spec.outline import Outline
from virtgraph.spec.paths import member
from virtgraph.spec.shapes import (
    BOOT_PRIORITY_FIELDS,
    PROPERTY_FIELDS,
    READ_ONLY_FIELD,
    RELATIONS,
    Ends,
    Meaning,
)

read_meaning = scalars.one_of("relation", RELATIONS)
read_boot_priority = scalars.whole(1, (1 << 31) - 1)


def follow(outline: Outline) -> None:
    """Fill in every relation of the outline; one that is refused is marked broken and has no reference."""
    for declared in outline.declared:
        for relation in declared.relations:
            if not relation.broken:
                _find_target(outline, relation)
            _read_property(declared, relation)
            if relation.broken:
                relation.reference = None


def _find_target(outline: Outline, relation: Relation) -> None:
    object_ = relation.object
    assert object_ is not None
    if relation.inline is not None:
        relation.target = relation.inline
        relation.reference = Reference(object_.path, key=relation.inline.key)
        return
    members = object_.members()
    if "variable" in members:
        _follow_variable(outline, object_, relation)
    elif set(members) == {"id"}:
        _follow_id(outline, members["id"], relation)
    elif isinstance(object_.value, dict):
        object_.refuse("must have a type (a resource), a variable (a sibling) or an id alone (what exists)")
    relation.broken = relation.reference is None


def _follow_variable(outline: Outline, object_: Node, relation: Relation) -> None:
    node = object_.fields(("variable",))["variable"]
    key = node.read(scalars.string)
    if key is None:
        return
    if key not in outline.variables:
        known = outline.variables
        node.refuse(unknown("variable", key, known) if len(known) <= 20 else f"no resource is called {shown(key)}")
        return
    relation.target = outline.variables[key]
    if relation.target is not None:
        relation.reference = Reference(node.path, key=relation.target.key)


def _follow_id(outline: Outline, node: Node, relation: Relation) -> None:
    id_ = node.read(scalars.uuid)
    if id_ is None:
        return
    relation.target = outline.by_id.get(id_)
    if relation.target is not None:
        relation.reference = Reference(node.path, key=relation.target.key)
    else:
        relation.reference = Reference(node.path, id=id_)


def _read_property(holder: Declared, relation: Relation) -> None:
    given = relation.node.value.get("property") if isinstance(relation.node.value, dict) else None
    path = member(relation.node.path, "property")
    node = Node({} if given is None else given, path, relation.node.problems)
    members = node.fields(PROPERTY_FIELDS)
    _read_options(members, relation)
    if "r" not in members:
        if not relation.broken and _needs_meaning(holder, relation):
            node.refuse_member("r", f"is missing: {_usual(holder)}")
            relation.broken = True
    else:
        _read_meaning(holder, relation, members["r"])
    _check_options(members, relation)


def _read_options(members: dict[str, Node], relation: Relation) -> None:
    boots = [node for name, node in members.items() if name in BOOT_PRIORITY_FIELDS]
    if len(boots) > 1:
        boots[1].refuse("boot_priority and boot_prority are one thing: give only one of them")
    if boots:
        relation.boot = boots[0]
        relation.boot_priority = boots[0].read(read_boot_priority)
    if READ_ONLY_FIELD in members:
        relation.read_only = bool(members[READ_ONLY_FIELD].read(scalars.flag))


def _read_meaning(holder: Declared, relation: Relation, node: Node) -> None:
    word = node.read(read_meaning)
    if word is None:
        relation.broken = True
        return
    ends = RELATIONS[word]
    relation.meaning = ends.meaning
    if holder.kind is not ends.holder:
        node.refuse(f"only a {ends.holder} has this relation, not a {holder.kind}")
        relation.broken = True
    elif relation.target is not None and relation.target.kind not in ends.targets:
        assert relation.reference is not None
        relation.node.problems.add(relation.reference.path, _wrong_target(ends, relation.target))
        relation.broken = True


def _check_options(members: dict[str, Node], relation: Relation) -> None:
    """What is said about booting and writing is about volumes."""
    options = [node for name, node in members.items() if name != "r"]
    target = relation.target
    relation.is_volume = target.kind is Kind.VOLUME if target is not None else bool(options)
    if relation.broken or not options:
        return
    if relation.meaning is not Meaning.ATTACHMENT or not relation.is_volume:
        for node in options:
            node.refuse("is only for a volume that is attached to a VM")


def _needs_meaning(holder: Declared, relation: Relation) -> bool:
    """Between these kinds, "needs it first" alone would leave open what is wanted."""
    kind = relation.target.kind if relation.target else None
    return any(ends.holder is holder.kind and kind in ends.targets for ends in RELATIONS.values())


def _usual(holder: Declared) -> str:
    return " or ".join(word for word, ends in RELATIONS.items() if ends.holder is holder.kind)


def _wrong_target(ends: Ends, target: Declared) -> str:
    wanted = " or a ".join(ends.targets)
    return f"must be a {wanted}, not a {target.kind}"
