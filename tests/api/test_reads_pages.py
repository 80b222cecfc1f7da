"""Pages stay right: whatever the order, in both directions, and while nodes come and go between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from naive_reader import NaiveReader
from reading import Context, Reader

from virtgraph.store.graph import Graph
from virtgraph_api.schema import schema

ORDERS = {
    "vms": ("NAME", "CREATED_AT", "STATE", "VCPUS", "MEMORY"),
    "networks": ("NAME", "VLAN_ID"),
    "volumes": ("SIZE",),
    "operations": ("STARTED_AT", "STATE"),
}
CASES = [(field, name, way) for field, names in ORDERS.items() for name in names for way in ("ASC", "DESC")]


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize(("field", "name", "direction"), CASES)
async def test_pages_put_together_are_the_whole_list(
    reader: Reader, oracle: NaiveReader, field: str, name: str, direction: str, forward: bool
) -> None:
    order = f"orderBy: {{field: {name}, direction: {direction}}}"
    size, cursor = ("first", "after") if forward else ("last", "before")
    query = f"""query ($cursor: String) {{ {field}({order}, {size}: 7, {cursor}: $cursor) {{
        pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} nodes {{ id }} }} }}"""
    whole = oracle.answer(f"{{ {field}({order}, first: 500) {{ nodes {{ id }} }} }}").data
    assert whole is not None
    assert await walked(reader, query, field, forward) == [node["id"] for node in whole[field]["nodes"]]


async def walked(reader: Reader, query: str, field: str, forward: bool) -> list[str]:
    """The ids of all pages, in the list's order."""
    ids: list[str] = []
    onward, back = ("hasNextPage", "hasPreviousPage") if forward else ("hasPreviousPage", "hasNextPage")
    variables: dict[str, Any] = {}
    while True:
        answer = await reader.ask(query, variables)
        assert answer.data, answer.errors
        info, nodes = answer.data[field]["pageInfo"], [node["id"] for node in answer.data[field]["nodes"]]
        assert info[back] is bool(ids)
        ids = [*ids, *nodes] if forward else [*nodes, *ids]
        if not info[onward]:
            return ids
        variables = {"cursor": info["endCursor" if forward else "startCursor"]}


async def test_a_nested_list_goes_on_after_its_own_cursor(reader: Reader, oracle: NaiveReader) -> None:
    query = """query ($after: String) { host(name: "host1") { vms(first: 4, after: $after) {
        nodes { id } pageInfo { endCursor hasPreviousPage } totalCount } } }"""
    first, same = await reader.ask(query), oracle.answer(query)
    assert first.data
    assert same.data
    ours, theirs = (data["host"]["vms"]["pageInfo"]["endCursor"] for data in (first.data, same.data))
    second, expected = await reader.ask(query, {"after": ours}), oracle.answer(query, {"after": theirs})
    assert second.data
    assert expected.data
    assert second.data["host"]["vms"]["nodes"] == expected.data["host"]["vms"]["nodes"]
    assert second.data["host"]["vms"]["pageInfo"]["hasPreviousPage"] is True
    assert second.data["host"]["vms"]["totalCount"] == expected.data["host"]["vms"]["totalCount"]


NEXT = "query ($after: String) { vms(first: 2, after: $after) { nodes { name } pageInfo { endCursor } } }"


async def test_what_is_inserted_before_a_page_moves_nothing(graph: Graph) -> None:
    await insert(graph, "b", "d", "f", "h")
    first = await page(graph, {})
    await insert(graph, "a", "c", "e")
    await graph.write(lambda tx: tx.run("MATCH (v:VM {name: 'd'}) SET v.deletedAt = 1"))
    second = await page(graph, {"after": first["pageInfo"]["endCursor"]})
    assert [[vm["name"] for vm in found["nodes"]] for found in (first, second)] == [["b", "d"], ["e", "f"]]


async def page(graph: Graph, variables: Mapping[str, Any]) -> Any:
    answer = await schema.execute(NEXT, dict(variables), context_value=Context(graph))
    assert answer.data, answer.errors
    return answer.data["vms"]


async def insert(graph: Graph, *names: str) -> None:
    statement = "UNWIND $names AS name CREATE (:Resource:VM {id: name, name: name, state: 'VIRTUAL'})"
    await graph.write(lambda tx: tx.run(statement, names=list(names)))
