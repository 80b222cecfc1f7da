"""Stacks: (revision)-[:REVISION_OF]->(stack)-[:OWNS]->(resource)."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.node import Node
from virtgraph_api.references import AnyResource, LazyOperation, LazyRevision, LazyStack
from virtgraph_api.scalars import JSON, DateTime


@strawberry.type(description="Resources that are applied together.")
class Stack(Node):
    name: str = strawberry.field(description="Its name, unique in its project.")
    project: str = strawberry.field(description="The project that it belongs to.")
    revision: int = strawberry.field(description="The number of its latest revision; 0 where nothing was applied.")
    created_at: DateTime = strawberry.field(description="When it was first applied to.")
    updated_at: DateTime | None = strawberry.field(description="When it last changed.")
    resources: Connection[AnyResource] = pages("What it owns, the oldest first.")
    revisions: Connection[LazyRevision] = pages("Its changes, the latest first.")


@strawberry.type(description="One change of a stack.")
class Revision:
    id: strawberry.ID = strawberry.field(description="Its id.")
    number: int = strawberry.field(description="1 for the first; without gaps in a stack.")
    created_at: DateTime = strawberry.field(description="When it was asked for.")
    document: JSON | None = strawberry.field(description="The document that was answered; null for a typed change.")
    actor: str | None = strawberry.field(description="Who asked for it.")
    request_id: str | None = strawberry.field(description="In which request.")
    state: str | None = strawberry.field(
        description="How far it is: APPLYING, APPLIED, FAILED, or SUPERSEDED by newer ones."
    )
    stack: LazyStack | None = strawberry.field(description="The stack that it changed.")
    operations: Connection[LazyOperation] = pages("What it led to, in order.")
