"""The worker: claims Runs, hands them to the dispatcher, writes back what came of them. Everything it knows is in the graph."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from virtgraph import owners, play_doc
from virtgraph.dispatch import Dispatcher, HostAccess, Order, Outcome
from virtgraph.model.caller import SERVICE
from virtgraph.model.states import Action, EventType
from virtgraph.observe import Observer
from virtgraph.running import Limits, Running
from virtgraph.secrets import Vault
from virtgraph.setbacks import Setbacks
from virtgraph.store import events, hosts, runs
from virtgraph.store.events import NewEvent
from virtgraph.store.graph import Graph, Transaction, is_away
from virtgraph.store.runs import Beat, Claim
from virtgraph.tree import tree

log = structlog.get_logger()


@dataclass(slots=True)
class Seen:
    """Another's beat, and when it was first seen at that value on this machine's monotonic clock."""

    beat: int
    since: float


@dataclass(slots=True)
class Worker:
    graph: Graph
    vault: Vault
    installation: str
    limits: Limits
    announce: Callable[[], None] = lambda: None  # something was written that others may wait for
    owner: str = field(default_factory=owners.this_process)
    nudged: asyncio.Event = field(default_factory=asyncio.Event)  # to be set when there may be work
    dispatcher: Dispatcher = field(init=False)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _seen: dict[str, Seen] = field(default_factory=dict)
    _setbacks: Setbacks = field(default_factory=Setbacks)

    def observer(self) -> Observer:
        return Observer(self.graph, self.installation, self.dispatcher.runtime / "observe", self.announce)

    async def run(self) -> None:
        """Until cancelled. The Runs of a cancelled worker are left to the next one, which takes them over."""
        self.dispatcher = Dispatcher(self.limits.home, warm=self.limits.warm)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.dispatcher.start())
                tasks.create_task(forever(self.claim_ready, self.pause))
                tasks.create_task(self.observer().run())
                tasks.create_task(forever(self.judge, lambda: asyncio.sleep(self.limits.lease / 5)))
                tasks.create_task(forever(self.prune, lambda: asyncio.sleep(60)))
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self.dispatcher.close()

    async def pause(self) -> None:
        try:
            async with asyncio.timeout(self.limits.poll):
                await self.nudged.wait()
        except TimeoutError:
            pass
        self.nudged.clear()

    async def claim_ready(self) -> None:
        """Everything that can be claimed, host by host, so that a full host hides nobody else's work."""
        for host in filter(self._setbacks.is_due, await runs.ready_hosts(self.graph)):
            with self._setbacks.harmless("a host's work cannot be begun", host):
                while prepared := await self.claim(host):
                    self.start(*prepared)

    async def claim(self, host: str) -> tuple[Claim, play_doc.PlayDoc] | None:
        async def work(tx: Transaction) -> tuple[Claim, play_doc.PlayDoc] | None:
            claim = await runs.claim(tx, host, self.owner)
            return None if claim is None else (claim, await self.prepare(tx, claim))

        return await self.graph.write(work)

    async def prepare(self, tx: Transaction, claim: Claim) -> play_doc.PlayDoc:
        """What the playbook is given, read in the transaction that claims; and the events that say what was asked."""
        rows = await runs.load(tx, [operation.resource for operation in claim.operations])
        wanted = set(play_doc.speaks_of(rows.values()))
        while missing := wanted - rows.keys():
            more = await runs.load(tx, sorted(missing))
            rows |= more
            wanted = set(play_doc.speaks_of(more.values())) - (missing - more.keys())
        materials = play_doc.Materials(
            claim=claim,
            installation=self.installation,
            rows=rows,
            pool=await runs.pool_of(tx, claim.host["id"]),
            others=await hosts.others(tx, claim.host["id"]) if claim.action is Action.OBSERVE else (),
            images=str(self.limits.home / "images"),
            unseal=lambda sealed, id: self.vault.unseal(sealed, id, "vncPassword"),
        )
        if served := play_doc.served_here(materials):
            reserved = await runs.reserved(tx, served, claim.host["id"])
            more = await runs.load(tx, reserved)
            materials = replace(materials, rows=rows | more, reserved=tuple(more))
        stories = await runs.stories(tx, claim)
        await events.write(tx, [requested(claim, story, rows) for story in stories], SERVICE)
        return play_doc.build(materials)

    def start(self, claim: Claim, play: play_doc.PlayDoc) -> None:
        self.announce()
        task = asyncio.create_task(self.work(claim, play), name=f"run {claim.run}")
        self._running[claim.run] = task
        task.add_done_callback(lambda _: self.ended(claim.run))

    def ended(self, run: str) -> None:
        self._running.pop(run, None)
        self.nudged.set()

    async def work(self, claim: Claim, play: play_doc.PlayDoc) -> None:
        """One Run from its claim to its end, renewed all the while."""
        running = Running(self.graph, claim, play, self.limits, self.announce)
        renewing = asyncio.create_task(running.keep())
        writing = asyncio.create_task(running.write_results())
        try:
            outcome = await self.perform(claim, play, running)
        finally:
            renewing.cancel()
            writing.cancel()
        await running.end(outcome)

    async def perform(self, claim: Claim, play: play_doc.PlayDoc, running: Running) -> Outcome:
        """What comes of a Run's playbook. A mistake of ours is a failure: what nobody does must not stay RUNNING."""
        try:
            order = Order(
                run=claim.run,
                host=access(claim),
                playbook=str(claim.action),
                doc=play.doc,
                secrets=play.secrets,
                timeout=play_doc.DEADLINE * 6,
                roles=play.roles,
            )
            return await self.dispatcher.run(order, running.take, running.stop)
        except Exception:
            log.exception("a run was ended by a mistake", run=claim.run)
            return Outcome(
                "failed", f"The work on {claim.host['name']} was ended by a mistake of virtgraph; its log tells."
            )

    async def prune(self) -> None:
        await events.prune(self.graph, self.limits.events_kept)

    async def judge(self) -> None:
        """Take over the Runs of the dead: those whose process is gone from this machine, or whose beat stands still."""
        now = time.monotonic()
        beats = [beat for beat in await runs.beats(self.graph) if beat.run not in self._running]
        self._seen = {beat.run: self._seen.get(beat.run, Seen(beat.beat, now)) for beat in beats}
        for beat in beats:
            seen = self._seen[beat.run]
            if seen.beat != beat.beat:
                self._seen[beat.run] = Seen(beat.beat, now)
            elif self._setbacks.is_due(beat.run) and self.is_dead(beat, now - seen.since):
                with self._setbacks.harmless("a dead run cannot be taken over", beat.run):
                    await self.take_over(beat)

    def is_dead(self, beat: Beat, still: float) -> bool:
        return still > self.limits.lease or owners.is_gone(beat.owner)

    async def take_over(self, beat: Beat) -> None:
        """Begin a dead Run again; but one whose operations saw too many Runs die is ended."""

        async def work(tx: Transaction) -> tuple[Claim, play_doc.PlayDoc] | None:
            claim = await runs.take_over(tx, beat, self.owner)
            if claim is None:
                return None
            return claim, play_doc.PlayDoc({}) if is_spent(claim) else await self.prepare(tx, claim)

        prepared = await self.graph.write(work)
        if prepared is None:
            return
        claim, play = prepared
        log.info("took over a dead run", run=beat.run, host=beat.host)
        if is_spent(claim):
            running = Running(self.graph, claim, play, self.limits, self.announce)
            await running.end(Outcome("lost", f"Its worker died over it, and it was tried {runs.ATTEMPTS} times."))
        else:
            self.start(claim, play)


def is_spent(claim: Claim) -> bool:
    return any(operation.attempt > runs.ATTEMPTS for operation in claim.operations)


def access(claim: Claim) -> HostAccess:
    host = claim.host
    return HostAccess(
        name=host["name"],
        address=host["address"],
        user=host["user"] or "root",
        port=host["port"] or 22,
        key_file=host["keyFile"],
        host_key=host["hostKey"],
        local=bool(host["local"]),
    )


def requested(claim: Claim, story: runs.Story, rows: runs.Rows) -> NewEvent:
    asked = {Action.REALIZE: "make", Action.REMOVE: "remove", Action.OBSERVE: "observe"}[claim.action]
    return NewEvent(
        EventType.REQUESTED,
        f"Host {claim.host['name']} is asked to {asked} {story.kind} {story.name}.",
        stack=story.stack,
        resource=story.resource,
        kind=story.kind,
        name=story.name,
        host=claim.host["name"],
        operation=story.operation,
        revision=story.revision,
        data={"action": str(claim.action), "object": tree(story.resource, rows, claim.host)},
    )


async def forever(work: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
    """Again and again; a graph that is away for a while is no reason to stop, nor is a mistake of ours."""
    while True:
        try:
            await work()
        except Exception as error:
            if is_away(error):
                log.warning("the graph does not answer", error=str(error))
                await asyncio.sleep(0.5)
            else:
                log.exception("a part of the worker failed")
        await pause()
