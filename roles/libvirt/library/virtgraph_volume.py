#!/usr/bin/python
"""qcow2 volumes from a list, in one task."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from ansible.module_utils import virtgraph_base as base
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_base import Source
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, argument_spec, described, run_batch
from ansible.module_utils.virtgraph_libvirt import connected, found, watched

try:
    import libvirt
except ImportError:
    libvirt = None

DOCUMENTATION = """
module: virtgraph_volume
short_description: Makes, grows and removes volumes of libvirt storage pools
description:
  - Takes the whole list under the fence of a Run. community.libvirt.virt_volume takes one, 0.9 s each in a loop, has no
    check mode and cannot resize.
  - A volume grows while its VM runs; it never shrinks.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/volume/defaults/main.yml tells.}
  sources: {type: dict, default: {}, description: "What stat says of each source's file on the controller."}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
"""

_FULL = os.strerror(errno.ENOSPC)
_METADATA = 256 << 10  # bytes that an empty qcow2 file takes, nearly


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(sources={"type": "dict", "default": {}}),
        supports_check_mode=True,
    )
    items, lease = module.params["resources"], module.params["lease"]
    try:
        with connected(module) as connection:
            volumes = Volumes(connection, module.params["sources"], lease, module.check_mode)
            realize = volumes.realize if module.params["state"] == "present" else volumes.remove
            run_batch(module, items, watched(connection, realize))
    finally:
        if not module.check_mode:
            base.remove_copies({item["pool_path"] for item in items if "pool_path" in item}, lease)


class Volumes:
    def __init__(
        self,
        connection: Any,
        sources: dict[str, dict[str, Any]],
        lease: dict[str, Any] | None,
        check: bool,
    ) -> None:
        self.connection = connection
        self.sources = sources
        self.lease = lease
        self.check = check
        self.host = connection.getHostname()

    def realize(self, item: Item) -> Done:
        pool = self._pool(item)
        if self.check:
            return Done(self._would_change(pool, item))
        if pool is None:
            raise ResourceError(
                f"Volume {described(item)} has no pool: {item['pool']} is not on {self.host}.",
                "Apply the pool to this host first.",
            )
        volume, path = self._volume(pool, item), _path(item)
        changed = volume is None
        if volume is None:
            volume = self._create(pool, item)
        capacity = volume.info()[1]
        size = item.get("size") or capacity
        if size < capacity:
            raise ResourceError(
                f"Volume {described(item)} has {capacity} bytes and cannot shrink to {size}.",
                "Give a size that is not less, or make a new volume and copy what is in it.",
            )
        if size > capacity:
            self._grow(volume, str(path), size)
            changed = True
        _, capacity, allocation = volume.info()
        return Done(changed, {"url": path.as_uri(), "capacity": capacity, "allocation": allocation})

    def remove(self, item: Item) -> Done:
        pool = self._pool(item)
        if pool is None:
            return Done(False)
        volume = self._volume(pool, item)
        if volume is None:
            return Done(False)
        if not self.check:
            if domain := self._user(volume.path()):
                raise ResourceError(
                    f"Volume {described(item)} is in use by the running domain {domain.name()}.",
                    "Detach it from that VM, or stop the VM, then remove it.",
                )
            volume.delete()
        return Done(True)

    def _would_change(self, pool: Any | None, item: Item) -> bool:
        """In check mode; the pool may be one that the same play would make."""
        volume = None if pool is None else self._volume(pool, item)
        return volume is None or item.get("size") not in (None, volume.info()[1])

    def _pool(self, item: Item) -> Any | None:
        pool = found(self.connection.storagePoolLookupByName, names.libvirt_pool(item["pool"]))
        if pool is not None and not pool.isActive():
            if self.check:  # and nothing can be looked up in it
                return None
            pool.create()
        return pool

    def _volume(self, pool: Any, item: Item) -> Any | None:
        """libvirt knows the files of its last look; one that it does not know, it would write over."""
        name = names.volume(item["id"])
        volume = found(pool.storageVolLookupByName, name)
        if volume is None and _path(item).exists():
            pool.refresh()
            volume = found(pool.storageVolLookupByName, name)
        return volume

    def _create(self, pool: Any, item: Item) -> Any:
        backing = self._base(item) if item.get("source") else None
        least = base.virtual_size(backing) if backing else None
        size = item.get("size") or least
        if size is None:
            raise ResourceError(f"Volume {described(item)} has neither a size nor a source.", "Give it one of them.")
        if least is not None and size < least:
            raise ResourceError(
                f"Volume {described(item)} of {size} bytes is smaller than its source, a disk of {least} bytes.",
                f"Make its size at least {least} bytes, or leave it out.",
            )
        try:
            return pool.createXML(_xml(item, size, backing))
        except libvirt.libvirtError as error:
            _path(item).unlink(missing_ok=True)
            if _FULL in str(error):
                raise self._full(item, _METADATA) from error
            raise

    def _base(self, item: Item) -> Path:
        """The backing file, which gets its name here."""
        source = Source.of(item, self.sources)
        if source is None:
            raise ResourceError(
                f"The source of volume {described(item)} is not on the controller: {item['source']['file']}.",
                "Put the file there, or correct the volume's source.",
            )
        path = base.path(item["pool_path"], source)
        if not path.exists():
            self._adopt(item, source, base.part(item["pool_path"], source, self.lease), path)
        return path

    def _adopt(self, item: Item, source: Source, part: Path, path: Path) -> None:
        if not part.exists() or part.stat().st_size != source.size:
            space = os.statvfs(item["pool_path"])
            part.unlink(missing_ok=True)
            if space.f_bavail * space.f_frsize < source.size:
                raise self._full(item, source.size)
            raise ResourceError(
                f"The source of volume {described(item)} was not copied to {self.host}: {source.file}.",
                "Look into the Run's log, then apply again.",
            )
        if (copied := base.sha256(part)) != source.sha256:
            raise ResourceError(
                f"The source of volume {described(item)} has the SHA-256 {copied}, and {source.sha256} is wanted: "
                f"{source.file}.",
                "Put the right file there, or correct the volume's sha256.",
            )
        if base.virtual_size(part) is None:
            raise ResourceError(
                f"The source of volume {described(item)} is not a qcow2 file without a backing file: {source.file}.",
                "Convert it: qemu-img convert -O qcow2 OLD NEW.",
            )
        part.chmod(0o644)
        part.rename(path)

    def _grow(self, volume: Any, path: str, size: int) -> None:
        if domain := self._user(path):
            domain.blockResize(path, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        else:
            volume.resize(size)

    def _user(self, path: str) -> Any | None:
        """The running domain that has the file open."""
        for domain in self.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            sources = fromstring(domain.XMLDesc()).iterfind("devices/disk/source")
            if any(source.get("file") == path for source in sources):
                return domain
        return None

    def _full(self, item: Item, needed: int) -> ResourceError:
        space = os.statvfs(item["pool_path"])
        return ResourceError(
            f"Volume {described(item)} does not fit into pool {item['pool_path']} on {self.host}: "
            f"{needed} bytes needed, {space.f_bavail * space.f_frsize} free.",
            "Free some space there, or put the volume into another pool.",
        )


def _path(item: Item) -> Path:
    return Path(item["pool_path"]) / names.volume(item["id"])


def _xml(item: Item, size: int, backing: Path | None) -> str:
    root = Element("volume", type="file")
    SubElement(root, "name").text = names.volume(item["id"])
    SubElement(root, "capacity", unit="bytes").text = str(size)
    SubElement(root, "allocation", unit="bytes").text = "0"
    SubElement(SubElement(root, "target"), "format", type="qcow2")
    if backing:
        store = SubElement(root, "backingStore")
        SubElement(store, "path").text = str(backing)
        SubElement(store, "format", type="qcow2")
    return tostring(root, encoding="unicode")


if __name__ == "__main__":
    main()
