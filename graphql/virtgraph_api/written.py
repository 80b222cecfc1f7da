"""A typed mutation's input, written as a document of one resource: it is then read, checked and applied like any other.

Problems come back under the input's own paths.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from virtgraph import spec
from virtgraph.apply.call import Edit
from virtgraph.model.current import Existing
from virtgraph.model.refusals import Conflict
from virtgraph.model.wanted import Problem, Wish

KEY = "input"
ATTACHMENTS = "n0stack/n0core/vm/attachments"
NETWORK = "n0stack/n0core/port/network"
HOST_ID = "n0stack/scheduling/host_id"

PATH_IN_REASON = re.compile(rf"spec\.{KEY}(?:\.\w+|\[\d+\])*")


@dataclass(slots=True)
class Written:
    """`places`: beginnings of paths in the document, and what they are in the input. `problems`: of the input itself."""

    stack: str
    resource: dict[str, Any]
    host: str | None = None
    places: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def relate(
        self, holder: dict[str, Any], holder_path: str, object: dict[str, Any], place: str, **property: Any
    ) -> str:
        """Put something under a resource's dependencies; its path in the document."""
        related = holder.setdefault("dependencies", [])
        relation = f"{holder_path}.dependencies[{len(related)}]"
        related.append({"object": object, "property": {k: v for k, v in property.items() if v is not None}})
        path = f"{relation}.object"
        self.places |= {relation: place, path: place, f"{relation}.property": place}
        return path

    def relate_network(self, nic: dict[str, Any], nic_path: str, network: str, place: str) -> None:
        path = self.relate(nic, nic_path, {"id": network}, place, r=NETWORK)
        self.places[f"{path}.id"] = place

    def refuse(self, place: str, reason: str) -> None:
        self.problems.append(Problem(place, reason))

    def wish(self) -> Wish:
        """Raises Invalid."""
        if self.problems:
            raise spec.Invalid(tuple(self.problems))
        tree: dict[str, Any] = {"version": 0, "spec": {KEY: self.resource}}
        if self.host is not None:
            tree["annotations"] = {HOST_ID: self.host}
        return spec.wish(spec.Document("json", tree), self.stack)

    @contextmanager
    def in_own_words(self) -> Iterator[None]:
        """Problems that are found in the block, by their paths in the document, become those of the input."""
        try:
            yield
        except spec.Invalid as error:
            raise spec.Invalid(
                tuple(Problem(self.path(p.path), self.reason(p.reason)) for p in error.problems)
            ) from None

    def path(self, path: str) -> str:
        if path.startswith("annotations"):
            return f"{KEY}.host"
        if path == "stack":
            return f"{KEY}.stack"
        path = path.removeprefix("spec.")
        for beginning in sorted(self.places, key=len, reverse=True):
            if path.startswith(beginning):
                path = self.places[beginning] + path[len(beginning) :]
                break
        path = re.sub(r'\["n0stack/n0core/vm/(\w+)"\]', r".\1", path.replace(".parameters", ""))
        return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), path)

    def reason(self, reason: str) -> str:
        return PATH_IN_REASON.sub(lambda found: self.path(found[0]), reason)

    def creating(self) -> Callable[[Mapping[str, Existing]], Edit]:
        """An edit that refuses where the name is taken: a creation does not change what is there."""
        wish = self.wish()

        def edit(own: Mapping[str, Existing]) -> Edit:
            keys = {now.key: now for now in own.values()}
            for wanted in wish.resources.values():
                now = own.get(wanted.id) if wanted.id else keys.get(wanted.key)
                if now is not None:
                    raise Conflict(
                        f"There is a {now.kind} {now.label} in stack {self.stack} already", now.state, now.task
                    )
            return Edit(wish)

        return edit


def given(**values: Any) -> dict[str, Any]:
    """Only what was given."""
    return {key: value for key, value in values.items() if value is not None}


def unnamed(kind: str, id: str | None) -> str:
    return f"{kind}-{(id or str(uuid.uuid4()))[:8]}"
