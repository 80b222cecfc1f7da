"""The schema: a table of contents."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from virtgraph_api.events.queries import EventQueries
from virtgraph_api.events.subscriptions import Subscription
from virtgraph_api.execution import Schema
from virtgraph_api.hosts.mutations import HostMutations
from virtgraph_api.hosts.queries import HostQueries
from virtgraph_api.installation import InstallationQueries
from virtgraph_api.networks.mutations import NetworkMutations
from virtgraph_api.networks.queries import NetworkQueries
from virtgraph_api.nics.mutations import NICMutations
from virtgraph_api.nics.queries import NICQueries
from virtgraph_api.node import NodeQueries
from virtgraph_api.operations.mutations import OperationMutations
from virtgraph_api.operations.queries import OperationQueries
from virtgraph_api.operations.reporting import ReportMutations
from virtgraph_api.pools.queries import PoolQueries
from virtgraph_api.scalars import SCALARS
from virtgraph_api.stacks.mutations import StackMutations
from virtgraph_api.stacks.queries import StackQueries
from virtgraph_api.vms.mutations import VMMutations
from virtgraph_api.vms.queries import VMQueries
from virtgraph_api.volumes.mutations import VolumeMutations
from virtgraph_api.volumes.queries import VolumeQueries


@strawberry.type(description="What can be asked for.")
class Query(
    VMQueries,
    NICQueries,
    VolumeQueries,
    NetworkQueries,
    HostQueries,
    PoolQueries,
    StackQueries,
    OperationQueries,
    EventQueries,
    InstallationQueries,
    NodeQueries,
):
    pass


@strawberry.type(description="What can be changed. Expected refusals are members of each result's union.")
class Mutation(
    StackMutations,
    VMMutations,
    NICMutations,
    VolumeMutations,
    NetworkMutations,
    HostMutations,
    OperationMutations,
    ReportMutations,
):
    pass


schema = Schema(Query, Mutation, Subscription, config=StrawberryConfig(scalar_map=dict(SCALARS)))
