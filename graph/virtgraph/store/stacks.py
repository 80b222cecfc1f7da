"""Stacks and their revisions: (revision)-[:REVISION_OF]->(stack)-[:OWNS]->(resource)."""

from __future__ import annotations

from dataclasses import dataclass

from virtgraph.model.caller import PROJECT, Caller
from virtgraph.store.answers import Answered, answered
from virtgraph.store.graph import Transaction


@dataclass(frozen=True, slots=True)
class StackNow:
    """A stack under this transaction's lock, its newest revision (0 and now where there is none), the graph's clock."""

    id: str
    name: str
    revision: int
    revised_at: int
    now: int  # epoch ms
    deleted: bool
    answered: Answered | None


async def lock(tx: Transaction, name: str, new_id: str, idempotency_key: str | None) -> StackNow:
    """Lock the stack, made first where it does not exist."""
    row = await tx.row(
        """
        MERGE (s:Stack {nameKey: $name_key})
        SET s._lock = $new_id
        WITH s
        SET s.id = coalesce(s.id, $new_id), s.name = $name, s.project = $project,
            s.revision = coalesce(s.revision, 0), s.createdAt = coalesce(s.createdAt, timestamp())
        WITH s
        OPTIONAL MATCH (a:Answer {key: s.id + '/' + $key})
        RETURN s.id AS id, s.revision AS revision, s.revisedAt AS revisedAt, timestamp() AS now,
               s.deletedAt AS deletedAt, a.inputDigest AS inputDigest, a.answer AS answer
        """,
        name_key=f"{PROJECT}/{name}",
        new_id=new_id,
        name=name,
        project=PROJECT,
        key=idempotency_key,
    )
    assert row is not None
    return StackNow(
        id=row["id"],
        name=name,
        revision=row["revision"],
        revised_at=row["revisedAt"] or row["now"],
        now=row["now"],
        deleted=row["deletedAt"] is not None,
        answered=answered(row),
    )


async def write_revision(tx: Transaction, stack: StackNow, caller: Caller, state: str, document: str | None) -> None:
    """The next revision of a locked stack, which lives again if it was removed."""
    await tx.run(
        """
        MATCH (s:Stack {id: $stack})
        SET s.revision = $number, s.revisedAt = $now, s.updatedAt = $now, s.deletedAt = null, s.ending = null
        CREATE (v:Revision {key: s.id + '/' + toString(s.revision)})-[:REVISION_OF]->(s)
        SET v.id = v.key, v.number = $number, v.createdAt = $now, v.state = $state, v.document = $document,
            v += $caller
        """,
        stack=stack.id,
        number=stack.revision + 1,
        now=stack.now,
        state=state,
        document=document,
        caller=caller.properties(),
    )


async def end(tx: Transaction, stack: StackNow) -> None:
    """The stack goes with the last of its resources; now, if it has none."""
    await tx.run("MATCH (s:Stack {id: $stack}) SET s.ending = true", stack=stack.id)
    await tx.run(END_EMPTY, stacks=[stack.id])


END_EMPTY = """
    UNWIND $stacks AS stack
    MATCH (s:Stack {id: stack})
    WHERE s.ending = true AND NOT EXISTS { MATCH (s)-[:OWNS]->(r:Resource) WHERE r.deletedAt IS NULL }
    SET s.deletedAt = timestamp()
"""
