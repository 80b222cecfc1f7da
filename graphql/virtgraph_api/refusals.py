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
    path: str = strawberry.field(
        description="The place, such as `spec.web.memory` of a document or `input.nics[0].hwAddr`."
    )
    reason: str = strawberry.field(description="Why, in words.")


@strawberry.type(description="The input is refused; nothing is stored.")
class Invalid:
    problems: list[Problem] = strawberry.field(description="All that were found, up to 1000.")


@strawberry.type(description="What is asked for overlaps with what is there or being done; nothing is stored.")
class Conflict:
    message: str = strawberry.field(description="What is in the way, in words.")
    state: str | None = strawberry.field(description="The state of what is in the way.")
    task: str | None = strawberry.field(description="What an operation does with it now.")
    needed_states: list[str] = strawberry.field(
        description="The states in which it would not be in the way; empty where it is not a matter of states."
    )


@strawberry.type(description="Why this host does not take it.")
class HostReason:
    name: str = strawberry.field(description="The name of the host.")
    reason: str = strawberry.field(description="Why, in words.")


@strawberry.type(description="No host can take it; nothing is stored.")
class NoHost:
    hosts: list[HostReason] = strawberry.field(description="All hosts; or only the one where it is already.")


@strawberry.type(description="There is no such thing, or it is deleted.")
class NotFound:
    message: str = strawberry.field(description="The same in words.")
    kind: str = strawberry.field(description="The kind of what is not there.")
    reference: str = strawberry.field(description="The id or name that was given.")


@strawberry.type(
    description="The caller may not do this. Every token is an administrator's now: no request is answered so yet."
)
class Forbidden:
    message: str = strawberry.field(description="Why, in words.")


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
