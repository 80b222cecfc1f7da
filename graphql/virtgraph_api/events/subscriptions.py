"""Events as they happen: numbered, and replayable from any number that is still kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
import strawberry
from graphql import GraphQLError
from strawberry import argument

from virtgraph.store.graph import Row
from virtgraph_api.changes import Info
from virtgraph_api.enums import EventType
from virtgraph_api.feed import TooNew, TooOld
from virtgraph_api.scalars import JSON, DateTime


@strawberry.type(
    description="Something that happened. Numbers have no gaps, and their order is the order of the changes."
)
class Event:
    number: int = strawberry.field(description="What `after` takes, to go on behind it.")
    type: EventType = strawberry.field(description="What happened.")
    at: DateTime = strawberry.field(description="When it happened.")
    message: str = strawberry.field(description="The same in a sentence, for people.")
    stack: str | None = strawberry.field(description="The name of the stack that it is about.")
    resource: strawberry.ID | None = strawberry.field(
        description="The id of the resource that it is about, which may be gone."
    )
    kind: str | None = strawberry.field(description="The kind of that resource.")
    name: str | None = strawberry.field(description="What people call that resource.")
    host: str | None = strawberry.field(description="The name of the host where it happened, or will.")
    operation: strawberry.ID | None = strawberry.field(description="The id of the operation that it is about.")
    revision: int | None = strawberry.field(description="The number of the stack's revision that led to it.")
    actor: str = strawberry.field(description="Who asked for it; `virtgraph` is the service itself.")
    request_id: str | None = strawberry.field(description="In which request; null where the service did it by itself.")
    data: JSON = strawberry.field(
        description="What programs act on: hosts, facts, what is waited for, the tree asked for."
    )

    @classmethod
    def of(cls, row: Row) -> Event:
        return cls(
            number=row["number"],
            type=EventType(row["type"]),
            at=DateTime(row["at"]),
            message=row["message"],
            stack=row["stack"],
            resource=row["resource"],
            kind=row["kind"],
            name=row["name"],
            host=row["host"],
            operation=row["operation"],
            revision=row["revision"],
            actor=row["actor"],
            request_id=row["requestId"] or None,
            data=JSON(orjson.loads(row["data"])),
        )


@strawberry.type(description="What can be followed, over graphql-transport-ws.")
class Subscription:
    @strawberry.subscription(description="Events behind a number (`after: 0`: all that are kept), or from now on.")
    async def events(
        self,
        info: Info,
        after: Annotated[
            int | None, argument(description="The number of the last event that is known; left out: the newest.")
        ] = None,
        stack: Annotated[str | None, argument(description="Only events of the stack with this name.")] = None,
        resource: Annotated[
            strawberry.ID | None, argument(description="Only events of the resource with this id.")
        ] = None,
    ) -> AsyncIterator[Event]:
        if after is not None and after < 0:
            raise GraphQLError("`after` must be 0 or more")
        try:
            async for row in info.context.feed.follow(after):
                if (stack is None or row["stack"] == stack) and (resource is None or row["resource"] == resource):
                    yield Event.of(row)
        except TooOld as error:
            raise GraphQLError(str(error), extensions={"code": "TOO_OLD", "oldest": error.oldest}) from None
        except TooNew as error:
            raise GraphQLError(str(error), extensions={"code": "TOO_NEW", "newest": error.newest}) from None
