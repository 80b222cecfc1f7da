"""The work: (run)-[:REALIZES]->(operation)-[:ON]->(binding)-[:OF]->(resource)."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.enums import Action, OperationState, State
from virtgraph_api.node import Node
from virtgraph_api.references import AnyResource, LazyHost
from virtgraph_api.scalars import DateTime, Size


@strawberry.type(description="A resource on a host, and what was seen of it there.")
class Binding:
    id: strawberry.ID = strawberry.field(description="`<resource>@<host>`.")
    state: State = strawberry.field(description="What the resource is in on this host.")
    task: str | None = strawberry.field(description="What an operation does with it now; null where none does.")
    realized_generation: int = strawberry.field(description="The generation that was realized last; 0 for none.")
    seen_at: DateTime | None = strawberry.field(description="When it was last looked at.")
    error: str | None = strawberry.field(description="What is wrong with it, in words.")
    bridge: str | None = strawberry.field(description="A network's bridge.")
    uplink: str | None = strawberry.field(description="The interface that connects the bridge to the trunk.")
    dhcp: str | None = strawberry.field(
        description="The address that a network's DHCP server has here; null where it is served elsewhere."
    )
    url: str | None = strawberry.field(description="Where a volume lies.")
    power: str | None = strawberry.field(description="A VM's power state.")
    vnc_port: int | None = strawberry.field(description="The port of a VM's console.")
    acceleration: str | None = strawberry.field(description="How a VM's CPU is made: kvm or qemu.")
    path: str | None = strawberry.field(description="A pool's folder.")
    capacity: Size | None = strawberry.field(description="How much a volume or a pool holds.")
    available: Size | None = strawberry.field(description="How much of a pool is free.")
    resource: AnyResource | None = strawberry.field(description="The resource; null when it was deleted.")
    host: LazyHost | None = strawberry.field(description="The host; null when it was removed.")


@strawberry.type(description="What an operation waits for: a fact that another one will bring.")
class WaitingFor:
    resource: strawberry.ID = strawberry.field(description="The id of the resource that the fact is about.")
    kind: str = strawberry.field(description="The kind of that resource.")
    name: str | None = strawberry.field(description="Its name.")
    host: str | None = strawberry.field(description="The name of the host that it is made on.")
    fact: str | None = strawberry.field(description="The fact, such as a bridge's name.")
    operation: strawberry.ID = strawberry.field(description="The id of the operation that will bring it.")
    error: str | None = strawberry.field(description="Why that one is late, in words.")


@strawberry.type(description="One thing to do with one resource on one host.")
class Operation(Node):
    action: Action = strawberry.field(description="What is done.")
    kind: str = strawberry.field(description="The kind of the resource.")
    state: OperationState = strawberry.field(description="How far it is.")
    generation: int | None = strawberry.field(description="The generation of the resource that it realizes.")
    attempt: int = strawberry.field(description="How often it was tried.")
    error: str | None = strawberry.field(description="What went wrong, in words.")
    cure: str | None = strawberry.field(description="What a person can do about it.")
    cancel_requested: bool = strawberry.field(description="Whether somebody asked to stop it.")
    created_at: DateTime = strawberry.field(description="When it was planned.")
    started_at: DateTime | None = strawberry.field(description="When it was first tried.")
    ended_at: DateTime | None = strawberry.field(description="When it reached its final state.")
    retry_at: DateTime | None = strawberry.field(description="When it is tried again.")
    actor: str | None = strawberry.field(description="Who asked for it.")
    request_id: str | None = strawberry.field(description="In which request.")
    binding: Binding | None = strawberry.field(description="The resource on the host, and what was seen there.")
    resource: AnyResource | None = strawberry.field(description="The resource; null when it was deleted.")
    host: LazyHost | None = strawberry.field(description="Where it is done; null when the host was removed.")
    run: Run | None = strawberry.field(description="The latest run that did it, or does.")
    after: list[Operation] = strawberry.field(description="The operations that it follows.")
    waiting_for: list[WaitingFor] = strawberry.field(description="What it waits for now; empty where nothing.")


@strawberry.type(description="One run of a playbook on one host.")
class Run(Node):
    action: Action = strawberry.field(description="What is done: which playbook.")
    state: str = strawberry.field(description="RUNNING, SUCCEEDED, FAILED, CANCELLED, or LOST with its worker.")
    slot: int = strawberry.field(description="Which of the host's slots it takes.")
    fence: int = strawberry.field(description="Its number in that slot: the host refuses lower ones.")
    owner: str = strawberry.field(description="The worker that does it.")
    error: str | None = strawberry.field(description="What went wrong, in words.")
    started_at: DateTime = strawberry.field(description="When it began.")
    ended_at: DateTime | None = strawberry.field(description="When it was over.")
    host: LazyHost | None = strawberry.field(description="Where it runs; null when the host was removed.")
    operations: Connection[Operation] = pages("What it does, in order.")
