"""`virtgraph host add` and `virtgraph host rm`"""

from __future__ import annotations

from typing import Any

from virtgraph.cli.client import Client
from virtgraph.cli.failure import Failure
from virtgraph.cli.output import say
from virtgraph.cli.refusals import accepted, asked
from virtgraph.settings import Settings

ADD = f"""
mutation ($input: AddHostInput!) {{
  addHost(input: $input) {{
    ... on AddedHost {{ hostKey host {{ id name state error warnings }} }} {asked("Invalid", "Conflict", "Forbidden")}
  }}
}}
"""
REMOVE = f"""
mutation ($host: String!) {{
  removeHost(host: $host) {{ ... on RemovedHost {{ id }} {asked("Conflict", "NotFound", "Forbidden")} }}
}}
"""


def add(settings: Settings, given: dict[str, Any]) -> None:
    """`given` is an AddHostInput; what is None was not said."""
    input = {name: value for name, value in given.items() if value is not None}
    with Client(settings) as client:
        added = accepted(client.ask(ADD, input=input)["addHost"])
    host = added["host"]
    say(f"Host {host['name']} ({host['id']}): {host['state']}")
    if added["hostKey"]:
        say(f"Its pinned key; compare it with the host's own: {added['hostKey']}")
    for warning in host["warnings"]:
        say(f"Warning: {warning}")
    if host["error"]:
        raise Failure(
            f"Host {host['name']} cannot be used yet: {host['error']}",
            "It is tried again; `virtgraph host ls` shows when it is READY.",
        )


def remove(settings: Settings, host: str) -> None:
    with Client(settings) as client:
        accepted(client.ask(REMOVE, host=host)["removeHost"])
    say(f"Host {host} is removed; what is on it stays as it is.")
