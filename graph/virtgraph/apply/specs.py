"""The canonical spec of a resource (what its Versions keep), and which changes of it can be made. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from virtgraph.model.current import Existing, Spec
from virtgraph.model.wanted import (
    Problem,
    Unchanged,
    Wanted,
    WantedNetwork,
    WantedNIC,
    WantedVM,
    WantedVolume,
)

SpecDict = dict[str, Any]


def network_spec(wanted: WantedNetwork, subnets: list[SpecDict]) -> SpecDict:
    return {
        "name": wanted.name,
        "type": str(wanted.type),
        "vlanId": wanted.vlan_id,
        "segment": wanted.segment,
        "mtu": wanted.mtu,
        "subnets": subnets,
    }


def nic_spec(wanted: WantedNIC, network: str, addresses: list[str], hw_addr: str) -> SpecDict:
    return {"name": wanted.name, "network": network, "ipAddresses": addresses, "hwAddr": hw_addr}


def volume_spec(wanted: WantedVolume, now: Existing | None) -> SpecDict:
    source = {"file": wanted.source.file, "sha256": wanted.source.sha256} if wanted.source else None
    if now is not None and source is None:
        source = now.spec["source"]
    size = wanted.size
    if size is None and now is not None:
        size = now.spec["size"]
    elif size is None and wanted.source is not None:
        size = wanted.source.virtual_size
    return {"name": wanted.name, "size": size, "source": source}


def vm_spec(
    wanted: WantedVM,
    nics: list[str],
    volumes: list[SpecDict],
    now: Existing | None,
    digest: Callable[[str], str],
) -> SpecDict:
    """`digest` makes the keyed hash that stands for the password."""
    password: str | None = None
    if isinstance(wanted.vnc_password, Unchanged):
        password = now.spec["vncPassword"] if now else None
    elif wanted.vnc_password is not None:
        password = digest(wanted.vnc_password)
    return {
        "name": wanted.name,
        "arch": wanted.arch,
        "vcpus": wanted.vcpus,
        "memory": wanted.memory,
        "kernel": wanted.kernel,
        "initrd": wanted.initrd,
        "cmdline": wanted.cmdline,
        "state": str(wanted.state),
        "vncPassword": password,
        "nics": nics,
        "volumes": volumes,
    }


# field of a spec → where the caller writes it, and why it cannot change
FIXED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Network": {
        "type": ("type", "the type of a network cannot change"),
        "vlanId": ("parameters.vlan_id", "the VLAN of a network cannot change while it exists"),
        "segment": ("parameters.segment", "a network cannot move to another segment"),
        "mtu": ("parameters.mtu", "the MTU of a network cannot change while it exists"),
    },
    "NIC": {"network": ("relations", "a NIC cannot move to another network")},
    "Volume": {"source": ("source", "the source of a volume cannot change after it was made")},
    "VM": {"arch": ("arch", "the architecture of a VM cannot change")},
}
# of these, any field may have changed on a host; a NIC's network is an arrow that stays
TOLD = frozenset({"Network", "Volume", "VM"})
# what a VM takes up only when it starts
AT_START = {
    "vcpus": "vcpus",
    "memory": "memory",
    "kernel": "kernel",
    "initrd": "initrd",
    "cmdline": "cmdline",
}


def impossible(wanted: Wanted, now: Existing, spec: Spec, facts: bool = False) -> list[Problem]:
    """Each change from the stored spec to the new one that cannot be made, by the caller's path.

    `facts`: it has been made on a host, and what matters is whether the graph can hold it.
    """
    problems = [
        Problem(f"{wanted.path}.{where}", f"{reason} (it is {shown(now.spec[name])})")
        for name, (where, reason) in FIXED[now.kind].items()
        if now.spec[name] != spec[name] and not (facts and now.kind in TOLD)
    ]
    if isinstance(wanted, WantedVolume):
        problems += shrunk(wanted, now.spec, spec)
    if isinstance(wanted, WantedVM) and not facts:
        problems += needs_stop(wanted, now.spec, spec)
    if isinstance(wanted, WantedNetwork):
        problems += moved_subnets(wanted, now.spec, spec)
    return problems


def less_than_source(wanted: Wanted) -> list[Problem]:
    """A new volume holds all of its source."""
    if not isinstance(wanted, WantedVolume) or wanted.source is None:
        return []
    least = wanted.source.virtual_size
    if wanted.size is None or least is None or wanted.size >= least:
        return []
    return [Problem(f"{wanted.path}.size", f"is less than that of its source: {wanted.source.file} has {least} bytes")]


def shrunk(wanted: WantedVolume, old: Spec, new: Spec) -> list[Problem]:
    if old["size"] is not None and new["size"] is not None and new["size"] < old["size"]:
        return [Problem(f"{wanted.path}.size", f"a volume cannot shrink: it has {old['size']} bytes")]
    return []


def needs_stop(wanted: WantedVM, old: Spec, new: Spec) -> list[Problem]:
    if old["state"] != "running" or new["state"] != "running":
        return []
    return [
        Problem(
            f"{wanted.path}.{where}",
            f"cannot change while the VM runs: want it stopped first (it is {shown(old[name])})",
        )
        for name, where in AT_START.items()
        if old[name] != new[name]
    ]


def moved_subnets(wanted: WantedNetwork, old: Spec, new: Spec) -> list[Problem]:
    kept = {subnet["id"] for subnet in new["subnets"]}
    gone = [subnet["cidr"] for subnet in old["subnets"] if subnet["id"] not in kept]
    return [
        Problem(
            f"{wanted.path}.subnets", f"the subnet {cidr} has been left out or changed; a subnet cannot change its cidr"
        )
        for cidr in gone
    ]


def shown(value: object) -> str:
    return "not set" if value is None else str(value)
