"""Single values of a document: each function takes what was written and returns what it means.

All raise ValueError with a sentence for the author. A secret is never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from virtgraph.model.wanted import UNCHANGED, Unchanged
from virtgraph.spec.errors import shown, unknown
from virtgraph.spec.tree import CONTROL

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
MASK = "********"
LONGEST_NAME = 255
LONGEST_PATH = 4095  # Linux's PATH_MAX without its final zero
LONGEST_CMDLINE = 2047  # x86's COMMAND_LINE_SIZE without its final zero
LONGEST_PASSWORD = 8  # RFB's DES challenge takes no more

ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64"}


def string(value: Any) -> str:
    if not isinstance(value, str):
        cure = ": put it in quotes" if isinstance(value, int | float) else ""
        raise ValueError(f"must be a string, not {shown(value)}{cure}")
    return value


def line(value: Any, longest: int) -> str:
    """Text without control characters, so that it can stand in a configuration file."""
    text = string(value)
    if not text:
        raise ValueError("must not be empty")
    if len(text) > longest:
        raise ValueError(f"has {len(text)} characters; at most {longest} are allowed")
    if CONTROL.search(text):
        raise ValueError("must not have control characters")
    return text


def name(value: Any) -> str:
    return line(value, LONGEST_NAME)


def uuid(value: Any) -> str:
    text = string(value)
    if not UUID.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a UUID in lower case, as 56410722-d507-472a-a800-c89211b7c261 is")
    return text


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")
    return value


def whole(least: int, most: int) -> Callable[[Any], int]:
    """A reader of whole numbers within these bounds."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number, not {shown(value)}")
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}, not {value}")
        return value

    return read


def one_of(what: str, known: Collection[str]) -> Callable[[Any], str]:
    """A reader of one of these words."""

    def read(value: Any) -> str:
        text = string(value)
        if text not in known:
            raise ValueError(unknown(what, text, known))
        return text

    return read


def architecture(value: Any) -> str:
    return ARCHITECTURES[one_of("architecture", ARCHITECTURES)(value)]


def password(value: Any) -> str | Unchanged:
    """A VNC password; the mask that answers carry in its place means that it stays what it is."""
    if value == MASK:
        return UNCHANGED
    if not isinstance(value, str):
        raise ValueError("must be a string: put it in quotes")
    if not 1 <= len(value) <= LONGEST_PASSWORD:
        raise ValueError(f"has {len(value)} characters; VNC takes 1 to {LONGEST_PASSWORD}")
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


def absolute_path(value: Any) -> str:
    text = line(value, LONGEST_PATH)
    if not text.startswith("/"):
        raise ValueError(f"must be an absolute path, not {shown(text)}")
    return text


def folder(value: Any) -> str:
    """An absolute path without doubled or last slashes, as libvirt tells it."""
    parts = [part for part in absolute_path(value).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("must not have ..")
    return "/" + "/".join(parts)


def file(value: Any) -> str:
    return line(value, LONGEST_PATH)


def image_file(value: Any) -> str:
    """A file of the image folder, or an absolute path."""
    text = line(value, LONGEST_PATH)
    if not text.startswith("/") and ".." in text.split("/"):
        raise ValueError("must not lead out of the image folder with ..")
    return text


def command_line(value: Any) -> str:
    return line(value, LONGEST_CMDLINE)


def sha256(value: Any) -> str:
    text = string(value)
    if not SHA256.fullmatch(text):
        raise ValueError("must be a SHA-256 in 64 hexadecimal digits")
    return text.lower()
