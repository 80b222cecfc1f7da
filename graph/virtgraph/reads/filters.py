"""What nodes can be chosen by, for each kind: the fields of its filter in the API, and of the lookups of one node.

In a condition `{x}` is the node, `{value}` what the caller gave, and `{f}` a node that the filter itself finds along
its arrow (of which there is at most one, else a node would be listed twice).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    condition: str
    arrow: str | None = None


def related(name: str, arrow: str) -> Filter:
    """By the id or the name of a node that it belongs to."""
    return Filter(name, "({f}.id = {value} OR {f}.name = {value})", arrow)


IDS = (Filter("id", "{x}.id = {value}"), Filter("ids", "{x}.id IN {value}"))
NAMES = (
    Filter("name", "{x}.name = {value}"),
    Filter("namePrefix", "{x}.name STARTS WITH {value}"),
    Filter("nameContains", "{x}.name CONTAINS {value}"),
)
STATE = Filter("state", "{x}.state IN {value}")
CREATED = (
    Filter("createdAfter", "{x}.createdAt > {value}"),
    Filter("createdBefore", "{x}.createdAt < {value}"),
)
OWNED = (*IDS, *NAMES, STATE, *CREATED, related("stack", "({x})<-[:OWNS]-({f}:Stack)"))

FILTERS: Mapping[str, tuple[Filter, ...]] = MappingProxyType(
    {
        "VM": (*OWNED, related("host", "({x})-[:PLACED_ON]->({f}:Host)")),
        "NIC": (
            *OWNED,
            related("network", "({x})-[:ON]->({f}:Network)"),
            related("vm", "({x})<-[:HAS_NIC]-({f}:VM)"),
            Filter("hwAddr", "{x}.hwAddr = {value}"),
            Filter("ipAddress", "{value} IN {x}.ipAddresses"),
        ),
        "Volume": (
            *OWNED,
            related("host", "({x})-[:IN]->(:Pool)-[:ON]->({f}:Host)"),
            related("pool", "({x})-[:IN]->({f}:Pool)"),
        ),
        "Network": (
            *OWNED,
            Filter("type", "{x}.type = {value}"),
            Filter("vlanId", "{x}.vlanId = {value}"),
            Filter("segment", "{f}.name = {value}", "({x})-[:CARRIED_BY]->({f}:Segment)"),
        ),
        "Host": (*IDS, *NAMES, STATE, *CREATED, Filter("label", "{value} IN {x}.labels")),
        "Pool": (*IDS, *NAMES, STATE, *CREATED, related("host", "({x})-[:ON]->({f}:Host)")),
        "Stack": (*IDS, *NAMES, *CREATED),
        "Revision": IDS,
        "Operation": (
            *IDS,
            STATE,
            *CREATED,
            Filter("action", "{x}.action IN {value}"),
            Filter("kind", "{x}.kind = {value}"),
            Filter("actor", "{x}.actor = {value}"),
            Filter("requestId", "{x}.requestId = {value}"),
            # what it keeps of its place itself, so that it is found when that is gone
            Filter("resource", "({x}.resource = {value} OR {x}.resourceName = {value})"),
            Filter("host", "({x}.host = {value} OR {x}.hostName = {value})"),
            Filter("stack", "{x}.stackName = {value}"),
        ),
        "Run": IDS,
        "Node": IDS,
        "Resource": IDS,
    }
)
