"""Resources with what is wanted of them: (stack)-[:OWNS]->(resource)<-[:OF]-(binding)<-[:ON]-(operation)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from virtgraph.model.current import Bound, Existing, OpenOperation
from virtgraph.model.states import Action, OperationState, State
from virtgraph.store.graph import Row, Transaction

COLUMNS = """
    r.id AS id, r.kind AS kind, r.stack AS stack, r.key AS key, r.name AS name, r.generation AS generation,
    r.state AS state, r.task AS task, r.wanted AS wanted, r.spec AS spec, r.home AS home, r.owner AS owner,
    r.fromDocument AS fromDocument, r.deletedAt AS deletedAt,
    [(r)<-[a:HAS_NIC|ATTACHES]-(vm:VM) | [vm.id, a.readOnly]] AS users
"""
# (resource)<-[:OF]-(binding)<-[:ON]-(operation that is not finished)
BINDINGS = """
    [(r)<-[:OF]-(b:Binding) | [b.host, b.state, b.realizedGeneration, b.touched,
        [(b)<-[:ON]-(o:Operation) WHERE o.state IN ['PENDING', 'RUNNING'] |
            [o.id, o.action, o.state, o.generation, o.attempt]]]] AS bindings
"""


@dataclass(slots=True)
class Held:
    """What is locked, by id: resources that exist, those that are deleted and may come to life again, and the kinds of
    what else has one of the ids asked for (a host, a pool)."""

    existing: dict[str, Existing] = field(default_factory=dict)
    tombstones: dict[str, Existing] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


async def of_stack(tx: Transaction, stack: str) -> list[Existing]:
    """Every resource of a locked stack that is not deleted: what is wanted of it stays so, its state may change."""
    rows = await tx.rows(
        f"""
        MATCH (s:Stack {{id: $stack}})-[:OWNS]->(r:Resource)
        WHERE r.deletedAt IS NULL
        RETURN {COLUMNS}
        """,
        stack=stack,
    )
    return [existing(row) for row in rows]


async def hold(tx: Transaction, ids: Iterable[str], token: str, held: Held) -> None:
    """Lock resources, and with them their Bindings and operations, in the order of their ids; then read them."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    rows = await tx.rows(
        f"""
        UNWIND $ids AS id
        MATCH (r:Resource {{id: id}})
        SET r._lock = $token
        WITH r
        RETURN {COLUMNS}, {BINDINGS}
        """,
        ids=wanted,
        token=token,
    )
    for row in rows:
        if row["spec"] is None:
            held.others[row["id"]] = row["kind"]
        elif row["deletedAt"] is not None:
            held.tombstones[row["id"]] = existing(row)
        else:
            held.existing[row["id"]] = existing(row)


async def lock(tx: Transaction, ids: Iterable[str], token: str) -> None:
    """Lock resources, and with them their Bindings and operations, in the order of their ids."""
    await tx.each(
        "UNWIND $rows AS row MATCH (r:Resource {id: row.id}) SET r._lock = $token",
        [{"id": id} for id in sorted(set(ids))],
        token=token,
    )


async def bindings(tx: Transaction, ids: Iterable[str], token: str) -> dict[str, tuple[Bound, ...]]:
    """Lock resources of any kind; the Bindings of each, with their unfinished operations."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await tx.rows(
        f"UNWIND $ids AS id MATCH (r:Resource {{id: id}}) SET r._lock = $token WITH r RETURN r.id AS id, {BINDINGS}",
        ids=wanted,
        token=token,
    )
    return {row["id"]: tuple(bound(b) for b in row["bindings"]) for row in rows}


def existing(row: Row) -> Existing:
    return Existing(
        id=row["id"],
        kind=row["kind"],
        stack=row["stack"],
        key=row["key"],
        name=row["name"],
        generation=row["generation"],
        state=State(row["state"]),
        task=row["task"],
        wanted=row["wanted"],
        spec=orjson.loads(row["spec"]),
        home=row["home"],
        owner=row["owner"],
        from_document=bool(row["fromDocument"]),
        used_by=tuple(vm for vm, _ in row["users"]),
        writers=tuple(vm for vm, read_only in row["users"] if not read_only),
        bindings=tuple(bound(b) for b in row.get("bindings", ())),
    )


def bound(values: Sequence[Any]) -> Bound:
    host, state, realized, touched, operations = values
    return Bound(
        host=host,
        state=State(state),
        realized=realized or 0,
        touched=bool(touched),
        operations=tuple(
            OpenOperation(id, Action(action), OperationState(open_state), generation, attempt)
            for id, action, open_state, generation, attempt in operations
        ),
    )


def dumps(value: Any) -> str:
    """Canonical JSON: what is equal has equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


async def set_homes(tx: Transaction, homes: Mapping[str, str], existing: Mapping[str, Existing]) -> None:
    """A network that was there before is served from its first host from now on."""
    fresh = {id: host for id, host in homes.items() if id in existing and existing[id].home is None}
    await tx.each(
        "UNWIND $rows AS row MATCH (r:Resource {id: row.id}) SET r.home = row.host",
        [{"id": id, "host": host} for id, host in fresh.items()],
    )
