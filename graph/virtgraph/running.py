"""One Run while it is under way: collects what the host reports, writes it in batches, keeps the lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from virtgraph.dispatch import Outcome, ResourceResult
from virtgraph.model.states import Action, OperationState
from virtgraph.play_doc import PlayDoc
from virtgraph.store import hosts, runs
from virtgraph.store.facts import stored
from virtgraph.store.graph import Graph, is_away
from virtgraph.store.results import End, Result, finish
from virtgraph.store.runs import Claim, ClaimedOperation

log = structlog.get_logger()

BATCH = 0.1  # seconds that results are gathered before they are written
ENDED_AS = {"successful": OperationState.SUCCEEDED, "cancelled": OperationState.CANCELLED}  # a Run
MISTAKES = 3  # tries of what the graph refuses, until the results' facts are left away
UNWRITABLE = "What the host said of it could not be stored. The service's log says why."


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `lease`: a Run whose beat stands still for so long is dead.

    `patience`: how long a host that does not answer in time is tried again.
    """

    home: Path
    lease: float = 15.0
    poll: float = 1.0
    patience: float = 300.0
    warm: bool = True
    events_kept: int = 200_000


@dataclass(slots=True)
class Progress:
    """What an operation's steps have brought so far."""

    missing: int
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Running:
    graph: Graph
    claim: Claim
    play: PlayDoc
    limits: Limits
    announce: Callable[[], None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: set[str] = field(default_factory=set)
    lost: bool = False
    _open: dict[str, ClaimedOperation] = field(default_factory=dict)  # by resource
    _progress: dict[str, Progress] = field(default_factory=dict)
    _results: list[Result] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        for operation in self.claim.operations:
            self._open[operation.resource] = operation
            self._progress[operation.resource] = Progress(self.play.steps.get(operation.resource, 0))

    def take(self, reports: list[ResourceResult]) -> None:
        """What the host reports of some resources. An operation is done with its last step, or its first failure."""
        for report in reports:
            operation = self._open.get(report.id)
            if operation is None:
                continue
            if report.failed or report.skipped:
                state = OperationState.FAILED if report.failed else OperationState.SKIPPED
                self.close(operation, state, report.error, report.cure)
                continue
            progress = self._progress[report.id]
            progress.missing -= 1
            progress.facts |= stored(report.facts)
            if progress.missing <= 0:
                self.close(operation, OperationState.SUCCEEDED)

    def close(
        self, operation: ClaimedOperation, state: OperationState, error: str | None = None, cure: str | None = None
    ) -> None:
        facts = self._progress[operation.resource].facts if state is OperationState.SUCCEEDED else {}
        del self._open[operation.resource]
        self._results.append(Result(operation.id, state, error, cure, facts))
        self._arrived.set()

    async def write_results(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(BATCH)
            self._arrived.clear()
            await asyncio.shield(self.flush(None))

    async def flush(self, end: End | None) -> None:
        """Write what is there. Tried until the graph answers: a result is not lost while this process lives.

        One at a time: the Run's end must not overtake results that are still being written.
        """
        async with self._writing:
            results, self._results = self._results, []
            if self.lost or not (results or end):
                return
            if not await self.written(results, end):
                self.give_up()
        self.announce()

    async def written(self, results: list[Result], end: End | None) -> bool:
        """False where they are not: for another's claim, or for what no later try would mend."""
        mistakes = 0
        while True:
            try:
                return await self.graph.write(partial(finish, claim=self.claim, results=results, end=end))
            except Exception as error:
                if is_away(error):
                    log.warning("results wait for the graph", run=self.claim.run, error=str(error))
                    await asyncio.sleep(1)
                    continue
                log.exception("results cannot be written", run=self.claim.run)
                mistakes += 1
                if mistakes == MISTAKES:
                    results = [Result(result.operation, OperationState.FAILED, UNWRITABLE) for result in results]
                elif mistakes > MISTAKES:
                    return False
                await asyncio.sleep(1)

    def give_up(self) -> None:
        """Another worker owns this Run, or will: what comes of it here counts no more."""
        log.warning("run was given up: another worker's now, or soon", run=self.claim.run)
        self.lost = True
        self.stop.set()

    async def keep(self) -> None:
        """Renew the lease; end the Run when it is lost or an operation of it is cancelled."""
        while True:
            await asyncio.sleep(self.limits.lease / 3)
            try:
                cancelled = await runs.renew(self.graph, self.claim)
            except Exception as error:
                log.warning("a lease could not be renewed", run=self.claim.run, error=str(error))
                continue
            if cancelled is None:
                self.give_up()
                return
            if cancelled:
                self.cancelled.update(cancelled)
                self.stop.set()
                return

    async def end(self, outcome: Outcome) -> None:
        """Give every operation that is still open the Run's outcome."""
        if self.claim.action is Action.OBSERVE and outcome.status == "successful":
            self.take_probe(outcome.host_facts)
        for operation in list(self._open.values()):
            self.close_by_outcome(operation, outcome)
        state = ENDED_AS.get(outcome.status, OperationState.FAILED)
        await self.flush(End(state, None if outcome.status == "successful" else outcome.message))

    def take_probe(self, facts: Mapping[str, Any]) -> None:
        """What a host says of itself."""
        for operation in list(self._open.values()):
            self._progress[operation.resource].facts = hosts.probed(facts, self.claim.host)
            self.close(operation, OperationState.SUCCEEDED)

    def close_by_outcome(self, operation: ClaimedOperation, outcome: Outcome) -> None:
        if outcome.status == "successful" and self._progress[operation.resource].missing <= 0:
            self.close(operation, OperationState.SUCCEEDED)
        elif outcome.status == "cancelled" and operation.id in self.cancelled:
            self.close(operation, OperationState.CANCELLED, "It was cancelled.")
        elif outcome.status in ("cancelled", "lost") and operation.attempt < runs.ATTEMPTS:
            self.again(operation, outcome.message, 0)
        elif outcome.status in ("unreachable", "deadline") and waited(operation.attempt) < self.limits.patience:
            self.again(operation, outcome.message, int(pause(operation.attempt) * 1000))
        else:
            message = outcome.message if outcome.status != "successful" else "The host reported nothing of it."
            self.close(operation, OperationState.FAILED, message)

    def again(self, operation: ClaimedOperation, error: str, pause: int) -> None:
        self._open.pop(operation.resource)
        self._results.append(Result(operation.id, OperationState.PENDING, error, retry_in=pause, pin=self.claim.slot))


def pause(attempt: int) -> float:
    """Seconds to the next try of a host that does not answer: 1, 2, 4, … at most 30."""
    return min(30.0, 2.0 ** min(attempt - 1, 10))


def waited(attempt: int) -> float:
    """Seconds of all pauses so far."""
    return sum(pause(earlier) for earlier in range(1, attempt))
