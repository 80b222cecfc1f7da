"""The table of contents of the command line: each command is read here and done elsewhere.

What does it is imported by the command that needs it: `virtgraph --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from virtgraph.cli import host_commands
from virtgraph.cli.formats import Format, Output
from virtgraph.cli.group import Group
from virtgraph.cli.options import Stack, Timeout, Wait

app = typer.Typer(
    name="virtgraph",
    help="The graph of virtual infrastructure, and the work that makes libvirt hosts match it.",
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(host_commands.app, name="host")


@app.command()
def serve(
    bind: Annotated[str | None, Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, Option(help="Port to listen on; 0 for any.")] = None,
) -> None:
    """Serve the API, with a worker; start the embedded graph where no other is set."""
    from virtgraph.cli.session import settings
    from virtgraph.cli.starting import starting
    from virtgraph_api.service import serve

    with starting():
        serve(settings(**{name: value for name, value in (("bind", bind), ("port", port)) if value is not None}))


@app.command()
def worker(
    piped: Annotated[bool, Option(hidden=True, help="Nudged by a parent; ends with standard input.")] = False,
) -> None:
    """Work without an API, against the same graph: for more machines."""
    import asyncio

    from virtgraph import logs
    from virtgraph.cli.session import settings
    from virtgraph.cli.starting import starting
    from virtgraph.work import work

    logs.configure()
    with starting():
        asyncio.run(work(settings(), piped))


@app.command()
def apply(
    file: Annotated[str, Argument(help="A document in YAML or JSON; - for standard input.")],
    stack: Annotated[str, Option("--stack", "-s", help="What owns the document's resources.")] = "default",
    prune: Annotated[bool, Option("--prune", help="Remove what only earlier documents named.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    idempotency_key: Annotated[str | None, Option(help="The same key again gives the same answer, once done.")] = None,
    output: Annotated[
        Format, Option("--output", "-o", help="A summary, or the completed document as YAML or JSON.")
    ] = Format.table,
) -> None:
    """Make a stack hold what a document says."""
    from virtgraph.cli.apply import apply
    from virtgraph.cli.session import settings

    apply(settings(), file, stack, prune=prune, key=idempotency_key, waits=wait, seconds=timeout, format=output)


@app.command()
def get(
    kind: Annotated[str, Argument(help="vm, nic, volume, network, host, pool, stack, operation or run.")],
    name: Annotated[str | None, Argument(help="Name or id; all if left out.")] = None,
    stack: Stack = None,
    output: Output = Format.table,
) -> None:
    """Show one thing, or all of a kind."""
    from virtgraph.cli.get import get
    from virtgraph.cli.session import settings

    get(settings(), kind, name, stack, output)


@app.command()
def delete(
    kind: Annotated[str, Argument(help="vm, nic, volume, network or stack.")],
    name: Annotated[str, Argument(help="Name or id.")],
    stack: Stack = None,
    volumes: Annotated[bool, Option("--volumes", help="A VM's volumes too; a stack's always go with it.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
) -> None:
    """Remove a thing, or all that a stack owns."""
    from virtgraph.cli.changing import delete
    from virtgraph.cli.session import settings

    delete(settings(), kind, name, stack, volumes=volumes, waits=wait, seconds=timeout)


@app.command()
def cancel(operation: Annotated[str, Argument(help="Its id.")]) -> None:
    """Cancel an operation that waits or runs; what needs it is skipped."""
    from virtgraph.cli.changing import cancel
    from virtgraph.cli.session import settings

    cancel(settings(), operation)


@app.command()
def events(
    after: Annotated[int | None, Option(min=0, help="Only those behind this number.")] = None,
    follow: Annotated[bool, Option("--follow", "-f", help="Go on with what comes, until interrupted.")] = False,
    stack: Stack = None,
    output: Annotated[Format, Option("--output", "-o", help="A line each; json: an object a line.")] = Format.table,
) -> None:
    """Show what happened."""
    from virtgraph.cli.events import events
    from virtgraph.cli.session import settings

    events(settings(), after, stack, follow, output)


@app.command()
def tree(stack: Annotated[str, Argument(help="Its name or id.")]) -> None:
    """Show what a stack owns, and where it is."""
    from virtgraph.cli.session import settings
    from virtgraph.cli.tree import tree

    tree(settings(), stack)


@app.command()
def export(
    ansible: Annotated[str, Option(metavar="STACK", help="Of this stack, what playbooks/site.yml takes.")],
    output: Annotated[Path, Option("--output", "-o", help="The folder that the files are written to.")] = Path(),
) -> None:
    """Write the variables and the inventory with which Ansible alone gives what the service gives."""
    from virtgraph.cli.export import export
    from virtgraph.cli.session import settings

    export(settings(), ansible, output)


@app.command()
def doctor() -> None:
    """Say what is missing on this machine, and the command that cures it."""
    from virtgraph.cli.doctor import doctor
    from virtgraph.cli.session import settings

    doctor(settings())
