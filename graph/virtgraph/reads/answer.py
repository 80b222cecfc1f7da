"""A root field answered: compile what is asked for (or remember it), run it, make the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, NamedTypeNode, NonNullTypeNode
from neo4j import AsyncDriver

from virtgraph.reads import arguments
from virtgraph.reads.arguments import Arguments, Shape
from virtgraph.reads.compiler import Statement, compiled
from virtgraph.reads.execute import fetch
from virtgraph.reads.nulls import settled
from virtgraph.reads.recent import Recent
from virtgraph.reads.selection import Selection, selection, variables

# A long text is compiled each time: what is remembered must not grow with what strangers send.
_CACHED_TEXTS, _CACHED_LENGTH, _CACHED_SHAPES = 1000, 4096, 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished tree in the shape of the query, and the errors in it."""

    tree: Any
    errors: tuple[GraphQLError, ...] = ()


@dataclass(slots=True)
class Question:
    """What a field asks for, and the statements for the shapes that its arguments had."""

    selection: Selection
    statements: Recent[tuple[Shape, ...], Statement] = field(default_factory=lambda: Recent(_CACHED_SHAPES))

    def statement(self, shapes: tuple[Shape, ...]) -> Statement:
        return self.statements.get(shapes, lambda: compiled(self.selection, shapes))


_questions: Recent[Any, Question] = Recent(_CACHED_TEXTS)


async def answer(driver: AsyncDriver, info: GraphQLResolveInfo[Any], given: Mapping[str, Any] | None = None) -> Answer:
    """Answer the field that is being resolved, and all below it, by one statement.

    `given` stands in place of the field's own arguments, for results that already know what they show
    (`{"id": …}`, `{"ids": […]}`). Raises GraphQLError.
    """
    question = _question(info)
    known = _arguments(question.selection, info, given)
    shapes = tuple(one.shape for one in known)
    statement = question.statement(shapes)
    parameters = {name: value for one in known for name, value in one.parameters.items()}
    returned = await fetch(driver, statement.cypher, parameters)
    return _assembled(question.selection, statement, shapes, [one.size for one in known], returned)


def _question(info: GraphQLResolveInfo[Any]) -> Question:
    text = info.operation.loc.source.body if info.operation.loc else None
    if text is None or len(text) > _CACHED_LENGTH:
        return Question(selection(info))
    name = info.operation.name.value if info.operation.name else None
    key = (info.schema, text, name, tuple(info.path.as_list()), _booleans(info))
    return _questions.get(key, lambda: Question(selection(info)))


def _booleans(info: GraphQLResolveInfo[Any]) -> tuple[Any, ...]:
    """The variables that @skip and @include may use."""
    known, values = variables(info), []
    for definition in info.operation.variable_definitions or ():
        type_ = definition.type.type if isinstance(definition.type, NonNullTypeNode) else definition.type
        if isinstance(type_, NamedTypeNode) and type_.name.value == "Boolean":
            values.append(known.get(definition.variable.name.value))
    return tuple(values)


def _arguments(selection: Selection, info: GraphQLResolveInfo[Any], given: Mapping[str, Any] | None) -> list[Arguments]:
    found = []
    for number, place in enumerate(selection.places):
        values = given if number == 0 and given is not None else place.arguments(variables(info))
        found.append((arguments.page if place.is_list else arguments.filters)(number, values))
    return found


def _assembled(
    selection: Selection, statement: Statement, shapes: Sequence[Shape], sizes: Sequence[int], returned: Any
) -> Answer:
    missing: list[None] = []
    tree = statement.assemble(returned, sizes, lambda: missing.append(None))
    if not missing:
        return Answer(tree)
    typed = compiled(selection, shapes, typed=True)
    tree, errors = settled(selection.root, typed.assemble(returned, sizes, lambda: None))
    return Answer(tree, tuple(errors))
