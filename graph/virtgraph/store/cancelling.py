"""An operation is cancelled, at once where it waits; where it runs, its worker is told to end it."""

from __future__ import annotations

import uuid

from virtgraph.model.caller import Caller
from virtgraph.model.states import OperationState
from virtgraph.store import events, results
from virtgraph.store.graph import Transaction


async def cancel(tx: Transaction, id: str, caller: Caller) -> str | None:
    """Cancel an operation. Its state before; None: no such one."""
    row = await tx.row("MATCH (o:Operation {id: $id}) RETURN o.resource AS resource", id=id)
    if row is None:
        return None
    later = await results.lock_with_later(tx, {id: row["resource"]})
    now = await tx.row("MATCH (o:Operation {id: $id}) RETURN o.state AS state", id=id)
    assert now is not None
    if now["state"] == OperationState.RUNNING:
        await tx.run("MATCH (o:Operation {id: $id}) SET o.cancel = true", id=id)
    elif now["state"] == OperationState.PENDING:
        finishing = results.Finishing(tx, str(uuid.uuid4()))
        await finishing.write([results.Result(id, OperationState.CANCELLED, f"It was cancelled by {caller.actor}.")])
        await finishing.settle(later)
        await events.write(tx, finishing.story, caller)
    return str(now["state"])
