#!/usr/bin/python
"""What a host is, which VMs and networks of this installation are on it, and which pools and volumes of any."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_ovs as ovs
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_8021q import has_8021q
from ansible.module_utils.virtgraph_batch import LEASE, claimed, installation
from ansible.module_utils.virtgraph_libvirt import POWER, connected
from ansible.module_utils.virtgraph_mark import Mark, read
from ansible.module_utils.virtgraph_misspelt import UNKNOWN, refuse_misspelt
from ansible.module_utils.virtgraph_preflight import dotted, has_kvm, holder

DOCUMENTATION = """
module: virtgraph_observe
short_description: Looks at a libvirt host
description: Changes nothing on the host, but ends an older claim's module first, so that what is seen stays so.
options:
  lease: {type: dict, description: "The claim of a Run, or its installation alone."}
  uplink: {type: str, description: The interface or switch for traffic to other hosts.}
  pool_path: {type: str, description: Where volumes will lie.}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""

_POOL = re.compile(r"vg-([0-9a-f-]{36})")
_VOLUME = re.compile(r"([0-9a-f-]{36})\.qcow2")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lease": {"type": "dict", "options": LEASE},
            "uplink": {"type": "str"},
            "pool_path": {"type": "str"},
            "unknown": UNKNOWN,
        },
        supports_check_mode=True,
    )
    refuse_misspelt(module)
    with connected(module) as connection, claimed(module):
        resources = list(_resources(connection, installation(module)))
        host = _host(connection, module.params["uplink"], module.params["pool_path"])
        module.exit_json(changed=False, host=host, resources=resources)


def _host(connection: Any, uplink: str | None, pool_path: str | None) -> dict[str, Any]:
    return {
        "hostname": platform.node(),
        "kernel": platform.release(),
        "host_uuid": fromstring(connection.getCapabilities()).findtext("host/uuid"),
        "cpus": connection.getInfo()[2],
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "disk": _disk(pool_path) if pool_path else None,
        "libvirt_version": dotted(connection.getLibVersion()),
        "qemu_version": dotted(connection.getVersion()),
        "acceleration": "kvm" if has_kvm() else "qemu",
        "uplink_driver": _uplink_driver(uplink) if uplink else "none",
    }


def _disk(pool_path: str) -> int:
    """Bytes of the file system that holds, or will hold, the pool."""
    space = os.statvfs(holder(Path(pool_path)))
    return space.f_blocks * space.f_frsize


def _uplink_driver(name: str) -> str:
    """What can put networks on it (role vlan_uplink)."""
    if ovs.is_bridge(name):
        return "ovs"
    return "8021q" if iproute.link(name) and has_8021q() else "none"


def _resources(connection: Any, installation: str) -> Iterator[dict[str, Any]]:
    for domain in connection.listAllDomains():
        facts = {"power": POWER[domain.state()[0]]}
        yield from _marked("VM", read(fromstring(domain.XMLDesc())), installation, facts)
    for network in connection.listAllNetworks():
        facts = {"bridge": network.bridgeName(), "active": bool(network.isActive())}
        yield from _marked("Network", read(fromstring(network.XMLDesc())), installation, facts)
    for pool in connection.listAllStoragePools():
        id = _POOL.fullmatch(pool.name())
        if id and id[1] == pool.UUIDString():
            yield _found("Pool", id[1], {"active": bool(pool.isActive())})
            yield from _volumes(pool)


def _volumes(pool: Any) -> Iterator[dict[str, Any]]:
    path = Path(fromstring(pool.XMLDesc()).findtext("target/path", ""))
    for file in sorted(path.glob("*.qcow2")):
        if id := _VOLUME.fullmatch(file.name):
            yield _found("Volume", id[1], {"url": file.as_uri()})


def _marked(kind: str, mark: Mark | None, installation: str, facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if mark and mark.installation == installation:
        yield _found(kind, mark.id, {"generation": mark.generation, "digest": mark.digest, **facts})


def _found(kind: str, id: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "changed": False, "failed": False, "facts": {"kind": kind, **facts}}


if __name__ == "__main__":
    main()
