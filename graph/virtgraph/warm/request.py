"""A Run as client.py sends it to the warm process."""

import os
import socket
from dataclasses import dataclass

_LIMIT = 4 << 20  # bytes; an environment and an argv, which the kernel bounds too


class Broken(Exception):
    """The client hung up, or sent what is no request."""


@dataclass(frozen=True)
class Request:
    arguments: list[str]
    folder: str
    environment: dict[str, str]


def receive(connection: socket.socket) -> Request:
    """The client's descriptors 0-2 become this process's own."""
    header, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    if len(header) != 4 or len(descriptors) != 3:
        raise Broken("no request")
    for own, given in enumerate(descriptors):
        os.dup2(given, own)
        os.close(given)
    size = int.from_bytes(header, "big")
    if size > _LIMIT:
        raise Broken("no request")
    with connection.makefile("rb") as stream:
        body = stream.read(size)
    if len(body) != size:
        raise Broken("half a request")
    count, *parts = body.decode(errors="surrogateescape").split("\0")
    arguments, (folder, *environment) = parts[: int(count)], parts[int(count) :]
    return Request(arguments, folder, dict(line.split("=", 1) for line in environment))
