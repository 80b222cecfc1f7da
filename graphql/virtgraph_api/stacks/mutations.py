"""Stacks: a document in, the same document completed out; and their removal."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import argument

from virtgraph.apply import edits
from virtgraph.apply.documents import apply_document
from virtgraph.model.caller import PROJECT
from virtgraph.store.lookups import require_stack
from virtgraph_api.changes import AppliedRevision, ChangeResult, IdempotencyKey, Info, change
from virtgraph_api.operations.types import Operation
from virtgraph_api.reading import read
from virtgraph_api.refusals import Conflict, Forbidden, Invalid, NoHost, refusable


@strawberry.type(description="What an earlier document of the stack named and this one does not.")
class LeftOut:
    id: strawberry.ID = strawberry.field(description="Its id.")
    kind: str = strawberry.field(description="Its kind.")
    name: str | None = strawberry.field(description="Its name; null for what was never named.")


@strawberry.type(description="The document is stored. The work that it leads to goes on by itself.")
class Applied:
    revision: AppliedRevision = strawberry.field(
        description="The revision that the document is; where nothing changed, the latest."
    )
    document: str = strawberry.field(
        description="The same document, with ids, states, defaults and addresses filled in."
    )
    left_out: list[LeftOut] = strawberry.field(description="Still there: removed only with `prune: true`.")
    operation_ids: strawberry.Private[list[str]]

    @strawberry.field(description="The work that this document leads to; none where nothing is to be done.")
    async def operations(self, info: Info) -> list[Operation]:
        return await read(info, ids=self.operation_ids)


ApplyResult = Annotated[
    Applied | Invalid | Conflict | NoHost | Forbidden,
    strawberry.union("ApplyResult", description="The document as it was stored, or why it was not."),
]


@strawberry.type
class StackMutations:
    @strawberry.mutation(
        description="Make a stack hold what a document says; the answer comes before the work is done."
    )
    @refusable
    async def apply_spec(
        self,
        info: Info,
        document: Annotated[str, argument(description="YAML or JSON, up to 4 MiB: docs/documents.md.")],
        stack: Annotated[str, argument(description="The stack's name; made where there is none.")] = "default",
        prune: Annotated[
            bool, argument(description="Whether to remove what an earlier document named and this one does not.")
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ApplyResult:
        context = info.context
        done = await apply_document(
            context.graph,
            context.vault,
            document,
            stack=stack,
            prune=prune,
            idempotency_key=idempotency_key,
            caller=context.caller,
            images=context.images,
        )
        context.nudge()
        return Applied(
            revision=AppliedRevision.of(done.applied),
            document=done.document,
            left_out=[LeftOut(id=strawberry.ID(o.id), kind=o.kind, name=o.name) for o in done.applied.left_out],
            operation_ids=list(done.applied.operations),
        )

    @strawberry.mutation(description="Remove everything that a stack owns, its volumes too.")
    @refusable
    async def remove_stack(
        self,
        info: Info,
        stack: Annotated[str, argument(description="The stack's name.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ChangeResult:
        await require_stack(info.context.graph, stack, PROJECT)
        return await change(info, stack, edits.remove_stack(stack), input=stack, idempotency_key=idempotency_key)
