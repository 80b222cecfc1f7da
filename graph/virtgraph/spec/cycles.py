"""Resources that need each other in a circle could never be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtgraph.model.wanted import Reference, Wanted, WantedNIC, WantedVM
from virtgraph.spec.errors import Problems

MOST_SHOWN = 10


def check_cycles(resources: Mapping[str, Wanted], problems: Problems) -> None:
    """Refuse each reference that closes a circle. Walks with a stack of its own: chains may be long."""
    done: set[str] = set()
    for start in resources:
        if start not in done:
            _walk(start, resources, done, problems)


def _walk(start: str, resources: Mapping[str, Wanted], done: set[str], problems: Problems) -> None:
    way = [start]
    places = {start: 0}  # where on the way each one stands
    needs = [_needs(resources[start])]
    while way:
        reference = next(needs[-1], None)
        if reference is None:
            needs.pop()
            places.pop(way[-1])
            done.add(way.pop())
        elif reference.key in places:
            _refuse(reference, [*way[places[reference.key] :], reference.key], resources, problems)
        elif reference.key is not None and reference.key in resources and reference.key not in done:
            places[reference.key] = len(way)
            way.append(reference.key)
            needs.append(_needs(resources[reference.key]))


def _needs(wanted: Wanted) -> Iterator[Reference]:
    """Everything that must be there before this one."""
    yield from wanted.needs
    match wanted:
        case WantedVM():
            yield from wanted.nics
            yield from (attachment.volume for attachment in wanted.volumes)
        case WantedNIC(network=Reference() as network):
            yield network


def _refuse(reference: Reference, keys: list[str], resources: Mapping[str, Wanted], problems: Problems) -> None:
    cut = len(keys) > MOST_SHOWN
    half = MOST_SHOWN // 2
    paths = [resources[key].path for key in (keys[:half] + keys[-half:] if cut else keys)]
    if cut:
        paths.insert(half, "…")
    problems.add(reference.path, f"is a cycle: {' needs '.join(paths)}")
