"""Networks: (nic)-[:ON]->(network)-[:HAS_SUBNET]->(subnet)."""

from __future__ import annotations

import strawberry

from virtgraph_api.connections import Connection, pages
from virtgraph_api.enums import NetworkType
from virtgraph_api.owned import Owned
from virtgraph_api.references import LazyNIC


@strawberry.type(description="A range of addresses in a network.")
class Subnet:
    id: strawberry.ID = strawberry.field(description="A UUID.")
    cidr: str = strawberry.field(description="The range, such as 192.168.0.0/24.")
    range_first: str | None = strawberry.field(description="The first address that is given to NICs without one.")
    range_last: str | None = strawberry.field(description="The last of them.")
    gateway: str | None = strawberry.field(description="The router that guests are told of.")
    nameservers: list[str] = strawberry.field(description="The name servers that guests are told of.")
    server_address: str | None = strawberry.field(description="The address of the DHCP server itself.")
    server_mac: str | None = strawberry.field(description="The MAC address of the DHCP server itself.")


@strawberry.type(description="A layer 2 network that reaches every host with a NIC on it.")
class Network(Owned):
    type: NetworkType = strawberry.field(description="How its frames travel between hosts.")
    vlan_id: int | None = strawberry.field(description="Its tag; null for a flat network.")
    mtu: int = strawberry.field(description="The largest packet that fits.")
    segment: str | None = strawberry.field(description="The trunk that carries it.")
    subnets: list[Subnet] = strawberry.field(description="Its ranges of addresses.")
    nics: Connection[LazyNIC] = pages("The NICs on it, the oldest first.")
