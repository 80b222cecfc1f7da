#!/usr/bin/python
"""Storage pools that are directories, from a list, in one task."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, argument_spec, described, run_batch
from ansible.module_utils.virtgraph_libvirt import connected, found, pool_at, watched

DOCUMENTATION = """
module: virtgraph_pool
short_description: Defines, starts and removes libvirt storage pools
description:
  - Takes the whole list under the fence of a Run, and answers with one result for each pool.
    community.libvirt.virt_pool does neither, needs four tasks for one pool (define, build, start, facts), and its
    undefine in check mode undefines.
  - A pool of the same directory that virtgraph made under another id is used as it is.
  - A pool is not started by libvirt itself; after a restart of the host this starts it again.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/pool/defaults/main.yml tells.}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
"""


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    with connected(module) as connection:
        pools = Pools(connection, module.check_mode)
        realize = pools.realize if module.params["state"] == "present" else pools.remove
        run_batch(module, module.params["resources"], watched(connection, realize))


class Pools:
    def __init__(self, connection: Any, check: bool) -> None:
        self.connection = connection
        self.check = check

    def realize(self, item: Item) -> Done:
        pool = self._find(item) or pool_at(self.connection, item["path"])
        if self.check:
            return Done(pool is None or not pool.isActive())
        changed = False
        if pool is None:
            Path(item["path"]).mkdir(mode=0o711, parents=True, exist_ok=True)
            pool = self.connection.storagePoolDefineXML(_xml(item))
            changed = True
        if not pool.isActive():
            pool.create()
            changed = True
        return Done(changed, _facts(item["path"]))

    def remove(self, item: Item) -> Done:
        pool = self._find(item)
        if pool is None:
            return Done(False)
        if self.check:
            return Done(True)
        path = Path(fromstring(pool.XMLDesc()).findtext("target/path", ""))
        if left := [file.name for file in path.glob("*.qcow2") if not file.match(names.base("*"))]:
            raise ResourceError(
                f"Pool {described(item)} still has {len(left)} volumes at {path}, {left[0]} among them.",
                "Remove them first.",
            )
        if pool.isActive():
            pool.destroy()
        pool.undefine()
        for base in (*path.glob(names.base("*")), *path.glob(".base-*.part")):
            base.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what somebody else put there stays
            path.rmdir()
        return Done(True)

    def _find(self, item: Item) -> Any | None:
        """The pool of this id; raises ResourceError when that is not the one meant. Its mark is its name."""
        name = names.libvirt_pool(item["id"])
        pool = found(self.connection.storagePoolLookupByUUIDString, item["id"])
        pool = pool or found(self.connection.storagePoolLookupByName, name)
        if pool is None:
            return None
        if (pool.name(), pool.UUIDString()) != (name, item["id"]):
            raise ResourceError(
                f"The storage pool {pool.name()} on this host has the name or UUID of pool {described(item)} "
                "and is not of virtgraph: it is left as it is.",
                "Remove that pool by hand if nobody needs it, then apply again.",
            )
        path = fromstring(pool.XMLDesc()).findtext("target/path")
        if path != item.get("path", path):
            raise ResourceError(
                f"Pool {described(item)} is at {path} on this host and cannot move to {item['path']}.",
                "Make another pool there.",
            )
        return pool


def _xml(item: Item) -> str:
    root = Element("pool", type="dir")
    SubElement(root, "name").text = names.libvirt_pool(item["id"])
    SubElement(root, "uuid").text = item["id"]
    SubElement(SubElement(root, "target"), "path").text = item["path"]
    return tostring(root, encoding="unicode")


def _facts(path: str) -> dict[str, Any]:
    """Of the file system: libvirt's own figures are as old as its last refresh."""
    space = os.statvfs(path)
    return {
        "path": path,
        "capacity": space.f_blocks * space.f_frsize,
        "available": space.f_bavail * space.f_frsize,
    }


if __name__ == "__main__":
    main()
