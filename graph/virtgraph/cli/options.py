"""Options that several commands share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

Stack = Annotated[str | None, typer.Option("--stack", "-s", help="Only in this stack.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Until the work is over; fails where it does.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Seconds to wait at most; the work goes on.")]
