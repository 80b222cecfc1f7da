"""Finished answers are handed on as they are, beside walked ones and beside errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.types.execution import ExecutionResult

from virtgraph_api.execution import Schema
from virtgraph_api.passthrough import Done

walked: list[str] = []


@strawberry.type
class NIC:
    mac: str


@strawberry.type
class VM:
    name: str

    @strawberry.field
    def nics(self) -> list[NIC]:
        walked.append(self.name)
        return [NIC(mac="52:54:00:00:00:01")]


def done(tree: Any, *errors: GraphQLError) -> Any:
    return Done(tree, errors)


TREE = {"name": "web", "nics": [{"mac": "52:54:00:00:00:02"}]}


@strawberry.type
class Query:
    @strawberry.field
    def walked(self) -> VM:
        return VM(name="web")

    @strawberry.field
    def one(self) -> VM:
        return done(TREE)

    @strawberry.field
    async def many(self) -> list[VM]:
        return done([TREE] * 3)

    @strawberry.field
    def mixed(self) -> list[VM]:
        return [VM(name="a"), done(TREE)]

    @strawberry.field
    def maybe(self) -> VM | None:
        return done(None)

    @strawberry.field
    def must(self) -> VM:
        return done(None)

    @strawberry.field
    def partial(self) -> list[VM | None]:
        return done([TREE, None], GraphQLError("no longer there", path=[1], extensions={"code": "GONE"}))

    @strawberry.field
    def wrong(self) -> VM | None:
        raise GraphQLError("on purpose")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def each(self) -> AsyncIterator[VM]:
        for name in ("a", "b"):
            yield done({"name": name})


schema = Schema(Query, subscription=Subscription)


async def ask(selection: str) -> ExecutionResult:
    walked.clear()
    return await schema.execute(f"{{ {selection} {{ name nics {{ mac }} }} }}")


async def test_a_plain_value_is_walked() -> None:
    result = await ask("walked")
    assert result.data == {"walked": {"name": "web", "nics": [{"mac": "52:54:00:00:00:01"}]}}
    assert walked == ["web"]


@pytest.mark.parametrize(("field", "tree"), [("one", TREE), ("many", [TREE] * 3)])
async def test_a_finished_one_is_not(field: str, tree: Any) -> None:
    result = await ask(field)
    assert (result.data, result.errors, walked) == ({field: tree}, None, [])


async def test_a_finished_item_of_a_walked_list() -> None:
    result = await ask("mixed")
    assert result.data and result.data["mixed"][1] is TREE
    assert walked == ["a"]


async def test_the_executor_does_not_look_inside() -> None:
    result = await schema.execute("{ renamed: one { other: name } }")
    assert result.data and result.data["renamed"] is TREE


async def test_a_finished_null() -> None:
    assert (await ask("maybe")).data == {"maybe": None}
    result = await ask("must")
    assert result.data is None and result.errors
    assert (result.errors[0].path, result.errors[0].message) == (["must"], "Internal error")


async def test_an_error_beside_it_stays_beside_it() -> None:
    result = await schema.execute("{ wrong { name } one { name } }")
    assert result.data == {"wrong": None, "one": TREE}
    assert [error.formatted["path"] for error in result.errors or ()] == [["wrong"]]


async def test_errors_inside_are_told_with_their_whole_path() -> None:
    result = await schema.execute("{ these: partial { name } }")
    assert result.data == {"these": [TREE, None]}
    assert [error.formatted for error in result.errors or ()] == [
        {
            "message": "no longer there",
            "locations": [{"line": 1, "column": 3}],
            "path": ["these", 1],
            "extensions": {"code": "GONE"},
        }
    ]


async def test_in_a_subscription() -> None:
    results = await schema.stream("subscription { each { name nics { mac } } }")
    assert [result.data async for result in results] == [{"each": {"name": "a"}}, {"each": {"name": "b"}}]
