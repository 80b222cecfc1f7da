"""What every resource that a person owns can be asked for. No type of the API itself: only others inherit it."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.node import Resource
from virtgraph_api.references import LazyBinding, LazyOperation, LazyStack
from virtgraph_api.scalars import DateTime


@strawberry.type
class Owned(Resource):
    project: str = strawberry.field(description="The project that it belongs to.")
    generation: int = strawberry.field(description="Grows with each change of what is wanted.")
    wanted: str = strawberry.field(description="The wanted state, in the words of documents.")
    task: str | None = strawberry.field(description="What an operation does with it now; null where none does.")
    updated_at: DateTime | None = strawberry.field(description="When it last changed.")
    stack_name: str | None = strawberry.field(description="The name of its stack.")
    stack: LazyStack | None = strawberry.field(description="The stack that it belongs to.")
    bindings: list[LazyBinding] = strawberry.field(description="What it is on each host, as far as it was seen.")
    operation: LazyOperation | None = strawberry.field(description="The latest operation on it.")
    operations: Connection[LazyOperation] = pages("The operations on it, the latest first.")
