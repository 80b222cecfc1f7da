"""Idempotency keys: the same request with the same key is answered the same, and nothing is done twice."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from virtgraph.model.caller import PROJECT
from virtgraph.model.refusals import Conflict
from virtgraph.secrets import Vault
from virtgraph.spec import scalars
from virtgraph.spec.errors import Problems
from virtgraph.spec.node import Node
from virtgraph.store import answers
from virtgraph.store.answers import Answered
from virtgraph.store.graph import Graph, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its key; `input` is the caller's own text, which the key stands for. Raises Invalid for the key."""

    vault: Vault
    key: str
    input: str

    def __post_init__(self) -> None:
        """It becomes part of an indexed key in the graph, of which the engines take some thousand bytes."""
        problems = Problems()
        Node(self.key, "idempotencyKey", problems).read(scalars.name)
        problems.settle()

    @property
    def digest(self) -> str:
        return self.vault.digest(self.input, "request", "input")

    def same(self, answered: Answered) -> str:
        """The answer of before. Raises Conflict where it was another request's."""
        if answered.input_digest != self.digest:
            raise Conflict(f"The idempotency key {self.key} was used for another request")
        return answered.answer


async def once(
    graph: Graph, asked: Asked | None, work: Callable[[Transaction], Awaitable[T]], read: Callable[[Any], T]
) -> T:
    """Do what belongs to no stack, in one transaction with its answer, which `read` makes of its JSON when it is asked
    for again. Without a key it is done each time."""
    if asked is None:
        return await graph.write(work)

    async def locked(tx: Transaction) -> T:
        answered = await answers.hold(tx, PROJECT, asked.key, str(uuid.uuid4()))
        if answered is not None:
            return read(orjson.loads(asked.same(answered)))
        answer = await work(tx)
        await answers.keep(tx, PROJECT, asked.key, asked.digest, orjson.dumps(answer).decode())
        return answer

    return await graph.write(locked)


async def answered_before(graph: Graph, asked: Asked | None) -> Any:
    """The JSON of what was answered already outside of stacks, or None. Raises Conflict."""
    answered = await answers.find(graph, PROJECT, asked.key) if asked else None
    return orjson.loads(asked.same(answered)) if asked and answered else None
