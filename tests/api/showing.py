"""What queries show of a resource, with its relations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from served import Api

SUBNETS = [{"cidr": "10.0.0.0/24", "dhcp": {"range": "10.0.0.10-10.0.0.19", "gateway": "10.0.0.1"}}]

FIELDS: Mapping[str, str] = {
    "vm": """
      id name state task stackName vcpus memory wanted kernel cmdline host { name }
      nics { id name state hwAddr ipAddresses vm { id } network { id name vlanId } }
      attachments { bootPriority readOnly volume { id } }
      volumes { id name state size host { name } pool { name } vms { id } }
      operation { action state host { name } }
    """,
    "nic": "id name state stackName hwAddr ipAddresses vm { id } network { id }",
    "volume": "id name state stackName size host { name } vms { id }",
    "network": """
      id name type vlanId mtu segment state stackName subnets { cidr gateway rangeFirst rangeLast serverAddress }
      nics { nodes { id ipAddresses vm { name } } } bindings { host { name } }
    """,
    "host": "reservedVcpus reservedMemory reservedDisk vms { nodes { id } }",
    "stack": "name revision revisions { nodes { number } } resources { nodes { id } }",
}


def shown(api: Api, kind: str, id: str | None = None, name: str | None = None) -> Any:
    """By id or name; None where there is none."""
    query = f"query ($id: ID, $name: String) {{ {kind}(id: $id, name: $name) {{ {FIELDS[kind]} }} }}"
    return api.ask(query, id=id, name=name)[kind]


def a_network(api: Api, name: str = "net", vlan: int = 100, **more: Any) -> str:
    return api.make("createNetwork", name=name, vlanId=vlan, subnets=SUBNETS, **more)
