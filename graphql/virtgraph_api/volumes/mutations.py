"""Volumes, made, attached and removed."""

from __future__ import annotations

from typing import Any

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, Info, change, create
from virtgraph_api.refusals import refusable
from virtgraph_api.written import Written, given


@strawberry.input(description="A file that a volume starts as a clone of.")
class SourceInput:
    file: str = strawberry.field(
        description="Its name in the service's images folder; or, with its hash, an absolute path there."
    )
    sha256: str | None = None

    def written(self) -> dict[str, Any]:
        return given(file=self.file, sha256=self.sha256)


@strawberry.input
class CreateVolumeInput:
    name: str
    id: strawberry.ID | None = None
    stack: str = "default"
    size: str | None = strawberry.field(default=None, description="As `10gb`; left out: that of its source.")
    source: SourceInput | None = None
    host: str | None = strawberry.field(default=None, description="Id or name; left out: the least loaded that fits.")

    def written(self) -> Written:
        resource = given(
            type="resource/volume/file",
            id=self.id,
            name=self.name,
            size=self.size,
            source=self.source and self.source.written(),
        )
        return Written(self.stack, resource, host=self.host)


@strawberry.input
class AttachVolumeInput:
    vm: strawberry.ID
    volume: strawberry.ID
    boot_priority: int | None = None
    read_only: bool = False


@strawberry.type
class VolumeMutations:
    @strawberry.mutation(description="Store a volume and make it on its host.")
    @refusable
    async def create_volume(
        self, info: Info, input: CreateVolumeInput, idempotency_key: str | None = None
    ) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(description="Attach a volume to a VM on the same host, while it runs.")
    @refusable
    async def attach_volume(
        self, info: Info, input: AttachVolumeInput, idempotency_key: str | None = None
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "VM", input.vm)
        edit = edits.attach_volume(stack, input.vm, input.volume, input.boot_priority, input.read_only)
        return await change(info, stack, edit, id=input.vm, input=input, idempotency_key=idempotency_key)

    @strawberry.mutation(description="Remove a volume that no VM uses, with what is on it.")
    @refusable
    async def delete_volume(self, info: Info, id: strawberry.ID, idempotency_key: str | None = None) -> ChangeResult:
        stack = await stack_of(info.context.graph, "Volume", id)
        edit = edits.delete_volume(stack, id)
        return await change(info, stack, edit, id=id, input=id, idempotency_key=idempotency_key)
