"""What is asked for → one Cypher statement, and the function that makes the answer of what it returns.

The statement returns one positional value: lists in the order of the fields, no key is ever repeated. The function is
generated too, from the same walk, so that each list is taken apart by the positions that it was put together by.
Only names that validation or `model.kinds` know, and quoted ones, reach either text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import is_non_null_type

from virtgraph.model.kinds import KINDS, Field, Kind, Relation
from virtgraph.reads.arguments import Shape
from virtgraph.reads.connections import KNOWN, Connection
from virtgraph.reads.leaves import conversion
from virtgraph.reads.matches import Match
from virtgraph.reads.ordering import Key
from virtgraph.reads.pieces import Names, Piece, Row, dictionary, let
from virtgraph.reads.roots import Root, filtered, only_one, sorted_by
from virtgraph.reads.selection import Asked, Selection
from virtgraph.reads.visibility import kinds_of, visible

TYPE = ""  # the key of a node's type in an answer that `nulls` is to look through: no field has this name


@dataclass(frozen=True, slots=True)
class Statement:
    """`assemble(what it returned, the pages' sizes, what to call at a forbidden null)` makes the answer."""

    cypher: str
    assemble: Callable[[Any, Sequence[int], Callable[[], None]], Any]


def compiled(selection: Selection, shapes: Sequence[Shape], *, typed: bool = False) -> Statement:
    """Compile for arguments of these shapes, by place.

    `typed` has the answer say under TYPE of which type a node is that stands where several may.
    """
    compiler = _Compiler(shapes, typed=typed)
    piece = compiler.root(selection.root)
    code = f"lambda answer, sizes, miss: {piece.python}"
    return Statement(f"RETURN {piece.cypher} AS answer", eval(code, compiler.names.known))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the fields of an object are read from: a node, or a relationship and the node at its `end`."""

    x: str
    end: str | None = None


class _Compiler:
    def __init__(self, shapes: Sequence[Shape], *, typed: bool) -> None:
        self.shapes = shapes
        self.typed = typed
        self.names = Names(**KNOWN, only_one=only_one)

    def root(self, asked: Asked) -> Piece:
        root = Root.of(asked, self.names.fresh("n"))
        shape = self.shapes[0]
        if root.is_connection:
            return self.connection(asked, root.match(), root.kinds, root.x, root.order, "answer")
        v = self.names.fresh("v")
        cases = self._cases(asked, _Place(root.x), v)
        found = " + ".join(
            match.rows(_choice(root.x, cases, kinds), root.order, None if root.is_list else "2")
            for kinds, match in root.lookups(shape)
        )
        python = _python(cases, v)
        if root.is_list:
            return Piece(found, f"[{python} for {v} in answer]")
        null = "miss()" if is_non_null_type(asked.type) else "None"
        return Piece(found, f"({null} if ({v} := only_one(answer)) is None else {python})")

    def objects(self, asked: Asked, place: _Place, v: str) -> Piece:
        """What is asked of a node, whichever kind it is of, as one list; Python finds that list in the variable v."""
        cases = self._cases(asked, place, v)
        return Piece(_choice(place.x, cases, tuple(cases)), _python(cases, v))

    def connection(
        self, asked: Asked, match: Match, kinds: Sequence[Kind], y: str, order: Sequence[Key], access: str
    ) -> Piece:
        assert asked.place is not None
        shape = self.shapes[asked.place]
        if len(kinds) == 1:
            match = filtered(match, kinds[0].name, y, asked.place, shape.filters)
            order = sorted_by(kinds[0], y, shape) or order
        connection = Connection(asked, match, order, shape, self.names)
        return connection.piece(access, lambda node, v: self.objects(node, _Place(y), v))

    def _cases(self, asked: Asked, place: _Place, v: str) -> dict[str, Piece]:
        several = len(asked.inside) > 1
        return {name: self._fields(KINDS[name], fields, place, v, several) for name, fields in asked.inside.items()}

    def _fields(self, kind: Kind, fields: Sequence[Asked], place: _Place, v: str, several: bool) -> Piece:
        row = Row(f"'{kind.name}'") if several else Row()
        items = [(TYPE, repr(kind.name))] if several and self.typed else []
        for asked in fields:
            items.append((asked.key, self._field(kind, asked, place, row, v)))
        return Piece(row.cypher, dictionary(items))

    def _field(self, kind: Kind, asked: Asked, place: _Place, row: Row, v: str) -> str:
        if asked.name == "__typename":
            return repr(kind.name)
        member = kind.by_name[asked.name]
        if isinstance(member, Field):
            stored = member.expression.format(x=place.x) if member.expression else f"{place.x}.{member.name}"
            return self._leaf(asked, f"{v}[{row.add(stored)}]")
        # its variables are fresh, so that its place is the next one
        access = f"{v}[{len(row.items)}]"
        piece = self._relation(member, asked, place, access)
        row.add(piece.cypher)
        return piece.python

    def _leaf(self, asked: Asked, access: str) -> str:
        convert = conversion(asked.type)
        value = f"{self.names.of(convert)}({access})" if convert else access
        if is_non_null_type(asked.type):
            return f"({value} if {access} is not None else miss())"
        return f"({value} if {access} is not None else None)" if convert else access

    def _relation(self, relation: Relation, asked: Asked, place: _Place, access: str) -> Piece:
        v = self.names.fresh("v")
        if not relation.arrow:
            assert place.end is not None
            piece = self.objects(asked, _Place(place.end), v)
            return Piece(piece.cypher, let((v, access), then=piece.python))
        y, r = self.names.fresh("n"), self.names.fresh("r")
        kinds = kinds_of(relation.target)
        match = _match(relation, place.x, y, r).where(*visible(kinds, y))
        order = [Key.of(key.format(y=y, r=r)) for key in relation.order]
        if relation.connection:
            return self.connection(asked, match, kinds, y, order, access)
        piece = self.objects(asked, _Place(r, y) if relation.edge else _Place(y), v)
        if relation.many:
            return Piece(match.rows(piece.cypher, order), f"[{piece.python} for {v} in {access}]")
        null = "miss()" if is_non_null_type(asked.type) else "None"
        return Piece(
            f"head({match.rows(piece.cypher, order, '1')})",
            f"({null} if ({v} := {access}) is None else {piece.python})",
        )


def _match(relation: Relation, x: str, y: str, r: str) -> Match:
    variables = (y, r) if "{r}" in relation.arrow else (y,)
    conditions = (relation.where.format(x=x, y=y),) if relation.where else ()
    return Match(relation.arrow.format(x=x, y=y, r=r), variables, conditions)


def _choice(x: str, cases: dict[str, Piece], names: Sequence[str]) -> str:
    """The Cypher list of a node that is of one of these kinds."""
    if len(cases) == 1:
        return cases[names[0]].cypher
    whens = " ".join(f"WHEN {x}:{name} THEN {cases[name].cypher}" for name in names)
    return f"CASE {whens} END"


def _python(cases: dict[str, Piece], v: str) -> str:
    if len(cases) == 1:
        (piece,) = cases.values()
        return piece.python
    choice = " else ".join(f"{piece.python} if {v}[0] == {name!r}" for name, piece in cases.items())
    return f"({choice} else None)"
