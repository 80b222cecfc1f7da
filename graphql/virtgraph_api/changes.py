"""What every change is answered with, and the one way from a resolver to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypeAlias

import orjson
import strawberry

from virtgraph.apply.call import Applied as Stored
from virtgraph.apply.call import Edit, Request, apply
from virtgraph.idempotency import Asked
from virtgraph.model.current import Existing
from virtgraph_api.context import Context
from virtgraph_api.node import Resource
from virtgraph_api.operations.types import Operation
from virtgraph_api.reading import read
from virtgraph_api.refusals import Conflict, Forbidden, Invalid, NoHost, NotFound
from virtgraph_api.scalars import DateTime
from virtgraph_api.written import Written

Info: TypeAlias = strawberry.Info[Context, None]
IdempotencyKey: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description="Up to 255 characters: the same request with the same key is answered the same, and done once."
    ),
]


@strawberry.type(description="A revision of a stack: its number, without gaps, and its time.")
class AppliedRevision:
    number: int = strawberry.field(description="1 for the first of the stack.")
    created_at: DateTime = strawberry.field(description="When it was asked for.")

    @classmethod
    def of(cls, stored: Stored) -> AppliedRevision:
        return cls(number=stored.revision, created_at=DateTime(stored.created_at))


@strawberry.type(description="What was stored. The work that it leads to goes on by itself.")
class Changed:
    id: strawberry.ID | None = strawberry.field(description="The resource that was asked for; null for a stack.")
    revision: AppliedRevision = strawberry.field(
        description="The revision of the stack that this change made; where it changed nothing, the latest."
    )
    operation_ids: strawberry.Private[list[str]]

    @strawberry.field(description="The work that this change leads to.")
    async def operations(self, info: Info) -> list[Operation]:
        return await read(info, ids=self.operation_ids)

    @strawberry.field(description="The resource as it is now.")
    async def resource(self, info: Info) -> Resource | None:
        return await read(info, id=self.id) if self.id else None


ChangeResult = Annotated[
    Changed | Invalid | Conflict | NoHost | NotFound | Forbidden,
    strawberry.union("ChangeResult", description="What was stored, or why nothing was."),
]


class Creation(Protocol):
    """The input of a mutation that makes a resource."""

    stack: str

    def written(self) -> Written: ...


async def create(info: Info, input: Creation, idempotency_key: str | None) -> Changed:
    """Make what an input describes. Problems are told by the places of the input."""
    written = input.written()
    with written.in_own_words():
        return await change(info, input.stack, written.creating(), input=input, idempotency_key=idempotency_key)


async def change(
    info: Info,
    stack: str,
    edit: Callable[[Mapping[str, Existing]], Edit],
    *,
    id: str | None = None,
    input: Any = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Apply an edit to a stack. `id`: the resource that the answer shows; else the first that the edit wishes for."""
    context = info.context
    text = as_text(info, input)
    stored = await apply(
        context.graph,
        context.vault,
        Request(stack, edit, context.caller, idempotency_key=idempotency_key, input=text, images=context.images),
    )
    context.nudge()
    shown = id or next(iter(stored.ids.values()), None)
    return Changed(
        id=strawberry.ID(shown) if shown else None,
        revision=AppliedRevision.of(stored),
        operation_ids=list(stored.operations),
    )


def asked(info: Info, input: Any, idempotency_key: str | None) -> Asked | None:
    """A request about what belongs to no stack, with its key if it has one. Raises Invalid."""
    if idempotency_key is None:
        return None
    return Asked(info.context.vault, idempotency_key, as_text(info, input))


def as_text(info: Info, input: Any) -> str:
    """What an idempotency key stands for."""
    return orjson.dumps({"field": info.field_name, "input": input}, option=orjson.OPT_SORT_KEYS).decode()
