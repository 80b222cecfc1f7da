"""What Ansible did on a host without the service, told to it afterwards: wanted state, one Run and what came of it.

It is stored as if the service had asked for it, in one transaction, without what the graph cannot hold. What was not
reported goes on as any other work.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from virtgraph.apply.application import Application
from virtgraph.apply.documents import complete, read
from virtgraph.apply.requests import Applied, Edit, Request
from virtgraph.apply.told import Part, Served, as_known, on_host, with_servers
from virtgraph.idempotency import Asked
from virtgraph.model.caller import Caller
from virtgraph.model.current import Existing
from virtgraph.model.refusals import Conflict, NotFound
from virtgraph.model.states import Action, OperationState, State
from virtgraph.model.wanted import Problem, WantedNetwork, Wish
from virtgraph.placement import NoHost
from virtgraph.secrets import Vault
from virtgraph.spec import Document, Invalid
from virtgraph.store import hosts, relations, resources, runs, schema, stacks
from virtgraph.store.facts import stored
from virtgraph.store.graph import Graph, Row, Transaction
from virtgraph.store.results import End, Result, finish

SLOT = 31  # no Run of the service has it: a host has fewer slots
# (run)-[:REALIZES]->(operation)
REPORTED = """
    MATCH (run:Run {slot: $slot})-[:REALIZES]->(o:Operation)
    WHERE o.id IN $operations
    RETURN run.id AS id
    LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a module said of one resource; of one that several modules worked on, each said something."""

    resource: str
    failed: bool = False
    skipped: bool = False
    error: str | None = None
    cure: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """`removed`: the document's resources were taken away. `installation`: whose mark they bear."""

    host: str
    stack: str
    document: str
    installation: str
    results: tuple[Reported, ...]
    served: tuple[Served, ...] = ()
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """`run` is None where the graph knew all of it already."""

    applied: Applied
    run: str | None


async def report(
    graph: Graph, vault: Vault, told: Report, caller: Caller, images: Path, asked: Asked | None = None
) -> Kept:
    """What cannot be in the graph is left out, and its problems are in the answer. Raises NotFound or Conflict, or where
    nothing is left Invalid or NoHost, and then nothing is stored."""
    own = await schema.installation(graph)
    if told.installation != own:
        raise Conflict(
            f"What was made bears the mark of installation {told.installation}, and this service is {own}: "
            f"set virtgraph_installation: {own} for what it is to know of"
        )
    refuse_facts(told.results)
    document, wish = read(told.document, told.stack)
    reporting = Reporting(vault, told, Document("json", document.tree), caller, images, asked)
    part = Part(with_servers(on_host(wish, told.host), told.served))
    while True:
        try:
            return await graph.write(partial(reporting.store, part=part))
        except (Invalid, NoHost) as error:
            problems = error.problems if isinstance(error, Invalid) else no_room(error, part.wish)
            rest = None if told.removed else part.without(problems)
            if rest is None and part.refused:
                raise Invalid((*part.refused, *problems)) from None
            if rest is None:
                raise
            part = rest


def no_room(error: NoHost, wish: Wish) -> tuple[Problem, ...]:
    return tuple(Problem(wish.resources[error.key].path, f"{host.name}: {host.reason}") for host in error.hosts)


@dataclass(frozen=True, slots=True)
class Reporting:
    """One report, of which a part is stored: all or nothing of that."""

    vault: Vault
    told: Report
    document: Document
    caller: Caller
    images: Path
    asked: Asked | None

    async def store(self, tx: Transaction, part: Part) -> Kept:
        told, wish = self.told, part.wish
        named = await hosts.named(tx, told.host)
        if named is None:
            raise NotFound("host", told.host)
        token = str(uuid.uuid4())
        # in the written order, before what the application locks
        await stacks.lock(tx, told.stack, token, None)
        await tx.run(hosts.LOCK, token=token)
        host = await tx.row(runs.HOST, host=named["id"], token=token)
        assert host is not None
        request = Request(
            told.stack,
            await removal(tx, wish) if told.removed else lambda own: Edit(as_known(wish, own, self.images)),
            self.caller,
            idempotency_key=self.asked.key if self.asked else None,
            document=not told.removed,
            completed=None if told.removed else lambda applied: complete(self.document, wish, applied),
            images=self.images,
            facts=True,
            refused=part.refused,
        )
        applied = await Application(tx, self.vault, request, self.asked).run()
        action = Action.REMOVE if told.removed else Action.REALIZE
        return Kept(applied, await keep(tx, host, action, applied.operations, told.results, self.caller))


def refuse_facts(results: Sequence[Reported]) -> None:
    """Those that a Binding would keep, and cannot. Raises Invalid."""
    problems = [
        Problem(f"input.results[{n}].facts.{name}", "must be text, a whole number, true, false or null")
        for n, one in enumerate(results)
        for name, value in stored(one.facts).items()
        if not (value is None or isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < 1 << 63))
    ]
    if problems:
        raise Invalid(tuple(problems))


async def removal(tx: Transaction, wish: Wish) -> Callable[[Mapping[str, Existing]], Edit]:
    """Of those that the stack still has, without what others use: for them it stays."""
    told = {wanted.id for wanted in wish.resources.values() if wanted.id is not None}
    networks = [wanted.id for wanted in wish.resources.values() if isinstance(wanted, WantedNetwork) and wanted.id]
    nics = await relations.nics_on(tx, networks)

    def edit(own: Mapping[str, Existing]) -> Edit:
        going = {id for id, now in own.items() if now.state is State.DELETING}
        ended = going | (told & own.keys())
        gone = {id for id in ended - going if ended.issuperset((*own[id].used_by, *nics.get(id, ())))}
        return Edit(Wish(wish.stack, {}), frozenset(gone))

    return edit


async def keep(
    tx: Transaction,
    host: Row,
    action: Action,
    operations: Sequence[str],
    results: Sequence[Reported],
    caller: Caller,
) -> str | None:
    """The Run and its results, of the operations on this host that something was reported of."""
    token = str(uuid.uuid4())
    pool = await runs.pool_of(tx, host["id"])
    told = by_resource(results, pool)
    rows = await tx.rows(runs.PENDING, ids=list(operations), state="PENDING")
    here = sorted((row for row in rows if row["binding"].endswith(f"@{host['id']}")), key=lambda row: row["ordinal"])
    said = {row["id"]: told[row["resource"]] for row in here}
    mine = runs.without_blocked([row for row in here if said[row["id"]]])
    if not mine:  # all of it was known, or this is the answer to the same report again
        known = await tx.row(REPORTED, operations=list(operations), slot=SLOT)
        return str(known["id"]) if known else None
    await resources.lock(tx, (row["resource"] for row in mine), token)
    claim = await runs.begin(tx, host, SLOT, action, mine, f"ansible-playbook, reported by {caller.actor}", token)
    ended = [result(row["id"], said[row["id"]]) for row in mine]
    failed = [one.error for one in ended if one.state is OperationState.FAILED]
    end = End(OperationState.FAILED, failed[0]) if failed else End(OperationState.SUCCEEDED)
    await finish(tx, claim, ended, end)
    return claim.run


def by_resource(results: Sequence[Reported], pool: Row | None) -> Mapping[str, Sequence[Reported]]:
    """What was said of each. The host's pool is known by its folder: the run has an id of its own for it."""
    said: defaultdict[str, list[Reported]] = defaultdict(list)
    for one in results:
        is_pool = pool is not None and one.facts.get("path") == pool["path"]
        said[pool["id"] if pool is not None and is_pool else one.resource].append(one)
    return said


def result(operation: str, said: Sequence[Reported]) -> Result:
    """The first failure, else all facts."""
    for one in said:
        if one.failed or one.skipped:
            state = OperationState.FAILED if one.failed else OperationState.SKIPPED
            return Result(operation, state, one.error, one.cure)
    facts = {name: value for one in said for name, value in stored(one.facts).items()}
    return Result(operation, OperationState.SUCCEEDED, facts=facts)
