"""The kinds that can be got: what is asked of each, and its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from virtgraph.cli.client import Row
from virtgraph.cli.failure import REFUSED, Failure
from virtgraph.cli.output import moment, size

Column = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """`fields` is the selection; `in_stack` and `by_name` tell what its filter knows."""

    name: str
    plural: str
    fields: str
    columns: dict[str, Column]
    type: str = ""  # in GraphQL
    in_stack: bool = True
    by_name: bool = True


OWNED = "id name state task stackName operation { id state error cure }"


def named(row: Row | None) -> str:
    """What people call it, else its id."""
    return str(row["name"] or row["id"]) if row else ""


def state(row: Row) -> str:
    return str(row["state"])


def error(row: Row) -> str:
    operation = row["operation"]
    return (operation["error"] or "") if operation else ""


def stack(row: Row) -> str:
    return row["stackName"] or ""


def addresses(nic: Row) -> str:
    return " ".join(nic["ipAddresses"])


def share(row: Row, what: str) -> str:
    """How much of a host's capacity is given away."""
    capacity = row[f"{what}Capacity"]
    if what == "cpu":
        return f"{row['reservedVcpus']}/{capacity}" if capacity is not None else ""
    return f"{size(row[f'reserved{what.title()}'])}/{size(capacity)}" if capacity is not None else ""


def seconds(row: Row) -> str:
    begin, end = row["startedAt"], row["endedAt"]
    if not begin or not end:
        return ""
    return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds():.1f}"


VM = Kind(
    "vm",
    "vms",
    f"{OWNED} vcpus memory power vncPort acceleration host {{ id name }} "
    "nics { id name ipAddresses hwAddr network { id name } } volumes { id name size }",
    {
        "NAME": named,
        "STACK": stack,
        "STATE": state,
        "HOST": lambda row: named(row["host"]),
        "ADDRESSES": lambda row: " ".join(filter(None, map(addresses, row["nics"]))),
        "VCPUS": lambda row: str(row["vcpus"]),
        "MEMORY": lambda row: size(row["memory"]),
        "ERROR": error,
    },
    "VM",
)
NIC = Kind(
    "nic",
    "nics",
    f"{OWNED} hwAddr ipAddresses vm {{ id name }} network {{ id name vlanId }}",
    {
        "NAME": named,
        "STACK": stack,
        "STATE": state,
        "VM": lambda row: named(row["vm"]),
        "NETWORK": lambda row: named(row["network"]),
        "ADDRESSES": addresses,
        "MAC": lambda row: str(row["hwAddr"]),
        "ERROR": error,
    },
    "NIC",
)
VOLUME = Kind(
    "volume",
    "volumes",
    f"{OWNED} size allocation url sourceFile host {{ id name }} vms {{ id name }}",
    {
        "NAME": named,
        "STACK": stack,
        "STATE": state,
        "SIZE": lambda row: size(row["size"]),
        "VM": lambda row: " ".join(map(named, row["vms"])),
        "HOST": lambda row: named(row["host"]),
        "SOURCE": lambda row: row["sourceFile"] or "",
        "ERROR": error,
    },
    "Volume",
)
NETWORK = Kind(
    "network",
    "networks",
    f"{OWNED} type vlanId mtu segment subnets {{ cidr rangeFirst rangeLast gateway serverAddress }} "
    "bindings { state host { id name } bridge uplink dhcp }",
    {
        "NAME": named,
        "STACK": stack,
        "STATE": state,
        "TYPE": lambda row: str(row["type"]),
        "VLAN": lambda row: str(row["vlanId"] or ""),
        "SUBNETS": lambda row: " ".join(subnet["cidr"] for subnet in row["subnets"]),
        "BRIDGES": lambda row: " ".join(f"{named(b['host'])}:{b['bridge']}" for b in row["bindings"] if b["bridge"]),
        "ERROR": error,
    },
    "Network",
)
HOST = Kind(
    "host",
    "hosts",
    "id name state task address port user local slots labels uplinkInterface uplinkDriver segment keyFile hostKey acceleration "
    "cpus memory disk cpuCapacity memoryCapacity diskCapacity reservedVcpus reservedMemory reservedDisk libvirtVersion "
    "qemuVersion kernel hostUuid error seenAt",
    {
        "NAME": named,
        "STATE": state,
        "ADDRESS": lambda row: row["address"] or ("local" if row["local"] else ""),
        "VCPUS": lambda row: share(row, "cpu"),
        "MEMORY": lambda row: share(row, "memory"),
        "DISK": lambda row: share(row, "disk"),
        "UPLINK": lambda row: " ".join(filter(None, (row["uplinkInterface"], row["uplinkDriver"]))),
        "ACCELERATION": lambda row: row["acceleration"] or "",
        "LIBVIRT": lambda row: row["libvirtVersion"] or "",
        "ERROR": lambda row: row["error"] or "",
    },
    "Host",
    in_stack=False,
)
POOL = Kind(
    "pool",
    "pools",
    "id name state path capacity available host { id name }",
    {
        "NAME": named,
        "STATE": state,
        "HOST": lambda row: named(row["host"]),
        "PATH": lambda row: str(row["path"]),
        "CAPACITY": lambda row: size(row["capacity"]),
        "AVAILABLE": lambda row: size(row["available"]),
    },
    "Pool",
    in_stack=False,
)
STACK = Kind(
    "stack",
    "stacks",
    "id name revision createdAt updatedAt resources(first: 1) { totalCount } "
    "revisions(first: 1) { nodes { number state actor } }",
    {
        "NAME": named,
        "REVISION": lambda row: str(row["revision"]),
        "STATE": lambda row: next((r["state"] or "" for r in row["revisions"]["nodes"]), ""),
        "RESOURCES": lambda row: str(row["resources"]["totalCount"]),
        "CHANGED": lambda row: moment(row["updatedAt"]),
    },
    "Stack",
    in_stack=False,
)
OPERATION = Kind(
    "operation",
    "operations",
    "id action kind state generation attempt error cure createdAt startedAt endedAt retryAt actor "
    "resource { id name } host { id name } run { id } waitingFor { kind name host fact error }",
    {
        "ID": lambda row: str(row["id"]),
        "ACTION": lambda row: str(row["action"]),
        "KIND": lambda row: str(row["kind"]),
        "NAME": lambda row: named(row["resource"]),
        "HOST": lambda row: named(row["host"]),
        "STATE": state,
        "TRY": lambda row: str(row["attempt"]),
        "CREATED": lambda row: moment(row["createdAt"]),
        "SECONDS": seconds,
        "ERROR": lambda row: row["error"] or "",
    },
    "Operation",
    by_name=False,
)
RUN = Kind(
    "run",
    "runs",
    "id action state slot fence owner error startedAt endedAt host { id name } operations(first: 1) { totalCount }",
    {
        "ID": lambda row: str(row["id"]),
        "ACTION": lambda row: str(row["action"]),
        "HOST": lambda row: named(row["host"]),
        "STATE": state,
        "OPERATIONS": lambda row: str(row["operations"]["totalCount"]),
        "STARTED": lambda row: moment(row["startedAt"]),
        "SECONDS": seconds,
        "ERROR": lambda row: row["error"] or "",
    },
    "Run",
    in_stack=False,
    by_name=False,
)
KINDS = (VM, NIC, VOLUME, NETWORK, HOST, POOL, STACK, OPERATION, RUN)


def kind(word: str, among: tuple[Kind, ...] = KINDS) -> Kind:
    """By its singular or plural, whatever the case. Raises Failure."""
    for known in among:
        if word.lower() in (known.name, known.plural):
            return known
    raise Failure(f"There is no kind {word!r} here.", f"It can be {', '.join(k.name for k in among)}.", REFUSED)
