"""What libvirt has on a host now, by an open connection. Everything of ours is called by its id: `vg-<id>`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import libvirt

PREFIX = "vg-"
MARK = "metadata/{https://virtgraph.dev/1}resource"  # roles/libvirt/module_utils/virtgraph_mark.py
POWERS = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "running",
    libvirt.VIR_DOMAIN_SHUTOFF: "shutoff",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "suspended",
}


@dataclass(frozen=True, slots=True)
class Look:
    """The power state of each domain, by the VM's id; the networks that are active; the volumes of pools."""

    powers: Mapping[str, str]
    networks: frozenset[str]
    volumes: frozenset[str]

    @property
    def ids(self) -> frozenset[str]:
        return self.networks | self.volumes | self.powers.keys()


def look(connection: Any) -> Look:
    return Look(powers_on(connection), networks_on(connection), frozenset(volumes_on(connection)))


def powers_on(connection: Any) -> dict[str, str]:
    every = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)  # one call, however many there are
    return {
        id: POWERS.get(stats["state.state"], "running")
        for domain, stats in every
        if domain.name() == f"{PREFIX}{(id := domain.UUIDString())}"
    }


def networks_on(connection: Any) -> frozenset[str]:
    active = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    return frozenset(id for n in active if n.name() == f"{PREFIX}{(id := n.UUIDString())}")


def volumes_on(connection: Any) -> Iterator[str]:
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        if pool.name() == f"{PREFIX}{pool.UUIDString()}":
            yield from (id for name in pool.listVolumes() if is_id(id := name.removesuffix(".qcow2")))


def is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def marked(connection: Any, seen: Look, ids: Iterable[str], installation: str) -> Iterator[str]:
    """Those of these that this installation made. A volume has no room for a mark: its name has to do."""
    for id in ids:
        if id in seen.volumes:
            yield id
            continue
        with suppress(libvirt.libvirtError):  # gone since
            look_up = connection.lookupByUUIDString if id in seen.powers else connection.networkLookupByUUIDString
            mark = ElementTree.fromstring(look_up(id).XMLDesc()).find(MARK)
            if mark is not None and mark.get("installation") == installation:
                yield id
