"""Hosts come and go: their keys are pinned when they are added; they are probed before anything is placed on them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from virtgraph.clock import millis
from virtgraph.idempotency import Asked, answered_before, once
from virtgraph.model.caller import PROJECT, Caller
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.model.states import Action, EventType
from virtgraph.model.wanted import Problem
from virtgraph.new_host import POOL_PATH, NewHost, checked
from virtgraph.planner import Place, Plan, PlannedOperation, open_operations
from virtgraph.spec import scalars
from virtgraph.spec.errors import Invalid
from virtgraph.store import events, hosts, observations, operations, resources
from virtgraph.store.graph import Graph, Row, Transaction
from virtgraph.store.operations import Named

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


@dataclass(frozen=True, slots=True)
class AddedHost:
    id: str
    operation: str
    host_key: str | None = field(repr=False, default=None)


async def add_host(graph: Graph, host: NewHost, caller: Caller, asked: Asked | None = None) -> AddedHost:
    """Pin its key, store it, plan its probe. Adding the same host again stores what changed and probes it again."""
    host = checked(host)
    if before := await answered_before(graph, asked):  # it need not show its key again
        return AddedHost(**before)
    key = host.host_key
    if not host.local and key is None:
        known = await graph.write(lambda tx: hosts.named(tx, host.id or host.name))
        key = known["hostKey"] if known else await scan_host_key(host)
    return await once(graph, asked, lambda tx: store(tx, host, key, caller), lambda kept: AddedHost(**kept))


async def scan_host_key(host: NewHost) -> str:
    """The key that the host shows now. Raises Invalid where it does not answer."""
    process = await asyncio.create_subprocess_exec(
        "ssh-keyscan", "-T", "5", "-p", str(host.port), "-t", "ed25519,ecdsa,rsa", "--", str(host.address),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await process.communicate()
    keys = {}
    for line in output.decode(errors="replace").splitlines():
        parts = line.split()
        if len(parts) >= 3 and not line.startswith("#"):
            keys[parts[1]] = f"{parts[1]} {parts[2]}"
    for kind in KEY_TYPES:
        if kind in keys:
            return keys[kind]
    raise Invalid(
        (
            Problem(
                "input.address",
                f"host {host.name} ({host.address}:{host.port}) shows no ssh host key: "
                "start sshd there and check address, port and firewall, or give hostKey",
            ),
        )
    )


async def store(tx: Transaction, host: NewHost, key: str | None, caller: Caller) -> AddedHost:
    present = await hold(tx, host.id or host.name)
    by_name = await hosts.named(tx, host.name)
    if by_name is not None and (present is None or by_name["id"] != present["id"]):
        raise Conflict(f"There is a host {host.name} already, with the id {by_name['id']}", by_name["state"])
    if present is not None:
        refuse_move(present, host)
    id = present["id"] if present else host.id or str(uuid.uuid4())
    if present is None and (kind := await hosts.kind_of(tx, id)) not in (None, "Host"):
        raise Invalid((Problem("input.id", f"{id} is the id of a {kind}"),))
    pool = present["pool"] if present else str(uuid.uuid4())
    new = {} if present else fresh()
    properties = {**stored(host, key), **new}
    segment = host.segment if host.uplink_interface else None
    pool_path = present["poolPath"] if present else host.pool_path or POOL_PATH
    await hosts.write(tx, id, properties, pool, pool_path, segment)
    return AddedHost(id, await plan_probe(tx, id, host.name, caller), key)


def refuse_move(present: Row, host: NewHost) -> None:
    """Raises Conflict where the host is given as one that is elsewhere, or has its volumes elsewhere."""
    if (present["address"], present["port"]) != (host.address, host.port):
        raise Conflict(
            f"Host {present['name']} has the address {present['address']}:{present['port']}; "
            "remove it first to add it under another one",
            present["state"],
        )
    if host.pool_path is not None and host.pool_path != scalars.folder(present["poolPath"]):
        raise Conflict(
            f"Host {present['name']} has its volumes in {present['poolPath']}; leave the pool's path out to keep them there, "
            "or remove the host first to add it with another one",
            present["state"],
        )


def stored(host: NewHost, key: str | None) -> dict[str, Any]:
    return {
        "kind": "Host",
        "name": host.name,
        "nameKey": f"{PROJECT}/Host/{host.name}",
        "project": PROJECT,
        "address": host.address,
        "user": host.user,
        "port": host.port,
        "keyFile": host.key_file,
        "hostKey": key,
        "local": host.local,
        "slots": host.slots,
        "labels": list(host.labels),
        "uplinkInterface": host.uplink_interface,
        "uplinkDriverGiven": host.uplink_driver,
        "accelerationGiven": host.acceleration,
        "cpuRatio": host.cpu_ratio,
        "memoryRatio": host.memory_ratio,
        "diskRatio": host.disk_ratio,
        "cpusGiven": host.cpus,
        "memoryGiven": host.memory,
        "diskGiven": host.disk,
        "updatedAt": millis(),
        "deletedAt": None,
    }


def fresh() -> dict[str, Any]:
    """Fences begin at the clock: a host that was removed may remember the numbers that it saw in an earlier life."""
    return {
        "state": "VIRTUAL",
        "task": None,
        "generation": 1,
        "createdAt": millis(),
        "fences": [millis()] * 32,
        "reservedVcpus": 0,
        "reservedMemory": 0,
        "reservedDisk": 0,
    }


async def plan_probe(tx: Transaction, id: str, name: str, caller: Caller) -> str:
    """An observe operation for the host; the one that waits already, if there is one, and then now."""
    place = Place(id, id)
    bound = {bound.host: bound for bound in (await resources.bindings(tx, [id], str(uuid.uuid4()))).get(id, ())}.get(id)
    _, pending = open_operations(bound)
    if pending is not None:
        await operations.wake(tx, [pending.id])
        return pending.id
    operation = PlannedOperation(str(uuid.uuid4()), Action.OBSERVE, place, "Host", 1, ())
    await operations.write(
        tx,
        Plan([operation]),
        ready={operation.id},
        names={place: Named(name, name)},
        bound={place: bound} if bound else {},
        found={},
        revision=None,
        caller=caller,
    )
    return operation.id


async def hold(tx: Transaction, reference: str) -> Row | None:
    """Lock a host that is there, by its id or name; as it is then."""
    found = await hosts.named(tx, reference)
    if found is None:
        return None
    await resources.lock(tx, [found["id"]], str(uuid.uuid4()))
    return await hosts.named(tx, found["id"])


async def remove_host(graph: Graph, reference: str, caller: Caller, asked: Asked | None = None) -> str:
    """Refused while something is placed there. What is on the host stays as it is."""
    return await once(graph, asked, lambda tx: take_away(tx, reference, caller), str)


async def take_away(tx: Transaction, reference: str, caller: Caller) -> str:
    present = await hold(tx, reference)
    if present is None:
        raise NotFound("host", reference)
    placed = await hosts.placed_on(tx, present["id"])
    if placed:
        names = ", ".join(f"{row['kind']} {row['name']}" for row in placed[:5])
        more = f" and {len(placed) - 5} more" if len(placed) > 5 else ""
        why = f"Host {present['name']} carries {names}{more}: remove them first"
        if homes := ", ".join(row["name"] for row in placed if row["home"]):
            why += f". A network leaves its home only by being removed itself; at home here: {homes}"
        raise Conflict(why, present["state"])
    await hosts.remove(tx, present["id"])
    await observations.forget(tx, present["id"])
    await events.write(tx, [removed(present)], caller)
    return str(present["id"])


def removed(host: Mapping[str, Any]) -> events.NewEvent:
    return events.NewEvent(
        EventType.SUCCEEDED, f"Host {host['name']} is removed.", resource=host["id"], kind="Host", name=host["name"]
    )
