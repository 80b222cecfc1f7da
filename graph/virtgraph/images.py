"""Files on the service's machine that volumes are made from."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from pathlib import Path

from virtgraph.model.wanted import WantedVolume, Wish

QCOW2 = b"QFI\xfb"


async def measured(wish: Wish, images: Path) -> Wish:
    """The wish with the virtual size of each volume's source, where its file can be read now."""
    if not any(isinstance(wanted, WantedVolume) and wanted.source for wanted in wish.resources.values()):
        return wish
    return await asyncio.to_thread(measure, wish, images)


def measure(wish: Wish, images: Path) -> Wish:
    resources = dict(wish.resources)
    for key, wanted in resources.items():
        if isinstance(wanted, WantedVolume) and wanted.source:
            size = virtual_size(images / wanted.source.file)
            resources[key] = replace(wanted, source=replace(wanted.source, virtual_size=size))
    return replace(wish, resources=resources)


def virtual_size(file: Path) -> int | None:
    """Bytes, from the header (qemu's docs/interop/qcow2.txt); None where the file is away or is not qcow2."""
    try:
        if not file.is_file():  # to open a pipe would wait
            return None
        with file.open("rb") as opened:
            header = opened.read(32)
    except OSError:
        return None
    if len(header) < 32 or header[:4] != QCOW2:
        return None
    return int(struct.unpack_from(">Q", header, 24)[0])
