"""Pools: (volume)-[:IN]->(pool)-[:ON]->(host)."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.node import Resource
from virtgraph_api.references import LazyBinding, LazyHost, LazyVolume
from virtgraph_api.scalars import Size


@strawberry.type(description="A folder of a host that volumes lie in.")
class Pool(Resource):
    name: str = strawberry.field(description="Its name, unique on its host.")
    path: str = strawberry.field(description="The folder.")
    capacity: Size | None = strawberry.field(description="How much its file system holds.")
    available: Size | None = strawberry.field(description="How much of that is free.")
    host: LazyHost | None = strawberry.field(description="The host that it is on.")
    volumes: Connection[LazyVolume] = pages("The volumes in it, by name.")
    bindings: list[LazyBinding] = strawberry.field(description="What was seen of it.")
