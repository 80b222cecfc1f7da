"""Storage pools that are directories: what there is, and what a list wants."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import (
    Done,
    Item,
    ResourceError,
    described,
)
from ansible.module_utils.virtgraph_input import path, problems
from ansible.module_utils.virtgraph_libvirt import files_of, found, pool_at
from ansible.module_utils.virtgraph_predicted import Predicted


def unsound(item: Item, present: bool) -> Iterator[str]:
    yield from problems(item, {"path": path}, ["path"] if present else [])


class Pools:
    def __init__(self, connection: Any, predicted: Predicted, check: bool) -> None:
        self.connection = connection
        self.predicted = predicted
        self.check = check

    def realize(self, item: Item) -> Done:
        pool, folder = self._find(item) or pool_at(self.connection, item["path"]), Path(item["path"])
        missing = not folder.exists()
        if missing:
            self._refuse_lost(item, pool, folder)
        if self.check:
            like = any(after["path"] == item["path"] for after in self.predicted.all_made("pool"))
            return Done(not like and (missing or pool is None or not pool.isActive()), after={"path": item["path"]})
        changed = missing
        if missing:
            folder.mkdir(mode=0o711, parents=True)
        if pool is None:
            pool = self.connection.storagePoolDefineXML(_xml(item))
            changed = True
        if not pool.isActive():
            pool.create()
            changed = True
        elif missing:
            pool.refresh()
        return Done(changed, _facts(item["path"]))

    def _refuse_lost(self, item: Item, pool: Any | None, folder: Path) -> None:
        """A new folder would hide what is to be mounted there, and have new volumes in place of those that VMs have."""
        domains = [one for one in self.connection.listAllDomains() if not self.predicted.gone("vm", one.UUIDString())]
        volumes = [one.name() for one in pool.listAllVolumes()] if pool is not None and pool.isActive() else []
        volumes = [name for name in volumes if not Path(name).match(names.base("*"))]
        needed = [f"domain {one.name()} has a disk in it" for one in domains if self._has_disk(one, folder)]
        needed += [f"volume {name} is in it" for name in volumes if not self.predicted.gone("volume", Path(name).stem)]
        if point := unmounted(folder, _text(Path("/etc/fstab"))):
            needed.append(f"nothing is mounted at {point}, which is in /etc/fstab")
        if needed:
            raise ResourceError(
                f"The directory {folder} of pool {described(item)} is not on this host, and {', '.join(needed)}.",
                "Mount it or put it back. If what was in it is lost, remove those domains and make the directory by hand.",
            )

    def _has_disk(self, domain: Any, folder: Path) -> bool:
        return any(
            Path(file).is_relative_to(folder) for file in files_of(self.connection, fromstring(domain.XMLDesc()))
        )

    def remove(self, item: Item) -> Done:
        pool = self._find(item)
        if pool is None:
            return Done(False)
        folder = Path(fromstring(pool.XMLDesc()).findtext("target/path", ""))
        files = (file for file in folder.glob("*.qcow2") if not file.match(names.base("*")))
        if left := [file.name for file in files if not self.predicted.gone("volume", file.stem)]:
            raise ResourceError(
                f"Pool {described(item)} still has {len(left)} volumes at {folder}, {left[0]} among them.",
                "Remove them first.",
            )
        if self.check:
            return Done(True)
        if pool.isActive():
            pool.destroy()
        pool.undefine()
        for base in (*folder.glob(names.base("*")), *folder.glob(".base-*.part")):
            base.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what somebody else put there stays
            folder.rmdir()
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
        place = fromstring(pool.XMLDesc()).findtext("target/path")
        if place != item.get("path", place):
            raise ResourceError(
                f"Pool {described(item)} is at {place} on this host and cannot move to {item['path']}.",
                "Make another pool there.",
            )
        return pool


def unmounted(folder: Path, fstab: str) -> Path | None:
    """Where a file system is to be mounted, by fstab(5), that would have the folder."""
    points = [fields[1] for line in fstab.splitlines() if len(fields := line.split()) > 1 and fields[0][0] != "#"]
    above = (point for point in (folder, *folder.parents) if str(point) in points)
    return next((point for point in above if not os.path.ismount(point)), None)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _xml(item: Item) -> str:
    root = Element("pool", type="dir")
    SubElement(root, "name").text = names.libvirt_pool(item["id"])
    SubElement(root, "uuid").text = item["id"]
    SubElement(SubElement(root, "target"), "path").text = item["path"]
    return tostring(root, encoding="unicode")


def _facts(folder: str) -> dict[str, Any]:
    """Of the file system: libvirt's own figures are as old as its last refresh."""
    space = os.statvfs(folder)
    return {
        "path": folder,
        "capacity": space.f_blocks * space.f_frsize,
        "available": space.f_bavail * space.f_frsize,
    }
