"""Events as they happen: numbered, and replayable from any number that is still kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import strawberry
from graphql import GraphQLError

from virtgraph.store.graph import Row
from virtgraph_api.changes import Info
from virtgraph_api.enums import EventType
from virtgraph_api.feed import TooNew, TooOld
from virtgraph_api.scalars import JSON, DateTime


@strawberry.type(
    description="Something that happened. Numbers have no gaps, and their order is the order of the changes."
)
class Event:
    number: int
    type: EventType
    at: DateTime
    message: str
    stack: str | None
    resource: strawberry.ID | None
    kind: str | None
    name: str | None
    host: str | None
    operation: strawberry.ID | None
    revision: int | None
    actor: str
    request_id: str | None
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


@strawberry.type
class Subscription:
    @strawberry.subscription(description="Events behind a number (`after: 0`: all that are kept), or from now on.")
    async def events(
        self, info: Info, after: int | None = None, stack: str | None = None, resource: strawberry.ID | None = None
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
