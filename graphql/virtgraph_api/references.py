"""The types that others refer to, by name: their modules import each other in circles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

if TYPE_CHECKING:
    from virtgraph_api.hosts.types import Host
    from virtgraph_api.networks.types import Network
    from virtgraph_api.nics.types import NIC
    from virtgraph_api.node import Resource
    from virtgraph_api.operations.types import Binding, Operation, Run
    from virtgraph_api.pools.types import Pool
    from virtgraph_api.stacks.types import Revision, Stack
    from virtgraph_api.vms.types import VM
    from virtgraph_api.volumes.types import Volume

AnyResource: TypeAlias = Annotated["Resource", strawberry.lazy("virtgraph_api.node")]
LazyVM: TypeAlias = Annotated["VM", strawberry.lazy("virtgraph_api.vms.types")]
LazyNIC: TypeAlias = Annotated["NIC", strawberry.lazy("virtgraph_api.nics.types")]
LazyVolume: TypeAlias = Annotated["Volume", strawberry.lazy("virtgraph_api.volumes.types")]
LazyNetwork: TypeAlias = Annotated["Network", strawberry.lazy("virtgraph_api.networks.types")]
LazyHost: TypeAlias = Annotated["Host", strawberry.lazy("virtgraph_api.hosts.types")]
LazyPool: TypeAlias = Annotated["Pool", strawberry.lazy("virtgraph_api.pools.types")]
LazyStack: TypeAlias = Annotated["Stack", strawberry.lazy("virtgraph_api.stacks.types")]
LazyRevision: TypeAlias = Annotated["Revision", strawberry.lazy("virtgraph_api.stacks.types")]
LazyBinding: TypeAlias = Annotated["Binding", strawberry.lazy("virtgraph_api.operations.types")]
LazyOperation: TypeAlias = Annotated["Operation", strawberry.lazy("virtgraph_api.operations.types")]
LazyRun: TypeAlias = Annotated["Run", strawberry.lazy("virtgraph_api.operations.types")]
