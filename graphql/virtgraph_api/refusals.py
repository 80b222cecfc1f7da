"""Expected refusals as members of result unions: a program can act on their fields. Anything else is a GraphQL error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import strawberry

from virtgraph import placement, spec
from virtgraph.model import refusals


@strawberry.type(description="Why something is refused, and where in the caller's text.")
class Problem:
    path: str
    reason: str


@strawberry.type(description="The input is refused; nothing is stored.")
class Invalid:
    problems: list[Problem]


@strawberry.type(description="What is asked for overlaps with what is there or being done; nothing is stored.")
class Conflict:
    message: str
    state: str | None
    task: str | None
    needed_states: list[str]


@strawberry.type(description="Why this host does not take it.")
class HostReason:
    name: str
    reason: str


@strawberry.type(description="No host can take it; nothing is stored.")
class NoHost:
    hosts: list[HostReason]


@strawberry.type(description="There is no such thing, or it is deleted.")
class NotFound:
    message: str
    kind: str
    reference: str


@strawberry.type(
    description="The caller may not do this. Every token is an administrator's now: no request is answered so yet."
)
class Forbidden:
    message: str


P = ParamSpec("P")
T = TypeVar("T")


def refusable(resolver: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[Any]]:
    """Turn the core's refusals into their result types."""

    @wraps(resolver)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return await resolver(*args, **kwargs)
        except spec.Invalid as error:
            return Invalid(problems=[Problem(path=p.path, reason=p.reason) for p in error.problems])
        except placement.NoHost as error:
            return NoHost(hosts=[HostReason(name=h.name, reason=h.reason) for h in error.hosts])
        except refusals.Conflict as error:
            return Conflict(
                message=error.message,
                state=error.state,
                task=error.task,
                needed_states=list(error.needed_states),
            )
        except refusals.NotFound as error:
            return NotFound(message=error.message, kind=error.kind, reference=error.reference)

    return answer
