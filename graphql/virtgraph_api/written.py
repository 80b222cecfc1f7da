"""A typed mutation's input, written as a document of one resource: it is then read, checked and applied like any other.

Problems come back under the input's own paths.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
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


@dataclass(slots=True)
class Written:
    """`places`: beginnings of paths in the document, and what they are in the input."""

    stack: str
    resource: dict[str, Any]
    host: str | None = None
    places: dict[str, str] = field(default_factory=dict)

    def relate(
        self, holder: dict[str, Any], holder_path: str, object: dict[str, Any], place: str, **property: Any
    ) -> str:
        """Put something under a resource's dependencies; its path in the document."""
        related = holder.setdefault("dependencies", [])
        path = f"{holder_path}.dependencies[{len(related)}].object"
        related.append({"object": object, "property": {k: v for k, v in property.items() if v is not None}})
        self.places[path] = place
        return path

    def wish(self) -> Wish:
        """Raises Invalid, with the paths of the input."""
        tree: dict[str, Any] = {"version": 0, "spec": {KEY: self.resource}}
        if self.host is not None:
            tree["annotations"] = {HOST_ID: self.host}
        try:
            return spec.wish(spec.Document("json", tree), self.stack)
        except spec.Invalid as error:
            raise self.in_own_words(error) from None

    def in_own_words(self, error: spec.Invalid) -> spec.Invalid:
        return spec.Invalid(tuple(Problem(self.path(p.path), p.reason) for p in error.problems))

    def path(self, path: str) -> str:
        if path.startswith("annotations"):
            return f"{KEY}.host"
        path = path.removeprefix("spec.")
        for beginning in sorted(self.places, key=len, reverse=True):
            if path.startswith(beginning):
                path = self.places[beginning] + path[len(beginning) :]
                break
        return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), path.replace(".parameters", ""))

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
