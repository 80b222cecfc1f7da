"""What libvirt has on a host now, by an open connection.

Everything of ours is called by its id: `vg-<id>`, and a volume `<id>.qcow2`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
    """The power state of each domain, by the VM's id; the networks that are active; the volumes of the host's pool."""

    powers: Mapping[str, str]
    networks: frozenset[str]
    volumes: frozenset[str]

    @property
    def ids(self) -> frozenset[str]:
        return self.networks | self.volumes | self.powers.keys()


def look(connection: Any, pool_path: str | None) -> Look:
    """`pool_path`: the folder of the host's pool; volumes elsewhere are none of ours."""
    return Look(powers_on(connection), networks_on(connection), frozenset(volumes_in(connection, pool_path)))


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


def volumes_in(connection: Any, path: str | None) -> Iterator[str]:
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        if pool.name() != f"{PREFIX}{pool.UUIDString()}":
            continue
        with unless(libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_OPERATION_INVALID):  # it ends at this moment
            if ElementTree.fromstring(pool.XMLDesc()).findtext("target/path") == path:
                yield from (id for name in pool.listVolumes() if is_id(id := name.removesuffix(".qcow2")))


@contextmanager
def unless(*codes: int) -> Iterator[None]:
    """An error of libvirt of one of these codes is none."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in codes:
            raise


def is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def marked(connection: Any, seen: Look, ids: Iterable[str], installation: str, pool_path: str | None) -> Iterator[str]:
    """Those of these that this installation made and that the service can go on with: a VM's volumes have to be in the
    host's pool. A volume has no room for a mark: its name has to do."""
    for id in ids:
        if id in seen.volumes:
            yield id
            continue
        with unless(libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_NETWORK):  # gone since
            look_up = connection.lookupByUUIDString if id in seen.powers else connection.networkLookupByUUIDString
            root = ElementTree.fromstring(look_up(id).XMLDesc())
            mark = root.find(MARK)
            files = (source.get("file", "") for source in root.iterfind("devices/disk/source"))
            ours = mark is not None and mark.get("installation") == installation
            if ours and all(file.startswith(f"{pool_path}/") for file in files):
                yield id
