"""Waits until operations are over: told by events, and by asking where no event comes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from virtgraph.cli.client import PAGE, Client, Row
from virtgraph.cli.failure import UNREACHABLE, Failure
from virtgraph.cli.feed import follow
from virtgraph.cli.output import say
from virtgraph.cli.progress import STEP, Progress
from virtgraph.cli.progress_view import View, view

TICK = 1.0  # seconds without an event until the service is asked
PATIENCE = 60.0  # seconds without an answer until we give up

OPERATIONS = f"""
query ($ids: [ID!], $first: Int) {{ operations(filter: {{ids: $ids}}, first: $first) {{ nodes {{ {STEP} }} }} }}
"""

UNDER_WAY = f"""
query ($stack: String!, $first: Int, $after: String) {{
  operations(filter: {{stack: $stack, state: [PENDING, RUNNING]}}, first: $first, after: $after) {{
    nodes {{ {STEP} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


def under_way(client: Client, stack: str, begun: Sequence[Row]) -> list[Row]:
    """What is to be waited for: what was begun now, and what earlier changes of the stack began."""
    new = {row["id"] for row in begun}
    return [*begun, *(row for row in client.pages(UNDER_WAY, "operations", stack=stack) if row["id"] not in new)]


def wait(client: Client, operations: Sequence[Row], stack: str | None, seconds: float | None) -> None:
    """Until all are over. Raises Failure for what failed, and after so many seconds."""
    if not operations:
        return
    progress = Progress()
    deadline = time.monotonic() + (float("inf") if seconds is None else seconds)
    with view() as shown:
        shown.show(progress, progress.read(reversed(operations)))  # the API's lists begin with the latest
        try:
            _watch(client, progress, stack, shown, deadline)
        except KeyboardInterrupt:
            say("The work goes on: `virtgraph get operations` shows it.", error=True)
            raise
    _judge(progress)


def _watch(client: Client, progress: Progress, stack: str | None, shown: View, deadline: float) -> None:
    answered = time.monotonic()
    for event in _news(client, stack):
        changed = progress.hear(event) if event else []
        if event is None:
            try:
                changed = progress.read(_ask(client, progress))
                answered = time.monotonic()
            except Failure as failure:
                if failure.code != UNREACHABLE or time.monotonic() > answered + PATIENCE:
                    raise
        shown.show(progress, changed)
        if progress.is_over:
            return
        if time.monotonic() > deadline:
            raise _late(progress)


def _news(client: Client, stack: str | None) -> Iterator[Row | None]:
    """Events from now on, and None where the service is to be asked. Begins with it: events may have been missed."""
    yield None
    try:
        yield from follow(client.settings, None, stack, TICK)
    except Failure:  # no subscription: asking does as well
        while True:
            time.sleep(TICK)
            yield None


def _ask(client: Client, progress: Progress) -> Iterator[Row]:
    """What is not over yet."""
    unfinished = [step.id for step in progress.steps.values() if not step.is_over]
    for start in range(0, len(unfinished), PAGE):
        answer = client.ask(OPERATIONS, ids=unfinished[start : start + PAGE], first=PAGE)
        yield from answer["operations"]["nodes"]


def _judge(progress: Progress) -> None:
    if not progress.lost:
        return
    lines = []
    for step in progress.lost:
        lines.append(f"{step.action} {step.what} on {step.host}: {step.state}: {step.note or 'no reason was given'}")
        if step.cure:
            lines.append(f"  {step.cure}")
    raise Failure(lines)


def _late(progress: Progress) -> Failure:
    unfinished = [step for step in progress.steps.values() if not step.is_over]
    return Failure(
        [
            f"{len(unfinished)} of {len(progress.steps)} operations are not over yet:",
            *(f"  {step.action} {step.what} on {step.host}: {step.state} {step.note}".rstrip() for step in unfinished),
        ],
        "The work goes on: `virtgraph get operations` shows it.",
    )
