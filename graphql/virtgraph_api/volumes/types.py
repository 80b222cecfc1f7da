"""Volumes: (vm)-[:ATTACHES]->(volume)-[:IN]->(pool)."""

from __future__ import annotations

import strawberry

from virtgraph_api.owned import Owned
from virtgraph_api.references import LazyHost, LazyPool, LazyVM
from virtgraph_api.scalars import Size


@strawberry.type(description="A disk.")
class Volume(Owned):
    size: Size | None = strawberry.field(description="How much it holds; null where its source decides.")
    source_file: str | None = strawberry.field(description="The file that it began as a clone of.")
    source_sha256: str | None = strawberry.field(description="That file's SHA-256.")
    url: str | None = strawberry.field(description="Where it lies on its host.")
    allocation: Size | None = strawberry.field(description="How much of the host's disk it takes.")
    pool: LazyPool | None = strawberry.field(description="The pool that it is in.")
    host: LazyHost | None = strawberry.field(description="The host of that pool.")
    vms: list[LazyVM] = strawberry.field(description="The VMs that it is attached to.")
