"""What reads refuse, and what they say when the graph itself is wrong: an error with its path, never a silent null."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError
from reading import Context, Reader

from virtgraph.reads.cursors import encode
from virtgraph.reads.execute import fetch
from virtgraph.store.graph import Graph
from virtgraph_api.schema import schema


def after(cursor: str) -> str:
    return f'{{ vms(after: "{cursor}") {{ nodes {{ id }} }} }}'


REFUSED = {
    "{ vms(first: 501) { totalCount } }": "`first` must be from 0 to 500",
    "{ vms(last: -1) { totalCount } }": "`last` must be from 0 to 500",
    "{ hosts { nodes { vms(first: 1000) { totalCount } } } }": "`first` must be from 0 to 500",
    "{ vms(first: 1, last: 1) { totalCount } }": "Give `first` and `after`, or `last` and `before`",
    '{ vms(first: 1, before: "x") { totalCount } }': "Give `first` and `after`, or `last` and `before`",
    '{ vms(after: "x") { totalCount } }': "'x' is not a cursor",
    after(encode("", [None])): "is not a cursor",
    after(encode("-memory", [1, "a"])): "belongs to another orderBy",
    after(encode("", ["a", "b", "c"])): "belongs to another list",
    "{ vm { id } }": "Give an id or a name",
    '{ vm(stack: "stack0") { id } }': "Give an id or a name",
    '{ network(name: "net1") { id } }': "Several have this name",
}


@pytest.mark.parametrize("query", REFUSED)
async def test_arguments_without_sense(reader: Reader, query: str) -> None:
    answer = await reader.ask(query)
    assert answer.errors
    assert REFUSED[query] in answer.errors[0].message
    assert answer.errors[0].path


@pytest.mark.parametrize("value", ["yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", 5])
async def test_times_that_are_none(reader: Reader, value: Any) -> None:
    query = "query ($t: DateTime) { vms(filter: {createdAfter: $t}) { totalCount } }"
    assert (await reader.ask(query, {"t": value})).errors
    assert reader.driver.statements == []


async def test_values_are_never_part_of_a_statement(reader: Reader) -> None:
    evil = "x' OR true RETURN 1 //\"`{$p0}"
    query = "query ($v: String) { vms(filter: {name: $v, stack: $v, namePrefix: $v}, after: null) { totalCount } }"
    assert (await reader.ask(query, {"v": evil})).data == {"vms": {"totalCount": 0}}
    assert evil not in reader.driver.statements[0]


BROKEN = """
    CREATE (s:Stack {id: 's', name: 's', project: 'p', revision: 0, createdAt: 0})
    CREATE (v:Resource:VM {id: 'v', name: 'web', createdAt: 0, state: 'RUNNING', vcpus: 1})
    CREATE (w:Resource:VM {id: 'w', name: 'xeb', createdAt: 0, vcpus: 1})
    CREATE (s)-[:OWNS]->(v)
    CREATE (s)-[:OWNS]->(w)
    CREATE (v)-[:HAS_NIC {order: 0}]->(:Resource:NIC {id: 'n', createdAt: 0, state: 'ATTACHED'})
    CREATE (o:Operation {id: 'o', ordinal: 1, action: 'realize'})-[:ON]->(b:Binding {key: 'b'})
    CREATE (b)-[:OF]->(v)
"""


async def test_a_forbidden_null_is_an_error_and_null_where_null_may_be(graph: Graph) -> None:
    await graph.write(lambda tx: tx.run(BROKEN))
    query = """{ vm(id: "v") { it: name nics { id hwAddr } } other: vm(id: "v") { name operation { id state } }
        stack(name: "s") { name resources { nodes { __typename id ... on VM { vcpus at: state } } } } }"""
    answer = await schema.execute(query, context_value=Context(graph))
    assert answer.data == {"vm": None, "other": {"name": "web", "operation": None}, "stack": None}
    assert sorted(map(str, (error.path for error in answer.errors or ()))) == [
        "['other', 'operation', 'state']",
        "['stack', 'resources', 'nodes', 1, 'at']",
        "['vm', 'nics', 0, 'hwAddr']",
    ]
    assert {error.message for error in answer.errors or ()} == {
        "Cannot return null for non-nullable field NIC.hwAddr.",
        "Cannot return null for non-nullable field Operation.state.",
        "Cannot return null for non-nullable field VM.state.",
    }


async def test_a_forbidden_null_in_a_list_that_cannot_be_null(graph: Graph) -> None:
    await graph.write(lambda tx: tx.run(BROKEN))
    answer = await schema.execute("{ vms { nodes { id state } } }", context_value=Context(graph))
    assert answer.data is None
    assert [error.path for error in answer.errors or ()] == [["vms", "nodes", 1, "state"]]


async def test_a_word_that_no_enum_has_is_not_passed_on(graph: Graph) -> None:
    await graph.write(lambda tx: tx.run("CREATE (:Resource:VM {id: 'v', name: 'v', state: 'MELTED'})"))
    answer = await schema.execute('{ vm(id: "v") { name state } }', context_value=Context(graph))
    assert answer.data == {"vm": None}
    assert [error.message for error in answer.errors or ()] == ["Internal error"]


async def test_a_read_has_a_time_limit(graph: Graph) -> None:
    slow = "UNWIND range(1, 20000) AS a UNWIND range(1, 3000) AS b WITH a, b WHERE (a * b) % 7 = 8 RETURN count(*)"
    with pytest.raises(GraphQLError, match=r"The answer took longer than 0\.2 s") as refused:
        await fetch(graph.driver, slow, {}, seconds=0.2)
    assert refused.value.extensions == {"code": "TOO_SLOW"}
    assert await fetch(graph.driver, "RETURN 1", {}) == 1
