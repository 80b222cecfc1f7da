"""Operations, cancelled."""

from __future__ import annotations

from typing import Annotated

import strawberry

from virtgraph.idempotency import once
from virtgraph.model.refusals import Conflict as ConflictError
from virtgraph.model.refusals import NotFound as NotFoundError
from virtgraph.store import cancelling
from virtgraph.store.graph import Transaction
from virtgraph_api.changes import IdempotencyKey, Info, asked
from virtgraph_api.operations.types import Operation
from virtgraph_api.reading import read
from virtgraph_api.refusals import Conflict, Forbidden, Invalid, NotFound, refusable


@strawberry.type(description="The cancellation is stored. A running operation ends when its worker has seen it.")
class Cancelling:
    id: strawberry.Private[str]

    @strawberry.field(description="The operation as it is now.")
    async def operation(self, info: Info) -> Operation:
        return await read(info, id=self.id)


CancelResult = Annotated[
    Cancelling | Invalid | Conflict | NotFound | Forbidden,
    strawberry.union("CancelResult", description="The operation that ends, or why it cannot be cancelled."),
]


@strawberry.type
class OperationMutations:
    @strawberry.mutation(description="Cancel an operation that waits or runs; what needs it is skipped.")
    @refusable
    async def cancel_operation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")],
        idempotency_key: IdempotencyKey = None,
    ) -> CancelResult:
        context = info.context

        async def cancel(tx: Transaction) -> str:
            state = await cancelling.cancel(tx, id, context.caller)
            if state is None:
                raise NotFoundError("operation", id)
            if state not in ("PENDING", "RUNNING"):
                raise ConflictError(f"Operation {id} is {state}", state, None, ("PENDING", "RUNNING"))
            return id

        cancelled = await once(context.graph, asked(info, id, idempotency_key), cancel, str)
        context.nudge()
        return Cancelling(id=cancelled)
