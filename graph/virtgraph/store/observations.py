"""What was seen on a host without our doing. An observation that began before a Binding's last operation ended is dropped."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
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

    `began`: the graph's clock before the look.
    """

    host: str
    began: int
    powers: Mapping[str, str]
    networks: frozenset[str] = frozenset()


async def now(graph: Graph) -> int:
    """The graph's clock, epoch ms: the one by which operations end."""
    return int((await graph.read("RETURN timestamp() AS now"))[0]["now"])


async def hosts_to_watch(graph: Graph) -> list[Row]:
    return await graph.read(
        """
        MATCH (h:Host)
        WHERE h.deletedAt IS NULL AND h.state = 'READY'
        RETURN h.id AS id, h.name AS name, h.address AS address, h.user AS user, h.port AS port, h.keyFile AS keyFile,
               h.hostKey AS hostKey, h.local AS local
        """
    )


REALIZED = """
    MATCH (b:Binding {host: $host})-[:OF]->(r:Resource)
    WHERE r.kind IN ['VM', 'Network'] AND r.deletedAt IS NULL AND b.realizedGeneration > 0
    RETURN r.id AS id, r.kind AS kind, b.power AS power, b.state AS state
"""
UNDISTURBED = """
    UNWIND $ids AS id
    MATCH (b:Binding {key: id + '@' + $host})-[:OF]->(r:Resource)
    WHERE b.task IS NULL AND b.seenAt <= $began AND b.realizedGeneration > 0 AND r.deletedAt IS NULL
    RETURN r.id AS id, r.kind AS kind, r.name AS name, r.stack AS stack, b.power AS power, b.state AS state, b.key AS key
"""
WRITE = """
    UNWIND $rows AS row
    MATCH (b:Binding {key: row.key})-[:OF]->(r:Resource)
    SET b.power = row.power, b.state = row.state, b.seenAt = timestamp(), r.state = row.state, r.updatedAt = timestamp()
"""


async def write(graph: Graph, observation: Observation) -> bool:
    """Write what differs from what the graph says; True where something did."""
    rows = await graph.read(REALIZED, host=observation.host)
    ids = [row["id"] for row in rows if differs(row, observation)]
    if not ids:
        return False
    return await graph.write(lambda tx: write_some(tx, observation, ids))


def differs(row: Row, observation: Observation) -> bool:
    if row["state"] == State.FAILED:
        return False
    if row["kind"] == "Network":
        return row["id"] not in observation.networks and row["state"] != State.MISSING
    power = observation.powers.get(row["id"])
    return bool(row["power"] != power or (power in SEEN and row["state"] != SEEN[power]))


async def write_some(tx: Transaction, observation: Observation, ids: list[str]) -> bool:
    await resources.lock(tx, ids, str(uuid.uuid4()))
    rows = await tx.rows(UNDISTURBED, ids=ids, host=observation.host, began=observation.began)
    changed = [written(row, observation) for row in rows if differs(row, observation)]
    await tx.each(WRITE, changed)
    host = await tx.row("MATCH (h:Resource {id: $id}) RETURN h.name AS name", id=observation.host)
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
