"""qcow2 volumes: what there is, and what a list wants."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from ansible.module_utils import virtgraph_base as base
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_base import Source
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, described
from ansible.module_utils.virtgraph_input import path, problems, sha256, uuid, whole
from ansible.module_utils.virtgraph_libvirt import files_of, found, pool_at
from ansible.module_utils.virtgraph_predicted import Predicted

try:
    import libvirt
except ImportError:
    libvirt = None

_FULL = os.strerror(errno.ENOSPC)
_METADATA = 256 << 10  # bytes that an empty qcow2 file takes, nearly


def unsound(item: Item, present: bool) -> Iterator[str]:
    yield from problems(item, {"pool": uuid, "pool_path": path, "size": whole(1, 1 << 50)}, ["pool", "pool_path"])
    source = item.get("source")
    if source:
        yield from problems(source, {"file": path, "sha256": sha256}, ["file"], "source.")
    elif present and not item.get("size"):
        yield "it has neither a size nor a source"


class Volumes:
    def __init__(
        self,
        connection: Any,
        sources: dict[str, dict[str, Any]],
        lease: dict[str, Any] | None,
        predicted: Predicted,
        check: bool,
    ) -> None:
        self.connection = connection
        self.predicted = predicted
        self.sources = sources
        self.lease = lease
        self.check = check
        self.host = connection.getHostname()

    def realize(self, item: Item) -> Done:
        pool = self._pool(item)
        if pool is None and not self._pool_to_come(item):
            raise ResourceError(
                f"Volume {described(item)} has no pool: {item['pool']} is not on {self.host}.",
                "Apply the pool to this host first.",
            )
        if self._is_there(item):
            _refuse_another_source(item)
        else:
            self._refuse_lost(item)
        if self.check:
            return Done(self._would_change(item))
        volume, file = self._volume(pool, item), _path(item)
        changed = volume is None
        if volume is None:
            volume = self._create(pool, item)
        capacity = volume.info()[1]
        size = _grown(item, capacity)
        if size > capacity:
            self._grow(volume, str(file), size)
            changed = True
        _, capacity, allocation = volume.info()
        facts = {"url": file.as_uri(), "capacity": capacity, "allocation": allocation}
        return Done(changed, {**facts, "source_sha256": base.made_from(file)})

    def remove(self, item: Item) -> Done:
        pool = self._pool(item)
        if pool is None:
            return Done(False)
        volume = None if self.check else self._volume(pool, item)
        if volume is None and not (self.check and _path(item).exists()):
            return Done(False)
        for domain in self._users.get(str(_path(item)), ()):
            if not self.predicted.gone("vm", domain.UUIDString()):
                state = "running" if domain.isActive() else "stopped"
                raise ResourceError(
                    f"Volume {described(item)} is in use by the {state} domain {domain.name()}.",
                    "Detach it from that VM, or remove the VM, then remove it.",
                )
        if volume is not None:
            volume.delete()
        return Done(True)

    def _refuse_lost(self, item: Item) -> None:
        """A VM never gets its disk before the file is there: what is not there any more is not made anew without a word."""
        for domain in self._users.get(str(_path(item)), ()):
            if not self.predicted.gone("vm", domain.UUIDString()):
                raise ResourceError(
                    f"Volume {described(item)} is the disk of the domain {domain.name()}, and its file {_path(item)} is gone"
                    f" from {self.host}.",
                    "Mount what the pool lies on, or bring the file back; if it is lost for good, remove the VM first.",
                )

    def _would_change(self, item: Item) -> bool:
        """In check mode. libvirt may know nothing of the pool yet, or not look into it: the files tell."""
        file = _path(item)
        capacity = base.header(file)[1] if self._is_there(item) else None
        if capacity is not None:
            return _grown(item, capacity) > capacity
        source = self._source(item) if item.get("source") else None
        if source is None or base.path(item["pool_path"], source).exists():
            self._size(item, base.path(item["pool_path"], source) if source else None)
        else:  # what size it has is seen when it has been copied
            self._refuse_hash(item, source, self.sources[source.file].get("checksum", source.sha256))
        return True

    def _is_there(self, item: Item) -> bool:
        return _path(item).exists() and not self.predicted.gone("volume", item["id"])

    def _pool_to_come(self, item: Item) -> bool:
        made = self.predicted.all_made("pool")
        return bool(self.predicted.made("pool", item["pool"])) or item["pool_path"] in [after["path"] for after in made]

    def _pool(self, item: Item) -> Any | None:
        pool = found(self.connection.storagePoolLookupByName, names.libvirt_pool(item["pool"]))
        pool = pool or pool_at(self.connection, item["pool_path"])
        if pool is not None and not pool.isActive():
            if not self.check:
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
        size = self._size(item, backing)
        try:
            return pool.createXML(_xml(item, size, backing))
        except libvirt.libvirtError as error:
            _path(item).unlink(missing_ok=True)
            if _FULL in str(error):
                raise self._full(item, _METADATA) from error
            raise

    def _size(self, item: Item, backing: Path | None) -> int:
        least = base.virtual_size(backing) if backing else None
        size = _wanted(item) or least
        if size is None:
            raise ResourceError(f"Volume {described(item)} has neither a size nor a source.", "Give it one of them.")
        if least is not None and size < least:
            raise ResourceError(
                f"Volume {described(item)} of {size} bytes is smaller than its source, a disk of {least} bytes.",
                f"Make its size at least {least} bytes, or leave it out.",
            )
        return size

    def _source(self, item: Item) -> Source:
        source = Source.of(item, self.sources)
        if source is None:
            raise ResourceError(
                f"The source of volume {described(item)} is not on the controller, or cannot be read there: {item['source']['file']}.",
                "Put the file there, or correct the volume's source.",
            )
        return source

    def _base(self, item: Item) -> Path:
        """The backing file, which gets its name here."""
        source = self._source(item)
        whole = base.path(item["pool_path"], source)
        if not whole.exists():
            self._adopt(item, source, base.part(item["pool_path"], source, self.lease), whole)
        return whole

    def _adopt(self, item: Item, source: Source, part: Path, whole: Path) -> None:
        if not part.exists() or part.stat().st_size != source.size:
            space = os.statvfs(item["pool_path"])
            part.unlink(missing_ok=True)
            if space.f_bavail * space.f_frsize < source.size:
                raise self._full(item, source.size)
            raise ResourceError(
                f"The source of volume {described(item)} was not copied to {self.host}: {source.file}.",
                "Look into the Run's log, then apply again.",
            )
        self._refuse_hash(item, source, base.sha256(part))
        if base.virtual_size(part) is None:
            raise ResourceError(
                f"The source of volume {described(item)} is not a qcow2 file without a backing file: {source.file}.",
                "Convert it: qemu-img convert -O qcow2 OLD NEW.",
            )
        part.chmod(0o644)
        base.flush(part)  # or a power cut could leave the name, and not what is in it
        part.rename(whole)
        base.flush(whole.parent)

    def _refuse_hash(self, item: Item, source: Source, seen: str) -> None:
        if seen != source.sha256:
            raise ResourceError(
                f"The source of volume {described(item)} has the SHA-256 {seen}, and {source.sha256} is wanted: "
                f"{source.file}.",
                "Put the right file there, or correct the volume's sha256.",
            )

    def _grow(self, volume: Any, file: str, size: int) -> None:
        if domain := next((user for user in self._users.get(file, ()) if user.isActive()), None):
            domain.blockResize(file, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        else:
            volume.resize(size)

    @cached_property
    def _users(self) -> dict[str, list[Any]]:
        """By file the domains that use it, running or not, whoever made them."""
        users: dict[str, list[Any]] = {}
        for domain in self.connection.listAllDomains():
            for file in files_of(self.connection, fromstring(domain.XMLDesc())):
                users.setdefault(file, []).append(domain)
        return users

    def _full(self, item: Item, needed: int) -> ResourceError:
        space = os.statvfs(item["pool_path"])
        return ResourceError(
            f"Volume {described(item)} does not fit into pool {item['pool_path']} on {self.host}: "
            f"{needed} bytes needed, {space.f_bavail * space.f_frsize} free.",
            "Free some space there, or put the volume into another pool.",
        )


def _refuse_another_source(item: Item) -> None:
    wanted, has = (item.get("source") or {}).get("sha256"), base.made_from(_path(item))
    if wanted and has and wanted.lower() != has:
        raise ResourceError(
            f"Volume {described(item)} was made from a source with the SHA-256 {has}, and {wanted} is wanted: the source of"
            " a volume cannot change after it was made.",
            "Give the source that it was made from, or make a new volume.",
        )


def _grown(item: Item, capacity: int) -> int:
    size = _wanted(item) or capacity
    if size < capacity:
        raise ResourceError(
            f"Volume {described(item)} has {capacity} bytes and cannot shrink to {size}.",
            "Give a size that is not less, or make a new volume and copy what is in it.",
        )
    return size


def _wanted(item: Item) -> int | None:
    """Bytes: libvirt makes files of whole kilobytes."""
    return -(-int(item["size"]) // 1024) * 1024 if item.get("size") else None


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
