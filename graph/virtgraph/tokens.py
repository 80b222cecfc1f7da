"""Bearer tokens: the graph holds only their hashes; the administrator's stands in a file that its owner alone can read."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from pathlib import Path

from virtgraph.model.actor import Actor
from virtgraph.store.graph import Graph, Transaction

ADMINISTRATOR = Actor("administrator", "administrator")


def hash_of(token: str) -> str:
    """SHA-256 is enough: a token has 256 bits of its own."""
    return hashlib.sha256(token.encode()).hexdigest()


async def ensure_administrator(graph: Graph, file: Path) -> None:
    """Make the administrator's token at first start; the one in the file counts ever after, and none that was in it
    before."""
    try:
        token = file.read_text().strip()
    except FileNotFoundError:
        token = write_new(file)
    kept_in = f"{socket.gethostname()}:{file.resolve()}"
    await graph.write(lambda tx: remember(tx, token, ADMINISTRATOR, kept_in))


def write_new(file: Path) -> str:
    token = secrets.token_urlsafe(32)
    whole = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(token + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    whole.replace(file)
    return token


async def remember(tx: Transaction, token: str, actor: Actor, kept_in: str) -> None:
    """A token of a file takes the place of the file's earlier ones."""
    await tx.run(
        "MATCH (t:Token {keptIn: $kept_in}) WHERE t.hash <> $hash DELETE t", kept_in=kept_in, hash=hash_of(token)
    )
    await tx.run(
        """
        MERGE (t:Token {hash: $hash})
        SET t.actor = $actor, t.name = $name, t.keptIn = $kept_in, t.createdAt = coalesce(t.createdAt, timestamp())
        """,
        hash=hash_of(token),
        actor=actor.id,
        name=actor.name,
        kept_in=kept_in,
    )


class Tokens:
    """Whose token is it. Known ones are remembered: a request costs no read."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, Actor] = {}

    async def actor(self, token: str) -> Actor | None:
        hashed = hash_of(token)
        if hashed not in self._known:
            rows = await self._graph.read(
                "MATCH (t:Token {hash: $hash}) RETURN t.actor AS actor, t.name AS name", hash=hashed
            )
            if not rows:
                return None
            self._known[hashed] = Actor(rows[0]["actor"], rows[0]["name"])
        return self._known[hashed]
