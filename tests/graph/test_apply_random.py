"""Random sequences of applies, edits, claims and results: what must hold of the graph holds after each, and at the end
of all removals nothing is taken any more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import invariants
import pytest
from applying import edit, network, nic, put, states, values, vm, volume
from playing import GIB, a_host, claim, finish_all, work

from virtgraph.apply import edits
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.placement import NoHost
from virtgraph.spec.errors import Invalid
from virtgraph.store import runs
from virtgraph.store.graph import Graph
from virtgraph.store.runs import Claim

STEPS = 40
STACKS = ("a", "b")


@dataclass
class Play:
    """One game: what happens is decided by its chance alone."""

    graph: Graph
    chance: random.Random
    running: list[Claim] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def step(self) -> None:
        stack = self.chance.choice(STACKS)
        move = self.chance.choices((self.apply, self.remove, self.begin, self.end), (5, 3, 3, 3))[0]
        try:
            await move(stack)
            self.log.append(f"{move.__name__} {stack}: done")
        except (Conflict, Invalid, NoHost, NotFound) as refusal:
            self.log.append(f"{move.__name__} {stack}: {type(refusal).__name__}")

    async def apply(self, stack: str) -> None:
        prune = self.chance.random() < 0.5
        await put(self.graph, self.document(stack, await self.networks()), stack, prune=prune)

    async def networks(self) -> list[str]:
        """Ids of all networks: a NIC may be on one of another stack."""
        return await values(
            self.graph, "MATCH (n:Network) WHERE n.deletedAt IS NULL RETURN n.id AS id ORDER BY n.vlanId, id"
        )

    def document(self, stack: str, networks: Sequence[str]) -> dict[str, Any]:
        chance = self.chance
        tag = STACKS.index(stack) if chance.random() < 0.95 else 7
        found: dict[str, Any] = {"net": network(1 + tag, pool="10.0.0.1-10.0.0.5")}
        targets: list[str | dict[str, Any]] = ["net", "net", *({"id": id} for id in networks)]
        for name in chance.sample(("one", "two", "three"), chance.randrange(4)):
            cards = [nic(chance.choice(targets), **self.address()) for _ in range(chance.randrange(3))]
            disks = [volume(f"{chance.randrange(1, 4)}gb") for _ in range(chance.randrange(2))]
            found[name] = vm(*cards, *disks, vcpus=chance.randrange(1, 3), status=chance.choice(("running", "stopped")))
        if chance.random() < 0.3:
            found["disk"] = volume(f"{chance.randrange(1, 5)}gb")
        return found

    def address(self) -> dict[str, Any]:
        return {"ip_addresses": [f"10.0.0.{self.chance.randrange(1, 8)}"]} if self.chance.random() < 0.3 else {}

    async def remove(self, stack: str) -> None:
        kind, id, stack = self.chance.choice([*await self.living(), ("Stack", "", stack)])
        if kind == "VM":
            await edit(self.graph, edits.delete_vm(stack, id, volumes=self.chance.random() < 0.5), stack)
        elif kind == "NIC":
            await edit(self.graph, edits.delete_nic(stack, id), stack)
        elif kind == "Volume":
            await edit(self.graph, edits.delete_volume(stack, id), stack)
        else:
            await edit(self.graph, edits.remove_stack(stack), stack)

    async def living(self) -> Sequence[tuple[str, str, str]]:
        """Kind, id and stack of everything but networks."""
        rows = await self.graph.read(
            """
            MATCH (s:Stack)-[:OWNS]->(r:Resource)
            WHERE r.kind <> 'Network'
            RETURN r.kind AS kind, r.id AS id, s.name AS stack
            ORDER BY stack, r.key
            """
        )
        return [(row["kind"], row["id"], row["stack"]) for row in rows]

    async def begin(self, stack: str) -> None:
        for host in await runs.ready_hosts(self.graph):
            if claimed := await claim(self.graph, host):
                self.running.append(claimed)

    async def end(self, stack: str) -> None:
        if self.running:
            claimed = self.running.pop(self.chance.randrange(len(self.running)))
            failing = {o.resource for o in claimed.operations if self.chance.random() < 0.1}
            await finish_all(self.graph, claimed, failing)

    async def end_all(self) -> None:
        while self.running:
            await self.end("")
        await work(self.graph)


@pytest.mark.parametrize("number", range(6))
async def test_whatever_is_asked_for(graph: Graph, number: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    play = Play(graph, random.Random(seed))
    for name in ("host1", "host2"):
        await a_host(graph, name, vcpus=6, disk=12 * GIB)
    try:
        for _ in range(STEPS):
            await play.step()
            await invariants.check(graph)
        await play.end_all()
        await invariants.check(graph)
        await everything_goes(graph, await play.living())
    finally:
        print("\n".join(play.log))


async def everything_goes(graph: Graph, living: Sequence[tuple[str, str, str]]) -> None:
    for kind, id, stack in living:  # the stacks may use each other's networks
        if kind == "VM":
            await edit(graph, edits.delete_vm(stack, id, volumes=True), stack)
    await work(graph)
    for kind, id, stack in living:
        if kind == "NIC" and await values(
            graph, "MATCH (n:NIC {id: $id}) WHERE n.deletedAt IS NULL RETURN n.id AS id", id=id
        ):
            await edit(graph, edits.delete_nic(stack, id), stack)
    await work(graph)
    for stack in await values(graph, "MATCH (s:Stack) WHERE s.deletedAt IS NULL RETURN s.name AS name"):
        await edit(graph, edits.remove_stack(stack), stack)
    await work(graph)
    assert await states(graph) == {}
    assert await values(graph, "MATCH (n) WHERE n:Address OR n:Subnet RETURN n") == []
    assert await values(graph, "MATCH (h:Host) RETURN h.reservedVcpus + h.reservedMemory + h.reservedDisk AS sum") == [
        0,
        0,
    ]
    keys = "MATCH (r:Resource) WHERE r.spec IS NOT NULL AND (r.nameKey + r.macKey + r.vlanKey) IS NOT NULL RETURN r.id AS id"
    assert await values(graph, keys) == []
    assert await values(graph, "MATCH (o:Operation) WHERE o.state IN ['PENDING', 'RUNNING'] RETURN o.id AS id") == []
    await invariants.check(graph)
