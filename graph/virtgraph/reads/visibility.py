"""Who sees what: the only place where a read is narrowed to what its caller may see."""

from __future__ import annotations

from collections.abc import Sequence

from virtgraph.model.kinds import INTERFACES, KINDS, Kind


def kinds_of(target: str) -> tuple[Kind, ...]:
    """The kinds that a type of the API stands for: itself, or an interface's."""
    if target in INTERFACES:
        return tuple(KINDS[name] for name in INTERFACES[target].kinds)
    return (KINDS[target],)


def visible(kinds: Sequence[Kind], x: str) -> tuple[str, ...]:
    """The conditions for a node to be one of the kinds, and to be seen. A single kind's label is in the pattern."""
    if len(kinds) == 1:
        (kind,) = kinds
        return (kind.visible.format(x=x),) if kind.visible else ()
    labels: dict[str | None, list[str]] = {}
    for kind in kinds:
        labels.setdefault(kind.visible, []).append(f"{x}:{kind.name}")
    seen = [
        f"(({' OR '.join(same)}){f' AND {condition.format(x=x)}' if condition else ''})"
        for condition, same in labels.items()
    ]
    return (seen[0] if len(seen) == 1 else f"({' OR '.join(seen)})",)
