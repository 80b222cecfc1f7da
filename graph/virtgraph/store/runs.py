"""Runs and their leases: (run)-[:AT]->(host), (run)-[:REALIZES]->(operation). Claim, renew, take over.

Locks are taken as Host, then the resources of the operations by id, then the Run. An operation changes only under the
lock of its resource.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtgraph.lifecycle import begun
from virtgraph.model.states import Action, State
from virtgraph.store import resources
from virtgraph.store.graph import Graph, Row, Transaction

Rows = Mapping[str, Row]

MOST = 400  # operations in one Run
ATTEMPTS = 20  # Runs that may die under an operation before it is given up


@dataclass(frozen=True, slots=True)
class ClaimedOperation:
    id: str
    resource: str
    kind: str
    name: str
    generation: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A Run that this worker holds: only with its token can it be renewed or finished."""

    run: str
    token: str
    action: Action
    host: Row
    slot: int
    fence: int
    operations: tuple[ClaimedOperation, ...]


async def ready_hosts(graph: Graph) -> list[str]:
    """Hosts that have work that can be claimed now, those that wait longest first."""
    rows = await graph.read(
        """
        MATCH (h:Host) WHERE h.deletedAt IS NULL
        MATCH (o:Operation {readyOn: h.id})
        WHERE o.retryAt IS NULL OR o.retryAt <= timestamp()
        RETURN h.id AS host, min(o.ordinal) AS oldest
        ORDER BY oldest
        """
    )
    return [row["host"] for row in rows]


HOST = """
    MATCH (h:Resource {id: $host}) SET h._lock = $token
    WITH h
    RETURN h.id AS id, h.name AS name, h.address AS address, h.user AS user, h.port AS port, h.keyFile AS keyFile,
           h.local AS local, h.hostKey AS hostKey, h.slots AS slots, h.fences AS fences,
           h.uplinkDriver AS uplinkDriver, h.uplinkInterface AS uplinkInterface, h.acceleration AS acceleration,
           h.cpuRatio AS cpuRatio, h.memoryRatio AS memoryRatio, h.diskRatio AS diskRatio,
           h.cpusGiven AS cpusGiven, h.memoryGiven AS memoryGiven, h.diskGiven AS diskGiven,
           h.uplinkDriverGiven AS uplinkDriverGiven, h.accelerationGiven AS accelerationGiven,
           head([(h)-[:UPLINK]->(s:Segment) | s.name]) AS segment
"""
BUSY = "MATCH (run:Run {state: 'RUNNING'})-[:AT]->(:Resource {id: $host}) RETURN run.slot AS slot"
CANDIDATES = """
    MATCH (o:Operation {readyOn: $host})
    WHERE o.state = 'PENDING' AND (o.retryAt IS NULL OR o.retryAt <= timestamp())
    RETURN o.id AS id, o.action AS action, o.resource AS resource, o.pin AS pin,
           [(o)-[:AFTER]->(p:Operation) WHERE p.state IN ['PENDING', 'RUNNING'] | p.id] AS before
    ORDER BY o.ordinal
    LIMIT $most
"""
PENDING = """
    UNWIND $ids AS id
    MATCH (o:Operation {id: id})
    WHERE o.state = $state
    MATCH (o)-[:ON]->(b:Binding)-[:OF]->(r:Resource)
    RETURN o.id AS id, o.resource AS resource, o.kind AS kind, o.resourceName AS name, o.attempt AS attempt,
           o.ordinal AS ordinal, r.generation AS generation, r.state AS state, b.state AS bindingState, b.key AS binding,
           [(o)-[:AFTER]->(p:Operation) WHERE p.state IN ['PENDING', 'RUNNING'] | p.id] AS before
"""
WRITE_RUN = """
    MATCH (h:Resource {id: $host})
    SET h.fences = $fences
    CREATE (run:Run {id: $run})
    SET run += $properties, run.startedAt = timestamp()
    CREATE (run)-[:AT]->(h)
"""
BEGIN = """
    UNWIND $rows AS row
    MATCH (run:Run {id: $run})
    MATCH (o:Operation {id: row.id})-[:ON]->(b:Binding)-[:OF]->(r:Resource)
    SET o.state = 'RUNNING', o.startedAt = coalesce(o.startedAt, timestamp()), o.attempt = row.attempt,
        o.readyOn = null, o.retryAt = null, o.pin = null, o.generation = row.generation, o.error = null, o.cure = null,
        b.touched = true, b.task = row.task, b.state = row.bindingState,
        r.task = row.resourceTask, r.state = row.state
    CREATE (run)-[:REALIZES]->(o)
"""


async def claim(tx: Transaction, host_id: str, owner: str) -> Claim | None:
    """One Run of what is ready for this host, if it has a free slot."""
    token = str(uuid.uuid4())
    host = await tx.row(HOST, host=host_id, token=token)
    if host is None:
        return None
    busy = {row["slot"] for row in await tx.rows(BUSY, host=host_id)}
    free = [slot for slot in range(host["slots"]) if slot not in busy]
    if not free:
        return None
    candidates = await tx.rows(CANDIDATES, host=host_id, most=MOST)
    chosen, slot = choose(candidates, free, busy)
    if not chosen:
        return None
    await resources.lock(tx, (row["resource"] for row in chosen), token)
    rows = await tx.rows(PENDING, ids=[row["id"] for row in chosen], state="PENDING")
    rows = without_blocked(sorted(rows, key=lambda row: row["ordinal"]))
    if not rows:
        return None
    return await begin(tx, host, slot, Action(chosen[0]["action"]), rows, owner, token)


def choose(candidates: Sequence[Row], free: Sequence[int], busy: Collection[int]) -> tuple[list[Row], int]:
    """What of the candidates goes into one Run: one action, one slot, nothing whose predecessors do not ride along.

    A pin counts on a host that has fewer slots now, too: a module may still run in the slot that was taken away.
    """
    chosen: list[Row] = []
    slot: int | None = None
    for row in candidates:
        if row["pin"] is not None and row["pin"] in busy:
            continue
        if chosen and row["action"] != chosen[0]["action"]:
            continue
        if row["pin"] is not None and slot is not None and row["pin"] != slot:
            continue
        slot = row["pin"] if row["pin"] is not None else slot
        chosen.append(row)
    return without_blocked(chosen), free[0] if slot is None else slot


def without_blocked(rows: Sequence[Row]) -> list[Row]:
    """Those whose unfinished predecessors come earlier among them."""
    kept: dict[str, Row] = {}
    for row in rows:
        if all(before in kept for before in row["before"]):
            kept[row["id"]] = row
    return list(kept.values())


async def begin(
    tx: Transaction, host: Row, slot: int, action: Action, rows: Sequence[Row], owner: str, token: str
) -> Claim:
    """Write the Run with the slot's next fence number, and its operations as running."""
    run = str(uuid.uuid4())
    fences = list(host["fences"])
    fences[slot] += 1
    await tx.run(
        WRITE_RUN,
        host=host["id"],
        fences=fences,
        run=run,
        properties={
            "token": token,
            "owner": owner,
            "action": str(action),
            "state": "RUNNING",
            "beat": 0,
            "slot": slot,
            "fence": fences[slot],
        },
    )
    await tx.each(BEGIN, [begin_row(row, action) for row in rows], run=run)
    claimed = tuple(
        ClaimedOperation(row["id"], row["resource"], row["kind"], row["name"], row["generation"], row["attempt"] + 1)
        for row in rows
    )
    return Claim(run, token, action, host, slot, fences[slot], claimed)


def begin_row(row: Row, action: Action) -> dict[str, Any]:
    state = State(row["state"])
    network = row["kind"] == "Network"
    # a network that serves elsewhere already stays what it is while another host gets its bridge
    spread = network and state is State.APPLIED and action is Action.REALIZE
    # and while one where nothing uses it loses it; one that goes itself is DELETING since that was asked for
    left = network and state is not State.DELETING and action is Action.REMOVE
    quiet = action is Action.OBSERVE
    return {
        "id": row["id"],
        "attempt": row["attempt"] + 1,
        "generation": row["generation"],
        "task": str(action),
        "resourceTask": None if left else str(action),
        "state": str(state if spread or left or quiet else begun(action, state)),
        "bindingState": str(State(row["bindingState"]) if quiet else begun(action, State(row["bindingState"]))),
    }


async def renew(graph: Graph, claim: Claim) -> list[str] | None:
    """One write that keeps the Run; the operations whose cancellation was asked for, or None where it is lost."""

    async def work(tx: Transaction) -> list[str] | None:
        row = await tx.row(
            """
            MATCH (run:Run {id: $run}) SET run._lock = $token
            WITH run WHERE run.token = $token AND run.state = 'RUNNING'
            SET run.beat = run.beat + 1
            RETURN [(run)-[:REALIZES]->(o:Operation) WHERE o.cancel = true AND o.state = 'RUNNING' | o.id] AS cancelled
            """,
            run=claim.run,
            token=claim.token,
        )
        return None if row is None else list(row["cancelled"])

    return await graph.write(work)


@dataclass(frozen=True, slots=True)
class Beat:
    """A running Run as others see it."""

    run: str
    host: str
    owner: str
    token: str
    beat: int


async def beats(graph: Graph) -> list[Beat]:
    rows = await graph.read(
        """
        MATCH (run:Run {state: 'RUNNING'})-[:AT]->(h:Host)
        RETURN run.id AS run, h.id AS host, run.owner AS owner, run.token AS token, run.beat AS beat
        """
    )
    return [Beat(row["run"], row["host"], row["owner"], row["token"], row["beat"]) for row in rows]


async def take_over(tx: Transaction, dead: Beat, owner: str) -> Claim | None:
    """A Run of the same operations in the same slot, with a higher fence, if the dead one has not moved since."""
    token = str(uuid.uuid4())
    host = await tx.row(HOST, host=dead.host, token=token)
    ids = [
        row["resource"]
        for row in await tx.rows(
            "MATCH (:Run {id: $run})-[:REALIZES]->(o:Operation) RETURN o.resource AS resource", run=dead.run
        )
    ]
    await resources.lock(tx, ids, token)
    row = await tx.row(
        """
        MATCH (run:Run {id: $run}) SET run._lock = $token
        WITH run WHERE run.token = $old AND run.beat = $beat AND run.state = 'RUNNING'
        SET run.state = 'LOST', run.endedAt = timestamp()
        RETURN run.slot AS slot, run.action AS action,
               [(run)-[:REALIZES]->(o:Operation) WHERE o.state = 'RUNNING' | o.id] AS operations
        """,
        run=dead.run,
        token=token,
        old=dead.token,
        beat=dead.beat,
    )
    if row is None or host is None or not row["operations"]:
        return None
    rows = await tx.rows(PENDING, ids=row["operations"], state="RUNNING")
    rows = sorted(rows, key=lambda found: found["ordinal"])
    return await begin(tx, host, row["slot"], Action(row["action"]), rows, owner, token)


async def load(tx: Transaction, ids: Sequence[str]) -> dict[str, Row]:
    """What an order is built from: each resource's spec, and the specs of the NICs of its VMs."""
    rows = await tx.rows(
        """
        UNWIND $ids AS id
        MATCH (r:Resource {id: id})
        RETURN r.id AS id, r.kind AS kind, r.name AS name, r.spec AS spec, r.generation AS generation, r.home AS home,
               r.path AS path, r.vncPassword AS vncPassword, r.owner AS owner,
               [(r)<-[:HAS_NIC]-(vm:VM) | vm.name] AS vms
        """,
        ids=sorted(set(ids)),
    )
    return {row["id"]: row for row in rows}


async def reserved(tx: Transaction, networks: Sequence[str], host: str) -> list[str]:
    """NICs whose reservations a host has for these networks."""
    rows = await tx.rows(
        """
        UNWIND $networks AS id
        MATCH (nic:NIC)-[:ON]->(:Resource {id: id})
        WHERE nic.deletedAt IS NULL AND EXISTS {
            MATCH (b:Binding {host: $host})-[:OF]->(nic) WHERE b.realizedGeneration > 0
        }
        RETURN nic.id AS id
        """,
        networks=list(networks),
        host=host,
    )
    return [row["id"] for row in rows]


async def pool_of(tx: Transaction, host: str) -> Row | None:
    return await tx.row(
        "MATCH (p:Pool)-[:ON]->(:Resource {id: $host}) RETURN p.id AS id, p.path AS path, p.generation AS generation",
        host=host,
    )


@dataclass(frozen=True, slots=True)
class Story:
    """What events say of a claimed operation."""

    operation: str
    resource: str
    kind: str
    name: str
    stack: str | None
    revision: int | None


async def stories(tx: Transaction, claim: Claim) -> list[Story]:
    rows = await tx.rows(
        """
        UNWIND $ids AS id
        MATCH (o:Operation {id: id})
        RETURN o.id AS operation, o.resource AS resource, o.kind AS kind, o.resourceName AS name,
               o.stackName AS stack, o.revision AS revision
        """,
        ids=[operation.id for operation in claim.operations],
    )
    return [Story(**row) for row in rows]
