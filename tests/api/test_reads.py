"""Every read is one statement for each root field, and answers what a naive reader finds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import parse
from naive_reader import NaiveReader
from reading import Reader

from virtgraph.reads.cursors import decode

VM = """fragment vm on VM { id name state vcpus memory createdAt nics { hwAddr ipAddresses network { name
   vlanId type } } }"""

QUERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "every leaf of a VM": (
        """{ vms(first: 500) { nodes { id name project generation state task wanted createdAt updatedAt stackName arch
           vcpus memory kernel initrd cmdline hasVncPassword power vncPort acceleration pendingRestart } } }""",
        {},
    ),
    "three levels": (
        """{ vms(first: 20) { nodes { name nics { id network { name segment subnets { cidr nameservers } }
           } host { name } } } }""",
        {},
    ),
    "fragments": (f"query {{ vms(first: 7) {{ nodes {{ ...vm }} edges {{ node {{ ...vm task }} }} }} }} {VM}", {}),
    "merged fields": (
        "{ vms { nodes { nics { id } ... { nics { state network { id } } } nics { network { name } } } } }",
        {},
    ),
    "aliases": (
        """{ few: vms(first: 2) { nodes { it: name called: name nics { n: id } mine: nics { id state } } }
           rest: vms(first: 3, orderBy: {field: MEMORY, direction: DESC}) { nodes { id memory } } }""",
        {},
    ),
    "include and skip": (
        """query ($deep: Boolean!, $bare: Boolean = false) { vms(first: 5) { nodes { id
           nics @include(if: $deep) { id } host @skip(if: $deep) { name }
           ... @skip(if: $bare) { vcpus } } } }""",
        {"deep": True},
    ),
    "include and skip the other way": (
        """query ($deep: Boolean!, $bare: Boolean = false) { vms(first: 5) { nodes { id
           nics @include(if: $deep) { id } host @skip(if: $deep) { name }
           ... @skip(if: $bare) { vcpus } } } }""",
        {"deep": False, "bare": True},
    ),
    "typenames": (
        """{ __typename vms(first: 2) { __typename nodes { __typename nics { __typename } attachments { __typename } }
           edges { __typename } pageInfo { __typename } } }""",
        {},
    ),
    "relationships with properties": (
        """{ vms { nodes { attachments { bus readOnly bootPriority volume { name size pool { name host {
           name } } } } } } }""",
        {},
    ),
    "pages two levels down": (
        """{ hosts { nodes { name vms(first: 3) { totalCount pageInfo { hasNextPage hasPreviousPage
           startCursor endCursor }
           edges { cursor node { name operations(first: 1) { totalCount nodes { id state } pageInfo { hasNextPage } }
           nics { network { nics(last: 2) { totalCount nodes { id } pageInfo { hasPreviousPage hasNextPage }
           } } } } } } } } }""",
        {},
    ),
    "variables in nested arguments": (
        """query ($n: Int = 2, $m: Int) { networks(first: $n) { nodes { nics(first: $n) { nodes { id } }
           all: nics(last: $m) { totalCount } } } }""",
        {"m": 1},
    ),
    "only counts": ("{ vms { totalCount } nics { totalCount } hosts { nodes { vms { totalCount } } } }", {}),
    "count with filter": ("{ vms(first: 1, filter: {state: [RUNNING, STOPPED]}) { totalCount nodes { state } } }", {}),
    "an empty page": ("{ vms(first: 0) { edges { cursor } pageInfo { hasNextPage startCursor endCursor } } }", {}),
    "the last ones": ("{ vms(last: 4) { nodes { name id } pageInfo { hasNextPage hasPreviousPage } } }", {}),
    "filter by stack and host": (
        """query ($f: VMFilter) { vms(first: 500, filter: $f) { totalCount nodes { name stackName host {
           name } } } }""",
        {"f": {"stack": "stack1", "host": "host2", "namePrefix": "vm1", "state": None}},
    ),
    "filter by time": (
        'query ($t: DateTime) { vms(filter: {createdAfter: $t, nameContains: "2"}) { nodes { name createdAt } } }',
        {"t": "2026-09-21T14:13:40.000Z"},
    ),
    "filter NICs": (
        """query ($ip: String) { nics(filter: {ipAddress: $ip, network: "net1"}, first: 500) { nodes {
           ipAddresses vm { name } } } }""",
        {"ip": "10.0.0.0"},
    ),
    "filter networks": ('{ networks(filter: {type: VLAN, stack: "stack2"}) { nodes { name type vlanId mtu } } }', {}),
    "filter hosts": ('{ hosts(filter: {label: "zone=a"}) { nodes { name labels local cpuRatio memory disk } } }', {}),
    "order by what may be missing": (
        """{ networks(orderBy: {field: VLAN_ID, direction: DESC}) { nodes { id vlanId } } volumes(orderBy:
           {field: SIZE}) { nodes { id size } } }""",
        {},
    ),
    "an interface": (
        """{ stacks { nodes { name resources(first: 30) { totalCount nodes { __typename id name state
           ... on VM { vcpus nics { id } x: arch } ... on NIC { hwAddr x: wanted network { name } } ... on Node { id }
           ... on Network { subnets { cidr } } } } } } }""",
        {},
    ),
    "operations": (
        """{ operations(first: 500) { nodes { id action kind state generation attempt error cancelRequested actor
           after { id } waitingFor { resource kind name host fact operation error } run { id operations(first: 2) {
           nodes { id } } } resource { id name ... on VM { power } } host { name } binding { id state bridge dhcp
           resource { id } } } } }""",
        {},
    ),
    "filter operations": (
        """{ operations(filter: {state: [FAILED], action: [REALIZE]}, orderBy: {field: CREATED_AT}) {
           totalCount nodes { id error } } }""",
        {},
    ),
    "latest operation": (
        "{ vms { nodes { operation { id state } } } volumes { nodes { url allocation operation { id } } } }",
        {},
    ),
    "bindings": (
        """{ networks { nodes { bindings { id host { name } bridge dhcp realizedGeneration seenAt } } }
           hosts { nodes { bindings(first: 4) { totalCount nodes { id resource { __typename id } } } pools { path
           capacity available volumes(first: 2) { nodes { id } } bindings { id } } runs(first: 3) { nodes {
              id fence } } } } }""",
        {},
    ),
    "revisions": (
        """{ stack(name: "stack1") { revision revisions { nodes { number document stack { name }
           operations(first: 2) { totalCount nodes { id } } } } } }""",
        {},
    ),
    "one by name": (
        '{ host(name: "host1") { id vms(first: 2) { nodes { name } } } stack(name: "nothing") { id } }',
        {},
    ),
    "one by name in a stack": ('{ network(name: "net2", stack: "stack0") { id name segment } }', {}),
    "nothing": (
        '{ vm(id: "none") { id } run(id: "none") { id } operation(id: "none") { id } node(id: "none") { id } }',
        {},
    ),
    "seven deep": (
        """{ networks(first: 2) { nodes { nics(first: 2) { nodes { vm { host { vms(first: 2) { nodes { volumes { pool {
           host { pools { id } } } } } } } } } } } } }""",
        {},
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_answers_what_a_naive_reader_finds(reader: Reader, oracle: NaiveReader, name: str) -> None:
    query, variables = QUERIES[name]
    for _ in range(2):  # compiled, and remembered
        reader.driver.statements.clear()
        answer, expected = await reader.ask(query, variables), oracle.answer(query, variables)
        assert not answer.errors
        assert not expected.errors
        assert orjson.dumps(ids_for_cursors(answer.data)) == orjson.dumps(expected.data)  # and in the query's order
        assert len(reader.driver.statements) == root_fields(query)


@pytest.mark.parametrize("kind", ["VM", "NIC", "Volume", "Network", "Host", "Pool", "Stack", "Operation", "Run"])
async def test_node_finds_every_kind(reader: Reader, oracle: NaiveReader, kind: str) -> None:
    if kind == "Run":
        ids = ids_in((await reader.ask("{ hosts { nodes { runs(first: 2) { nodes { id } } } } }")).data)
    else:
        field = {"VM": "vms", "NIC": "nics"}.get(kind, f"{kind.lower()}s")
        ids = ids_in((await reader.ask(f"{{ {field}(first: 2) {{ nodes {{ id }} }} }}")).data)
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Resource { name state } ... on VM { vcpus } } }"
    for id in ids:
        reader.driver.statements.clear()
        answer = await reader.ask(query, {"id": id})
        assert answer.data == oracle.answer(query, {"id": id}).data
        assert answer.data is not None
        assert answer.data["node"]["__typename"] == kind
        assert len(reader.driver.statements) == 1


async def test_the_deleted_are_nowhere(reader: Reader) -> None:
    async with reader.driver.driver.session() as session:
        gone = {
            row["id"] async for row in await session.run("MATCH (n) WHERE n.deletedAt IS NOT NULL RETURN n.id AS id")
        }
    assert len(gone) > 10
    query = """{ vms(first: 500) { nodes { id nics { id } volumes { id } attachments { volume { id } } } }
        stacks { nodes { resources(first: 500) { nodes { id } } } } networks { nodes { nics(first: 500) {
           nodes { id } } } }
        operations(first: 500) { nodes { resource { id } binding { resource { id } } } } nics(first: 500) {
           nodes { vm { id } network { id } } } }"""
    seen = (await reader.ask(query)).data
    assert not gone & set(ids_in(seen))
    assert (await reader.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": min(gone)})).data == {"node": None}


def root_fields(query: str) -> int:
    (operation,) = [d for d in parse(query).definitions if d.kind == "operation_definition"]
    return len([s for s in operation.selection_set.selections if s.name.value != "__typename"])


def ids_for_cursors(tree: Any, key: str = "") -> Any:
    if isinstance(tree, dict):
        return {name: ids_for_cursors(value, name) for name, value in tree.items()}
    if isinstance(tree, list):
        return [ids_for_cursors(value) for value in tree]
    if "ursor" in key and tree is not None:
        return values_of(tree)[-1]
    return tree


def values_of(cursor: str) -> list[Any]:
    for order in ("", "memory", "-memory"):
        try:
            return decode(order, cursor)
        except Exception:
            continue
    raise AssertionError(cursor)


def ids_in(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        here = [tree["id"]] if tree.get("id") else []
        return [*here, *(id for value in tree.values() for id in ids_in(value))]
    return [id for value in tree for id in ids_in(value)] if isinstance(tree, list) else []
