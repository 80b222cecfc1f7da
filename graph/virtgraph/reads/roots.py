"""Where a statement begins: at all nodes of a kind, or at those that a field's arguments name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, get_named_type, get_nullable_type, is_list_type

from virtgraph.model.kinds import Field, Kind
from virtgraph.reads.arguments import Shape, parameter
from virtgraph.reads.filters import FILTERS
from virtgraph.reads.matches import Match
from virtgraph.reads.ordering import Key
from virtgraph.reads.selection import Asked
from virtgraph.reads.visibility import kinds_of, visible


@dataclass(frozen=True, slots=True)
class Root:
    """The field that a statement answers; `x` is the variable of its nodes."""

    asked: Asked
    x: str
    target: str
    is_connection: bool
    is_list: bool

    @classmethod
    def of(cls, asked: Asked, x: str) -> Root:
        type_ = get_named_type(asked.type)
        is_list = is_list_type(get_nullable_type(asked.type))
        if isinstance(type_, GraphQLObjectType) and "pageInfo" in type_.fields:
            return cls(asked, x, get_named_type(type_.fields["nodes"].type).name, True, is_list)
        return cls(asked, x, type_.name, False, is_list)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return kinds_of(self.target)

    @property
    def order(self) -> list[Key]:
        if len(self.kinds) > 1:
            return [Key(f"{self.x}.id")]
        return [Key.of(key.format(x=self.x)) for key in self.kinds[0].order]

    def match(self) -> Match:
        """All nodes of the kind."""
        return Match(f"({self.x}:{self.kinds[0].name})", (self.x,), visible(self.kinds, self.x))

    def lookups(self, shape: Shape) -> Iterator[tuple[list[str], Match]]:
        """What finds the nodes that arguments name, and of which kinds: one for each label that keeps ids unique."""
        groups: dict[str, list[Kind]] = {}
        for kind in self.kinds:
            groups.setdefault(kind.identity, []).append(kind)
        by_id = not {"id", "ids"}.isdisjoint(shape.filters)
        for identity, kinds in groups.items():
            match = self._by_id(identity, kinds) if by_id or len(kinds) > 1 else self.match()
            yield [kind.name for kind in kinds], filtered(match, self.target, self.x, 0, shape.filters)

    def _by_id(self, identity: str, kinds: Sequence[Kind]) -> Match:
        """Where the index of ids is found: with two labels in the pattern the embedded engine does not see it."""
        match = Match(f"({self.x}:{identity})", (self.x,), visible(kinds, self.x))
        return match.where(f"{self.x}:{kinds[0].name}") if len(kinds) == 1 and kinds[0].name != identity else match


def filtered(match: Match, target: str, x: str, place: int, names: Sequence[str]) -> Match:
    """The match, narrowed by the filters of these names; their values are the parameters of a place."""
    known = {known.name: known for known in FILTERS.get(target, ())}
    for name in names:
        chosen, f = known[name], f"{x}_{name}"
        if chosen.arrow:
            match = match.along(chosen.arrow.format(x=x, f=f))
        match = match.where(chosen.condition.format(x=x, f=f, value=f"${parameter(place, name)}"))
    return match


def sorted_by(kind: Kind, x: str, shape: Shape) -> list[Key] | None:
    """The order that a caller asked for, with the id to make it whole."""
    if shape.sort is None:
        return None
    member = kind.by_name[shape.sort]
    assert isinstance(member, Field)
    expression = member.expression.format(x=x) if member.expression else f"{x}.{member.name}"
    return [Key(expression, shape.descending), Key(f"{x}.id", shape.descending)]


def only_one(found: list[Any]) -> Any:
    """The node that arguments name, None where there is none. Raises GraphQLError where they name several."""
    if len(found) > 1:
        raise GraphQLError("Several have this name: give the id, or where it is")
    return found[0] if found else None
