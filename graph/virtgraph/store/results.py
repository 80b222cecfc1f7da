"""What came of operations: states, facts, who may go on now, and the events that tell it. One transaction, all or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from virtgraph.lifecycle import realized
from virtgraph.model.caller import SERVICE
from virtgraph.model.states import Action, EventType, OperationState, State
from virtgraph.store import events, hosts, resources
from virtgraph.store.events import NewEvent
from virtgraph.store.graph import Row, Transaction
from virtgraph.store.runs import Claim
from virtgraph.store.tombstones import bury

DONE = OperationState.SUCCEEDED
ENDED_BADLY = (OperationState.FAILED, OperationState.CANCELLED, OperationState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one operation. `retry_in`: milliseconds until it is tried again (state PENDING)."""

    operation: str
    state: OperationState
    error: str | None = None
    cure: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    retry_in: int = 0
    pin: int | None = None  # the slot whose fence the next Run has to raise: a module may still run there


@dataclass(frozen=True, slots=True)
class End:
    """The Run is over."""

    state: OperationState
    error: str | None = None


# (later)-[:AFTER]->(operation)
LATER = """
    UNWIND $ids AS id
    MATCH (:Operation {id: id})<-[:AFTER]-(later:Operation)
    WHERE later.state = 'PENDING'
    RETURN DISTINCT later.id AS id, later.resource AS resource
"""
HOLD = """
    MATCH (run:Run {id: $run}) SET run._lock = $token
    WITH run WHERE run.token = $token AND run.state = 'RUNNING'
    RETURN run.id AS id
"""
LOAD = """
    UNWIND $ids AS id
    MATCH (o:Operation {id: id})-[:ON]->(b:Binding)-[:OF]->(r:Resource)
    RETURN o.id AS id, o.action AS action, o.kind AS kind, o.resource AS resource, o.resourceName AS name,
           o.host AS host, o.hostName AS hostName, o.generation AS generation, o.stackName AS stack,
           o.revision AS revision, o.ordinal AS ordinal, o.state AS state, o.readyOn AS readyOn,
           [(o)-[:OF_REVISION]->(v:Revision) | v.key] AS revisions,
           r.wanted AS wanted, r.state AS resourceState, b.realizedGeneration AS realized,
           [(o)-[:AFTER]->(p:Operation) WHERE p.state IN ['PENDING', 'RUNNING'] |
               [p.id, p.state, p.host, p.action, p.readyOn]] AS before,
           [(o)-[:AFTER]->(p:Operation) WHERE p.resource <> o.resource OR p.host <> o.host |
               [p.id, p.state, p.kind + ' ' + p.resourceName + ' on ' + p.hostName, p.error]] AS needed,
           [(o)-[:AFTER]->(p:Operation) | p.kind + ' ' + p.resourceName] AS needs
    ORDER BY o.ordinal
"""
WRITE = """
    UNWIND $rows AS row
    MATCH (o:Operation {id: row.id})-[:ON]->(b:Binding)-[:OF]->(r:Resource)
    SET o += row.operation, b += row.binding, r += row.resource, b.seenAt = timestamp(), r.updatedAt = timestamp()
"""
# a network is what the worst of its Bindings is, though another host ended later; FAILED sorts before MISSING
SPREAD = """
    UNWIND $rows AS row
    MATCH (b:Binding)-[:OF]->(r:Resource {id: row.id})
    WHERE b.state IN ['FAILED', 'MISSING']
    WITH r, b ORDER BY b.state, b.key
    WITH r, collect(b.state)[0] AS state, collect(coalesce(b.error, ''))[0] AS error
    SET r.state = state, r.error = CASE error WHEN '' THEN null ELSE error END
"""
END_TIME = "UNWIND $rows AS row MATCH (o:Operation {id: row.id}) SET o.endedAt = timestamp()"
RETRY_TIME = "UNWIND $rows AS row MATCH (o:Operation {id: row.id}) SET o.retryAt = timestamp() + row.in"
READY = "UNWIND $rows AS row MATCH (o:Operation {id: row.id}) SET o.readyOn = row.host"
GONE = """
    UNWIND $rows AS row
    MATCH (r:Resource {id: row.id})
    WHERE NOT EXISTS { MATCH (b:Binding)-[:OF]->(r) WHERE b.state <> 'DELETED' }
    RETURN r.id AS id
"""
END_RUN = """
    MATCH (run:Run {id: $run})
    SET run.state = $state, run.error = $error, run.endedAt = timestamp()
"""
LOCK_REVISION = "UNWIND $rows AS row MATCH (v:Revision {key: row.key}) SET v._lock = $token"
OPEN_IN_REVISION = """
    UNWIND $keys AS key
    MATCH (v:Revision {key: key})
    WHERE v.state = 'APPLYING'
    RETURN key, v.number AS number,
           [(o:Operation)-[:OF_REVISION]->(v) | o.state] AS states
"""
CLOSE_REVISION = "UNWIND $rows AS row MATCH (v:Revision {key: row.key}) SET v.state = row.state"


async def finish(tx: Transaction, claim: Claim, results: Sequence[Result], end: End | None) -> bool:
    """Write results under the Run's token. False: the Run is another's now, and nothing was written."""
    if claim.action is Action.REMOVE:
        await tx.run("MATCH (h:Resource {id: $id}) SET h._lock = $token", id=claim.host["id"], token=claim.token)
    if claim.action is Action.OBSERVE:
        results = [await without_twin(tx, claim, result) for result in results]
    mine = {o.id: o.resource for o in claim.operations}
    later = await lock_with_later(tx, {result.operation: mine[result.operation] for result in results})
    if await tx.row(HOLD, run=claim.run, token=claim.token) is None:
        return False
    finishing = Finishing(tx, claim.token)
    await finishing.write(results)
    if end is not None:
        await tx.run(END_RUN, run=claim.run, state=str(end.state), error=end.error)
    await finishing.settle(later)
    await events.write(tx, finishing.story, SERVICE)
    return True


async def without_twin(tx: Transaction, claim: Claim, result: Result) -> Result:
    """The result of a probe; the same libvirt host under two names is refused."""
    host_uuid = result.facts.get("hostUuid")
    twin = host_uuid and await hosts.hold_twin(tx, host_uuid, claim.host["id"], claim.token)
    if not twin:
        return result
    return Result(
        result.operation,
        OperationState.FAILED,
        f"Host {claim.host['name']} is the same libvirt host as {twin} (host UUID {host_uuid}).",
        "Remove one of the two, or give the copy its own host_uuid in /etc/libvirt/libvirtd.conf.",
    )


async def lock_with_later(tx: Transaction, operations: Mapping[str, str]) -> list[str]:
    """Lock operations, given with their resources, and everything pending that waits for them, however far.

    What waits is looked for again under the locks: an apply may have added to it until they were held.
    """
    token = str(uuid.uuid4())
    locked: set[str] = set()
    found = dict(operations)
    while new := set(found.values()) - locked:
        await resources.lock(tx, new, token)
        locked |= new
        found = {**operations, **await later_than(tx, operations)}
    return [id for id in found if id not in operations]


async def later_than(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """Everything pending that waits for these and its resource, one step of the chain after the other."""
    found: dict[str, str] = {}
    step = list(ids)
    while step:
        rows = await tx.rows(LATER, ids=step)
        step = [row["id"] for row in rows if row["id"] not in found]
        found |= {row["id"]: row["resource"] for row in rows}
    return found


@dataclass(slots=True)
class Finishing:
    """The resources are locked. Collects the events on the way."""

    tx: Transaction
    token: str
    story: list[NewEvent] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # operation → why what follows it cannot be done
    revisions: set[str] = field(default_factory=set)

    async def write(self, results: Sequence[Result]) -> None:
        given = {result.operation: result for result in results}
        rows = in_order([row for row in await self.load(given) if row["state"] in ("RUNNING", "PENDING")])
        by_id = {row["id"]: self.decide(row, given[row["id"]]) for row in rows}
        await self.tx.each(WRITE, [written(row, by_id[row["id"]]) for row in rows])
        await self.tx.each(SPREAD, [{"id": id} for id in {row["resource"] for row in rows if row["kind"] == "Network"}])
        ended = [row for row in rows if by_id[row["id"]].state is not OperationState.PENDING]
        await self.tx.each(END_TIME, [{"id": row["id"]} for row in ended])
        waiting = [row for row in rows if by_id[row["id"]].state is OperationState.PENDING]
        await self.tx.each(RETRY_TIME, [{"id": row["id"], "in": by_id[row["id"]].retry_in} for row in waiting])
        removed = [row for row in ended if row["action"] == Action.REMOVE and by_id[row["id"]].state is DONE]
        if removed:
            gone = await self.tx.rows(GONE, rows=[{"id": row["resource"]} for row in removed])
            await bury(self.tx, [row["id"] for row in gone])
        for row in rows:
            self.tell(row, by_id[row["id"]])

    async def load(self, ids: Iterable[str]) -> list[Row]:
        wanted = sorted(ids)
        return await self.tx.rows(LOAD, ids=wanted) if wanted else []

    async def settle(self, later: Sequence[str]) -> None:
        """Skip what cannot follow, wake what can."""
        rows = in_order(await self.load(later))
        skipped = [row for row in rows if self.skip(row)]
        await self.tx.each(WRITE, [written(row, self.skipping(row)) for row in skipped])
        await self.tx.each(END_TIME, [{"id": row["id"]} for row in skipped])
        for row in skipped:
            self.tell(row, self.skipping(row))
        gone = {row["id"] for row in skipped}
        ready: dict[str, str] = {}
        for row in rows:
            if row["id"] not in gone and may_start(row, ready):
                ready[row["id"]] = row["host"]
        await self.tx.each(READY, [{"id": id, "host": host} for id, host in ready.items()])
        await self.close_revisions()

    def decide(self, row: Row, result: Result) -> Result:
        """The result; but what cannot be done for want of something else is not tried again."""
        if result.state in (OperationState.PENDING, OperationState.SKIPPED) and self.skip(row):
            return self.skipping(row)
        if result.state in ENDED_BADLY:
            self.failed[row["id"]] = f"{row['kind']} {row['name']} on {row['hostName']} is needed first: {result.error}"
        return result

    def skip(self, row: Row) -> bool:
        """Whether something that this operation needs has failed; not an earlier one of the same resource."""
        for id, state, what, error in row["needed"]:
            if id not in self.failed and state in ENDED_BADLY:
                self.failed[id] = error if state == OperationState.SKIPPED else f"{what} is needed first: {error}"
            if id in self.failed:
                self.failed[row["id"]] = self.failed[id]
                return True
        return False

    def skipping(self, row: Row) -> Result:
        return Result(row["id"], OperationState.SKIPPED, self.failed[row["id"]])

    def tell(self, row: Row, result: Result) -> None:
        self.revisions.update(row["revisions"])
        self.story.append(told(row, result))

    async def close_revisions(self) -> None:
        """A revision is applied when none of its operations is open any more."""
        keys = sorted(self.revisions)
        if not keys:
            return
        await self.tx.each(LOCK_REVISION, [{"key": key} for key in keys], token=self.token)
        closed = []
        for row in await self.tx.rows(OPEN_IN_REVISION, keys=keys):
            states = {OperationState(state) for state in row["states"]}
            if states & {OperationState.PENDING, OperationState.RUNNING}:
                continue
            good = states <= {DONE, OperationState.SUPERSEDED}
            closed.append({"key": row["key"], "state": "APPLIED" if good else "FAILED"})
            if good:
                self.story.append(await self.applied(row))
        await self.tx.each(CLOSE_REVISION, closed)

    async def applied(self, row: Row) -> NewEvent:
        """The applied result, with the facts that were found."""
        rows = await self.tx.rows(
            """
            MATCH (o:Operation)-[:OF_REVISION]->(v:Revision {key: $key})-[:REVISION_OF]->(s:Stack)
            MATCH (o)-[:ON]->(b:Binding)
            RETURN s.name AS stack, o.resource AS resource, o.kind AS kind, o.resourceName AS name,
                   o.hostName AS host, b.state AS state, b.bridge AS bridge, b.url AS url, b.power AS power
            """,
            key=row["key"],
        )
        stack = rows[0]["stack"] if rows else None
        found = [{key: value for key, value in r.items() if value is not None and key != "stack"} for r in rows]
        return NewEvent(
            EventType.APPLIED,
            f"Revision {row['number']} of stack {stack} is applied.",
            stack=stack,
            revision=row["number"],
            data={"resources": found},
        )


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Each after those that it waits for: what replaced another has a higher ordinal than what waits for it."""
    by_id = {row["id"]: row for row in rows}
    sorter = TopologicalSorter(
        {id: [before[0] for before in row["before"] if before[0] in by_id] for id, row in by_id.items()}
    )
    return [by_id[id] for id in sorter.static_order()]


def may_start(row: Row, ready: Mapping[str, str]) -> bool:
    """Whether all that is unfinished before an operation can ride in the same Run."""
    return all(
        state == "PENDING"
        and host == row["host"]
        and action == row["action"]
        and (ready_on == row["host"] or id in ready)
        for id, state, host, action, ready_on in row["before"]
    )


def written(row: Row, result: Result) -> dict[str, Any]:
    """The properties that a result gives to an operation, its Binding and its resource."""
    operation: dict[str, Any] = {
        "state": str(result.state),
        "error": result.error,
        "cure": result.cure,
        "readyOn": None,
    }
    binding: dict[str, Any] = {"task": None, "error": result.error}
    resource: dict[str, Any] = {"task": None, "error": result.error}
    action = Action(row["action"])
    match result.state:
        case OperationState.SUCCEEDED if action is Action.REMOVE:
            binding |= {"state": str(State.DELETED), "touched": False, "realizedGeneration": 0}
            binding |= {"bridge": None, "uplink": None, "dhcp": None}
            resource |= {"state": str(state_left(row))}
        case OperationState.SUCCEEDED if row["kind"] == "Host":
            binding |= {"state": str(State.READY), "realizedGeneration": row["generation"]}
            resource |= {"state": str(State.READY), **result.facts}
        case OperationState.SUCCEEDED:
            state = str(state_after(row, result))
            binding |= {"state": state, "realizedGeneration": row["generation"], **result.facts}
            resource |= {"state": state}
        case OperationState.PENDING:
            state = str(state_before(row))
            operation |= {"readyOn": row["host"], "pin": result.pin}
            binding |= {"state": state}
            resource |= {"state": row["resourceState"] if action is Action.REMOVE else state}
        case _:
            binding |= {"state": str(State.FAILED)}
            resource |= {"state": str(State.FAILED)}
    return {"id": row["id"], "operation": operation, "binding": binding, "resource": resource}


POWER = {"running": State.RUNNING, "shutoff": State.STOPPED}


def state_after(row: Row, result: Result) -> State:
    return POWER.get(str(result.facts.get("power"))) or realized(row["kind"], row["wanted"])


def state_left(row: Row) -> State:
    """What a resource is once it is off a host. A network may go on elsewhere, and what failed here counts no more."""
    state = State(row["resourceState"])
    return State.APPLIED if row["kind"] == "Network" and state in (State.FAILED, State.MISSING) else state


def state_before(row: Row) -> State:
    """What a resource is while its operation waits for another try."""
    if row["action"] == Action.REMOVE:
        return State.DELETING
    return realized(row["kind"], row["wanted"]) if row["realized"] else State.VIRTUAL


EVENT = {
    OperationState.SUCCEEDED: EventType.SUCCEEDED,
    OperationState.FAILED: EventType.FAILED,
    OperationState.SKIPPED: EventType.SKIPPED,
    OperationState.CANCELLED: EventType.CANCELLED,
    OperationState.PENDING: EventType.RETRYING,
}
DID = {Action.REALIZE: "realize", Action.REMOVE: "remove", Action.OBSERVE: "probe"}


def told(row: Row, result: Result) -> NewEvent:
    return NewEvent(
        EVENT[result.state],
        sentence(row, result),
        stack=row["stack"],
        resource=row["resource"],
        kind=row["kind"],
        name=row["name"],
        host=row["hostName"],
        operation=row["id"],
        revision=row["revision"],
        data={"action": row["action"], "facts": dict(result.facts)}
        | ({"error": result.error, "cure": result.cure} if result.error else {}),
    )


def sentence(row: Row, result: Result) -> str:
    what = f"{DID[Action(row['action'])]} {row['kind']} {row['name']} on {row['hostName']}"
    match result.state:
        case OperationState.SUCCEEDED:
            waited = row["needs"]
            after = f" after waiting for {', '.join(waited)}" if waited else ""
            return f"Succeeded to {what}{after}."
        case OperationState.PENDING:
            return f"Could not {what} yet, and will try again: {result.error}"
        case OperationState.SKIPPED:
            return f"Did not {what}: {result.error}"
        case OperationState.CANCELLED:
            return f"Cancelled: {what}."
        case _:
            return f"Failed to {what}: {result.error}"
