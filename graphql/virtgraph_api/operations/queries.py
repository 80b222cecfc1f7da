"""Operations and runs: what can be asked for at the root.

The arguments are for the compiler of reads, which takes them from the query.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Info, argument

from virtgraph_api.connections import AFTER, BEFORE, FILTER, FIRST, LAST, ORDER_BY, Connection
from virtgraph_api.enums import BY_CREATED_AT, BY_STATE, Action, Direction, OperationState
from virtgraph_api.operations.types import Operation, Run
from virtgraph_api.reading import read
from virtgraph_api.scalars import DateTime


@strawberry.enum(description="What operations can be sorted by.")
class OperationOrderField(Enum):
    CREATED_AT = BY_CREATED_AT
    STARTED_AT = strawberry.enum_value("startedAt", description="By when it was first tried.")
    ENDED_AT = strawberry.enum_value("endedAt", description="By when it reached its final state.")
    STATE = BY_STATE


@strawberry.input(description="An order of operations; the id decides between equals.")
class OperationOrder:
    field: OperationOrderField = strawberry.field(description="What to sort by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="In which direction.")


@strawberry.input(description="Which operations: all of what is given must be true.")
class OperationFilter:
    ids: list[strawberry.ID] | None = strawberry.field(default=UNSET, description="Their ids.")
    state: list[OperationState] | None = strawberry.field(default=UNSET, description="One of these states.")
    created_after: DateTime | None = strawberry.field(default=UNSET, description="Created after this moment.")
    created_before: DateTime | None = strawberry.field(default=UNSET, description="Created before this moment.")
    action: list[Action] | None = strawberry.field(default=UNSET, description="One of these actions.")
    kind: str | None = strawberry.field(default=UNSET, description="The kind of their resource.")
    actor: str | None = strawberry.field(default=UNSET, description="Who asked for them.")
    request_id: str | None = strawberry.field(default=UNSET, description="In which request they were asked for.")
    resource: str | None = strawberry.field(default=UNSET, description="Their resource, by id or name.")
    host: str | None = strawberry.field(default=UNSET, description="Their host, by id or name.")
    stack: str | None = strawberry.field(default=UNSET, description="The stack whose change led to them, by name.")


@strawberry.type
class OperationQueries:
    @strawberry.field(description="One operation, by id.")
    async def operation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="Its id.")],
    ) -> Operation | None:
        return await read(info)

    @strawberry.field(description="All operations, the latest first unless another order is asked for.")
    async def operations(
        self,
        info: Info,
        filter: Annotated[OperationFilter | None, argument(description=FILTER)] = UNSET,
        order_by: Annotated[OperationOrder | None, argument(description=ORDER_BY)] = UNSET,
        first: Annotated[int | None, argument(description=FIRST)] = UNSET,
        after: Annotated[str | None, argument(description=AFTER)] = UNSET,
        last: Annotated[int | None, argument(description=LAST)] = UNSET,
        before: Annotated[str | None, argument(description=BEFORE)] = UNSET,
    ) -> Connection[Operation]:
        return await read(info)

    @strawberry.field(description="One run, by id.")
    async def run(self, info: Info, id: Annotated[strawberry.ID, argument(description="Its id.")]) -> Run | None:
        return await read(info)
