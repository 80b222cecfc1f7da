"""`virtgraph delete` and `virtgraph cancel`"""

from __future__ import annotations

from virtgraph.cli import kinds
from virtgraph.cli.client import Client, Row
from virtgraph.cli.failure import REFUSED, Failure
from virtgraph.cli.finding import one
from virtgraph.cli.kinds import named
from virtgraph.cli.output import say
from virtgraph.cli.progress import STEP
from virtgraph.cli.refusals import accepted, asked
from virtgraph.cli.wait import under_way, wait
from virtgraph.settings import Settings

CHANGED = f"""
... on Changed {{ id revision {{ number }} operations {{ {STEP} }} }}
{asked("Invalid", "Conflict", "NoHost", "NotFound", "Forbidden")}
"""
REMOVE_STACK = f"mutation ($stack: String!) {{ changed: removeStack(stack: $stack) {{ {CHANGED} }} }}"
DELETE_VM = f"""
mutation ($id: ID!, $volumes: Boolean!) {{ changed: deleteVM(id: $id, volumes: $volumes) {{ {CHANGED} }} }}
"""
DELETE = "mutation ($id: ID!) {{ changed: delete{type}(id: $id) {{ {changed} }} }}"
CANCEL = f"""
mutation ($id: ID!) {{
  cancelOperation(id: $id) {{
    ... on Cancelling {{ operation {{ {STEP} }} }} {asked("Conflict", "NotFound", "Forbidden")}
  }}
}}
"""
DELETABLE = (kinds.VM, kinds.NIC, kinds.VOLUME, kinds.NETWORK, kinds.STACK)


def delete(
    settings: Settings,
    word: str,
    reference: str,
    stack: str | None,
    *,
    volumes: bool,
    waits: bool,
    seconds: float | None,
) -> None:
    kind = kinds.kind(word, DELETABLE)
    if volumes and kind not in (kinds.VM, kinds.STACK):
        raise Failure(f"--volumes does not go with a {kind.name}.", "Leave it out.", REFUSED)
    with Client(settings) as client:
        row = one(client, kind, reference, stack if kind.in_stack else None)
        if kind is kinds.STACK:
            result = client.ask(REMOVE_STACK, stack=row["name"])
        elif kind is kinds.VM:
            result = client.ask(DELETE_VM, id=row["id"], volumes=volumes)
        else:
            result = client.ask(DELETE.format(type=kind.type, changed=CHANGED), id=row["id"])
        changed: Row = accepted(result["changed"])
        begun = changed["operations"]
        say(f"Deleting {kind.name} {named(row)}: {len(begun)} operations.")
        if waits and kind is kinds.STACK:  # a part of it may be going already; a single thing that is going is refused
            wait(client, under_way(client, row["name"], begun), row["name"], seconds)
        elif waits:
            wait(client, begun, row["stackName"], seconds)


def cancel(settings: Settings, operation: str) -> None:
    with Client(settings) as client:
        accepted(client.ask(CANCEL, id=operation)["cancelOperation"])
    say(f"Cancelling operation {operation}; what needs it is skipped.")
