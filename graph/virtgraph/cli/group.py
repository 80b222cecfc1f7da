"""The command line's outermost frame: what a command cannot do ends in a sentence and an exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from virtgraph.cli.failure import INTERRUPTED, Failure


class Group(TyperGroup):
    """Of commands that raise Failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as failure:
            for line in failure.lines:
                typer.echo(line, err=True)
            if failure.cure:
                typer.echo(failure.cure, err=True)
            raise typer.Exit(failure.code) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
