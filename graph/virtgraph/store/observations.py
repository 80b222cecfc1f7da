"""What was seen on a host without our doing. An observation that began before a Binding's last operation ended is dropped."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtgraph.model.caller import SERVICE
from virtgraph.model.states import EventType, State
from virtgraph.store import events, resources
from virtgraph.store.graph import Graph, Row, Transaction

SEEN: Mapping[str | None, State] = {"running": State.RUNNING, "shutoff": State.STOPPED, None: State.MISSING}


@dataclass(frozen=True, slots=True)
class Observation:
    """The power state of every domain of ours on a host, by the VM's id, and the networks of ours that are active there.

    `began`: the graph's clock before the look. `found`: ids of what bears our mark, or is a volume, and is of no resource.
    """

    host: str
    began: int
    powers: Mapping[str, str]
    networks: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What the graph has on a host: Bindings of resources, and ids of what was found there."""

    rows: Sequence[Row]
    found: frozenset[str]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(row["id"] for row in self.rows)


async def now(graph: Graph) -> int:
    """The graph's clock, epoch ms: the one by which operations end."""
    return int((await graph.read("RETURN timestamp() AS now"))[0]["now"])


async def hosts_to_watch(graph: Graph) -> list[Row]:
    return await graph.read(
        """
        MATCH (h:Host)
        WHERE h.deletedAt IS NULL AND h.state = 'READY'
        OPTIONAL MATCH (p:Pool)-[:ON]->(h)
        RETURN h.id AS id, h.name AS name, h.address AS address, h.user AS user, h.port AS port, h.keyFile AS keyFile,
               h.hostKey AS hostKey, h.local AS local, p.path AS poolPath
        """
    )


# (host)<-[:ON]-(binding)-[:OF]->(resource)
BOUND = """
    MATCH (:Resource {id: $host})<-[:ON]-(b:Binding)-[:OF]->(r:Resource)
    WHERE r.kind IN ['VM', 'Network', 'Volume'] AND r.deletedAt IS NULL
    RETURN r.id AS id, r.kind AS kind, b.power AS power, b.state AS state, b.realizedGeneration > 0 AS realized
"""
FOUND = "MATCH (b:Binding {foundOn: $host}) RETURN b.resource AS id"
TOLD = 500  # ids in one event
HOST = "MATCH (h:Resource {id: $id}) RETURN h.name AS name"
UNDISTURBED = """
    UNWIND $ids AS id
    MATCH (b:Binding {key: id + '@' + $host})-[:OF]->(r:Resource)
    WHERE b.task IS NULL AND b.seenAt <= $began AND b.realizedGeneration > 0 AND r.deletedAt IS NULL
    RETURN r.id AS id, r.kind AS kind, r.name AS name, r.stack AS stack, b.power AS power, b.state AS state, b.key AS key,
           true AS realized
    ORDER BY kind, name
"""
WRITE = """
    UNWIND $rows AS row
    MATCH (b:Binding {key: row.key})-[:OF]->(r:Resource)
    SET b.power = row.power, b.state = row.state, b.seenAt = timestamp(), r.state = row.state, r.updatedAt = timestamp()
"""


HOLD = "MATCH (h:Resource {id: $id}) WHERE h.deletedAt IS NULL SET h._lock = $token RETURN h.name AS name"
# a Binding of no resource, until one is applied that has this id; its resource may have been removed
FIND = """
    UNWIND $ids AS id
    MERGE (b:Binding {key: id + '@' + $host})
    SET b._lock = $token
    WITH b, id
    WHERE b.foundOn IS NULL AND NOT EXISTS { MATCH (r:Resource {id: id}) WHERE r.deletedAt IS NULL }
    SET b.resource = id, b.host = $host, b.foundOn = $host
    RETURN id
"""
LOSE = """
    UNWIND $ids AS id
    MATCH (b:Binding {key: id + '@' + $host})
    SET b._lock = $token, b.foundOn = null
    WITH b
    WHERE NOT EXISTS { MATCH (b)-[:OF]->(:Resource) }
    DELETE b
"""


async def known(graph: Graph, host: str) -> Known:
    found = await graph.read(FOUND, host=host)
    return Known(await graph.read(BOUND, host=host), frozenset(row["id"] for row in found))


async def write(graph: Graph, observation: Observation, known: Known) -> bool:
    """Write what differs from what the graph says; True where something did."""
    ids = [row["id"] for row in known.rows if differs(row, observation)]
    new, gone = sorted(observation.found - known.found), sorted(known.found - observation.found)
    changed = bool(ids) and await graph.write(lambda tx: write_some(tx, observation, ids))
    told = bool(new or gone) and await graph.write(lambda tx: write_found(tx, observation, new, gone))
    return changed or told


async def write_found(tx: Transaction, observation: Observation, new: Sequence[str], gone: Sequence[str]) -> bool:
    """True where it is told of."""
    host, token = observation.host, str(uuid.uuid4())
    held = await tx.row(HOLD, id=host, token=token)
    if held is None:  # it was removed since
        return False
    await tx.run(LOSE, ids=gone, host=host, token=token)
    found = [row["id"] for row in await tx.rows(FIND, ids=new, host=host, token=token)]
    marked = [id for id in found if id in observation.powers or id in observation.networks]
    if marked:
        await events.write(tx, [told_found(host, held["name"], marked)], SERVICE)
    return bool(marked)


async def forget(tx: Transaction, host: str) -> None:
    """What was found on a host that goes."""
    ids = [row["id"] for row in await tx.rows(FOUND, host=host)]
    await tx.run(LOSE, ids=ids, host=host, token=str(uuid.uuid4()))


def differs(row: Row, observation: Observation) -> bool:
    if not row["realized"] or row["state"] == State.FAILED or row["kind"] == "Volume":
        return False
    if row["kind"] == "Network":
        return row["id"] not in observation.networks and row["state"] != State.MISSING
    power = observation.powers.get(row["id"])
    return bool(row["power"] != power or (power in SEEN and row["state"] != SEEN[power]))


async def write_some(tx: Transaction, observation: Observation, ids: Sequence[str]) -> bool:
    await resources.lock(tx, ids, str(uuid.uuid4()))
    rows = await tx.rows(UNDISTURBED, ids=ids, host=observation.host, began=observation.began)
    changed = [written(row, observation) for row in rows if differs(row, observation)]
    await tx.each(WRITE, changed)
    host = await tx.row(HOST, id=observation.host)
    by_id = {row["id"]: row for row in rows}
    stacks = await stack_names(tx, {row["stack"] for row in rows})
    await events.write(
        tx, [told(by_id[row["id"]], row, stacks, host["name"] if host else "") for row in changed], SERVICE
    )
    return bool(changed)


async def stack_names(tx: Transaction, ids: set[str]) -> dict[str, str]:
    found = await tx.rows(
        "UNWIND $ids AS id MATCH (s:Stack {id: id}) RETURN s.id AS id, s.name AS name", ids=sorted(ids)
    )
    return {row["id"]: row["name"] for row in found}


def written(row: Row, observation: Observation) -> dict[str, Any]:
    power = observation.powers.get(row["id"])
    if row["kind"] == "Network":
        return {"id": row["id"], "key": row["key"], "power": None, "state": str(State.MISSING)}
    return {
        "id": row["id"],
        "key": row["key"],
        "power": power,
        "state": str(SEEN.get(power, State(row["state"]))),
    }


def told(row: Row, change: Mapping[str, Any], stacks: Mapping[str, str], host: str) -> events.NewEvent:
    what = f"is {change['power']}" if change["power"] else "is gone from its host"
    return events.NewEvent(
        EventType.OBSERVED,
        f"{row['kind']} {row['name']} on {host} {what}; nobody asked for it here.",
        stack=stacks.get(row["stack"]),
        resource=row["id"],
        kind=row["kind"],
        name=row["name"],
        host=host,
        data={"power": change["power"], "before": row["power"]},
    )


def told_found(host: str, name: str, ids: Sequence[str]) -> events.NewEvent:
    which = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    message = (
        f"{name} has what bears this installation's mark and is in no stack yet: {which}. "
        "If nobody tells of it, apply the document that it was made from, or remove it."
    )
    return events.NewEvent(
        EventType.OBSERVED, message, resource=host, kind="Host", name=name, host=name, data={"found": list(ids[:TOLD])}
    )


async def host_answers(graph: Graph, host: str, error: str | None) -> None:
    """Keep whether a host answers. One that is back has its waiting operations tried at once."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "MATCH (h:Resource {id: $host}) WHERE h.state = 'READY' SET h.error = $error", host=host, error=error
        )
        if error is None:
            await tx.run(
                "MATCH (o:Operation {readyOn: $host}) WHERE o.retryAt IS NOT NULL SET o.retryAt = null", host=host
            )

    await graph.write(work)
