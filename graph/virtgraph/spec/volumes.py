"""Volumes: `resource/volume/file`."""

from __future__ import annotations

from virtgraph.model.wanted import Source, WantedVolume
from virtgraph.spec import scalars, units
from virtgraph.spec.declared import Declared

SOURCE_FIELDS = ("file", "sha256")

read_size = units.size(most=1 << 50)


def read_volume(declared: Declared) -> WantedVolume:
    size = declared.read("size", read_size, None)
    source = _source(declared)
    if "size" not in declared.fields and "source" not in declared.fields:
        declared.node.refuse_member("size", "is missing: only a volume with a source has a size without it")
    return WantedVolume(
        path=declared.path,
        key=declared.key,
        name=declared.name,
        id=declared.id,
        owner=declared.owner,
        needs=declared.needs(),
        size=size,
        source=source,
    )


def _source(declared: Declared) -> Source | None:
    node = declared.fields.get("source")
    if node is None:
        return None
    fields = node.fields(SOURCE_FIELDS)
    sha256 = fields["sha256"].read(scalars.sha256) if "sha256" in fields else None
    if "file" not in fields:
        if isinstance(node.value, dict):
            node.refuse_member("file", "is missing")
        return None
    file = fields["file"].read(scalars.image_file)
    if file is None:
        return None
    if file.startswith("/") and "sha256" not in fields:
        node.refuse_member("sha256", "is missing: a file outside the image folder needs one")
    return Source(file, sha256)
