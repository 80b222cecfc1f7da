"""A guest that costs nothing: a "Linux kernel" of 1.5 KB whose set-up code stops the processor at once.

The domain is active, as libvirt sees it, and stays so; with a real guest the benchmark would measure TCG.
"""

from __future__ import annotations

import struct
from pathlib import Path

SECTOR = 512
HALT = b"\xfa\xf4\xeb\xfd"  # cli; hlt; and again, should anything wake it


def write_halt_kernel(path: Path) -> None:
    """Write the kernel image: a header of the Linux/x86 boot protocol 2.04 (Documentation/arch/x86/boot.rst)
    with as little in it as qemu's loader asks for."""
    image = bytearray(3 * SECTOR)
    _put(image, 0x1F1, struct.pack("<B", 1))  # setup_sects
    _put(image, 0x1FE, struct.pack("<H", 0xAA55))  # boot_flag
    _put(image, 0x200, b"\xeb\x7e")  # jump over the header, to 0x280
    _put(image, 0x202, b"HdrS")
    _put(image, 0x206, struct.pack("<H", 0x0204))  # version
    _put(image, 0x211, struct.pack("<B", 1))  # loadflags: the kernel itself goes to 1 MiB
    _put(image, 0x22C, struct.pack("<I", 0x37FFFFFF))  # initrd_addr_max
    _put(image, 0x280, HALT)
    path.write_bytes(image)


def _put(image: bytearray, offset: int, data: bytes) -> None:
    image[offset : offset + len(data)] = data
