"""NICs: (vm)-[:HAS_NIC]->(nic)-[:ON]->(network)."""

from __future__ import annotations

import strawberry

from virtgraph_api.owned import Owned
from virtgraph_api.references import LazyNetwork, LazyVM


@strawberry.type(description="A VM's network interface.")
class NIC(Owned):
    hw_addr: str = strawberry.field(description="Its MAC address, such as 52:54:00:12:34:56.")
    ip_addresses: list[str] = strawberry.field(description="The addresses that DHCP gives it.")
    network: LazyNetwork | None = strawberry.field(description="The network that it is on.")
    vm: LazyVM | None = strawberry.field(description="The VM that has it.")
