"""What calls with an idempotency key were answered. A key counts within its scope: a stack, or the project outside of them."""

from __future__ import annotations

from dataclasses import dataclass

from virtgraph.store.graph import Graph, Row, Transaction


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call with this idempotency key was answered, and the digest of what it asked."""

    input_digest: str
    answer: str


FIND = "MATCH (a:Answer {key: $key}) RETURN a.inputDigest AS inputDigest, a.answer AS answer"
HOLD = "MERGE (a:Answer {key: $key}) SET a._lock = $token RETURN a.inputDigest AS inputDigest, a.answer AS answer"
KEEP = """
    MERGE (a:Answer {key: $key})
    SET a.inputDigest = $digest, a.answer = $answer, a.createdAt = timestamp()
"""


async def find(graph: Graph, scope: str, key: str) -> Answered | None:
    rows = await graph.read(FIND, key=f"{scope}/{key}")
    return answered(rows[0]) if rows else None


async def hold(tx: Transaction, scope: str, key: str, token: str) -> Answered | None:
    """The same under the key's lock: whoever asks with it at this moment waits. None: the answer is to be kept now."""
    row = await tx.row(HOLD, key=f"{scope}/{key}", token=token)
    return answered(row) if row else None


def answered(row: Row) -> Answered | None:
    return Answered(row["inputDigest"], row["answer"]) if row["answer"] is not None else None


async def keep(tx: Transaction, scope: str, key: str, input_digest: str, answer: str) -> None:
    """What a later call with the same idempotency key is answered."""
    await tx.run(KEEP, key=f"{scope}/{key}", digest=input_digest, answer=answer)
