"""One transaction of the one way in: lock and read, decide, write. All or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from virtgraph.apply import removal, story, unused
from virtgraph.apply.decision import Decision, Placed, decide, place
from virtgraph.apply.reading import read
from virtgraph.apply.requests import Applied, LeftOut, Request
from virtgraph.idempotency import Asked
from virtgraph.images import measured
from virtgraph.model.current import PoolOn
from virtgraph.model.refusals import NotFound
from virtgraph.planner import ready
from virtgraph.secrets import Vault
from virtgraph.store import answers, changes, events, operations, relations, resources, stacks
from virtgraph.store.graph import Transaction
from virtgraph.store.operations import OfRevision
from virtgraph.store.stacks import StackNow


@dataclass(slots=True)
class Application:
    """One try. Locks are taken in the written order: Stack, Host, Segment, Resource (pools last), Revision, Counter."""

    tx: Transaction
    vault: Vault
    request: Request
    asked: Asked | None

    async def run(self) -> Applied:
        request = self.request
        stack = await stacks.lock(self.tx, request.stack, str(uuid.uuid4()), request.idempotency_key)
        if self.asked and stack.answered:
            return Applied.from_json(self.asked.same(stack.answered))
        own = {now.id: now for now in await resources.of_stack(self.tx, stack.id)}
        edit = request.edit(own)
        if request.images is not None:
            edit = replace(edit, wish=await measured(edit.wish, request.images))
        if edit.end_stack and stack.deleted:
            raise NotFound("stack", request.stack)
        placed = place(await read(self.tx, request, stack.id, edit, own), self.vault, request.facts)
        idle = await unused.find(self.tx, placed.reading, placed.specs, placed.homes.of)
        decision = decide(placed, await self.pools(placed), idle, request, stack.id, self.vault)
        answer = self.answer(decision, stack)
        if decision.changes_something:
            await self.write(decision, stack, answer)
        elif decision.plan.awake:
            await operations.wake(self.tx, decision.plan.awake)
        if edit.end_stack:
            await stacks.end(self.tx, stack)
        if self.asked:
            await answers.keep(self.tx, stack.id, self.asked.key, self.asked.digest, answer.as_json())
        if decision.changes_something:
            await events.write(self.tx, self.story(decision, answer.revision), request.caller)
        return answer

    async def pools(self, placed: Placed) -> dict[str, PoolOn]:
        """By host the pools of what the wish names, locked, with their Bindings."""
        rooms, homes = placed.reading.rooms, placed.homes.of
        meant = {homes.get(target.id) for target in placed.reading.resolved.targets.values()}
        pools = {id: host.pool for id, host in rooms.items() if id in meant}
        bound = await resources.bindings(self.tx, [pool.id for pool in pools.values()], str(uuid.uuid4()))
        return {id: replace(pool, bindings=bound.get(pool.id, ())) for id, pool in pools.items()}

    def answer(self, decision: Decision, stack: StackNow) -> Applied:
        targets = decision.placed.reading.resolved.targets
        changed = decision.changes_something
        return Applied(
            revision=stack.revision + 1 if changed else stack.revision,
            created_at=stack.now if changed else stack.revised_at,
            ids={key: target.id for key, target in targets.items()},
            specs={key: decision.placed.specs[target.id] for key, target in targets.items()},
            left_out=tuple(LeftOut(now.id, now.kind, now.name) for now in decision.placed.reading.left_out),
            operations=tuple(decision.plan.ids()),
            changed=changed,
            refused=self.request.refused,
        )

    async def write(self, decision: Decision, stack: StackNow, answer: Applied) -> None:
        """Everything but the events."""
        request, plan, reading = self.request, decision.plan, decision.placed.reading
        document = request.completed(answer) if request.completed is not None else None
        state = "APPLYING" if plan.makes_wait else "APPLIED"
        await stacks.write_revision(self.tx, stack, request.caller, state, document)
        await relations.take(self.tx, decision.draft.arrows)
        await changes.write(self.tx, decision.draft.changes, stack.id, answer.revision)
        await relations.make(self.tx, decision.draft.arrows)
        await resources.set_homes(self.tx, decision.scene.dhcp_homes, reading.resolved.existing)
        await operations.write(
            self.tx,
            plan,
            ready=ready(plan.operations),
            names=decision.names,
            bound=decision.bound,
            found=reading.found,
            revision=OfRevision(f"{stack.id}/{answer.revision}", request.stack, answer.revision),
            caller=request.caller,
        )
        if reading.removed or plan.gone:
            await removal.begin(self.tx, reading.removed, plan, answer.revision)

    def story(self, decision: Decision, revision: int) -> list[events.NewEvent]:
        stack, reading = self.request.stack, decision.placed.reading
        told: Iterable[events.NewEvent] = (
            *story.scheduled(reading.resolved, decision.placed.homes, reading.rooms, stack, revision),
            *story.superseded(decision.plan, stack),
            *story.waiting(decision.plan, decision.names, stack, revision),
        )
        return [*told, *([] if decision.plan.makes_wait else [story.applied(stack, revision)])]
