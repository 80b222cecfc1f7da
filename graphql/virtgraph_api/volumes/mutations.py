"""Volumes, made, attached and removed."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from virtgraph.apply import edits
from virtgraph.store.lookups import stack_of
from virtgraph_api.changes import ChangeResult, IdempotencyKey, Info, change, create
from virtgraph_api.refusals import refusable
from virtgraph_api.written import Written, given


@strawberry.input(description="A file that a volume starts as a clone of.")
class SourceInput:
    file: str = strawberry.field(
        description="A qcow2 image: its name in the service's images folder, or an absolute path on its machine."
    )
    sha256: str | None = strawberry.field(
        default=None, description="Of the file, 64 hexadecimal digits; needed with an absolute path."
    )

    def written(self) -> dict[str, Any]:
        return given(file=self.file, sha256=self.sha256)


@strawberry.input(description="A new volume that no VM has yet.")
class CreateVolumeInput:
    name: str = strawberry.field(description="What people call it; unique among the volumes of its stack.")
    id: strawberry.ID | None = strawberry.field(default=None, description="A UUID, where it must be this one.")
    stack: str = strawberry.field(default="default", description="The stack that has it; made where there is none.")
    size: str | None = strawberry.field(default=None, description="As `10gb`; left out: that of its source.")
    source: SourceInput | None = strawberry.field(
        default=None, description="What it starts as a clone of; left out: it is empty."
    )
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


@strawberry.input(description="How a VM has a volume from now on; it may have it already.")
class AttachVolumeInput:
    vm: strawberry.ID = strawberry.field(description="The id of the VM.")
    volume: strawberry.ID = strawberry.field(description="The id of the volume.")
    boot_priority: int | None = strawberry.field(
        default=None, description="1 is tried first; left out: not booted from, unless no volume of the VM has one."
    )
    read_only: bool = strawberry.field(
        default=False, description="Whether the guest cannot write to it; only so can VMs share it."
    )


@strawberry.type
class VolumeMutations:
    @strawberry.mutation(description="Store a volume and make it on its host.")
    @refusable
    async def create_volume(
        self, info: Info, input: CreateVolumeInput, idempotency_key: IdempotencyKey = None
    ) -> ChangeResult:
        return await create(info, input, idempotency_key)

    @strawberry.mutation(description="Attach a volume to a VM on the same host, while it runs.")
    @refusable
    async def attach_volume(
        self, info: Info, input: AttachVolumeInput, idempotency_key: IdempotencyKey = None
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "VM", input.vm)
        edit = edits.attach_volume(stack, input.vm, input.volume, input.boot_priority, input.read_only)
        return await change(info, stack, edit, id=input.vm, input=input, idempotency_key=idempotency_key)

    @strawberry.mutation(description="Remove a volume that no VM uses, with what is on it.")
    @refusable
    async def delete_volume(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The volume's id.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ChangeResult:
        stack = await stack_of(info.context.graph, "Volume", id)
        edit = edits.delete_volume(stack, id)
        return await change(info, stack, edit, id=id, input=id, idempotency_key=idempotency_key)
