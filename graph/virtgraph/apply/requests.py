"""What is asked of a stack, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from virtgraph.model.caller import Caller
from virtgraph.model.current import Existing
from virtgraph.model.wanted import Problem, Wish


@dataclass(frozen=True, slots=True)
class Edit:
    """A wish made from what the stack holds, and the ids of what goes."""

    wish: Wish
    remove: frozenset[str] = frozenset()
    end_stack: bool = False  # the stack itself goes when the last of its resources is gone


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done to a stack. `edit` is given the stack's resources by id, under its lock; it may raise refusals.

    `input` is the caller's own text, which an idempotency key stands for. `document`: the wish is a document, so what
    its stack's documents named before and it does not name is left out; with `prune` that is removed. `completed` gives
    the JSON text that its revision keeps. `images`: the folder of the files that volumes are made from. `facts`: the wish
    is what was done on hosts, so that what a host can do and the service would not is taken. `refused`: what was left out
    of the wish, for the answer.
    """

    stack: str
    edit: Callable[[Mapping[str, Existing]], Edit]
    caller: Caller
    prune: bool = False
    idempotency_key: str | None = None
    input: str = ""
    document: bool = False
    completed: Callable[[Applied], str] | None = None
    images: Path | None = None
    facts: bool = False
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    id: str
    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """What was stored. `ids`, and `specs` with what was allocated, are by the wanted resource's key."""

    revision: int
    created_at: int  # epoch ms
    ids: Mapping[str, str]
    specs: Mapping[str, Mapping[str, Any]]
    left_out: tuple[LeftOut, ...] = ()
    operations: tuple[str, ...] = ()
    changed: bool = False
    refused: tuple[Problem, ...] = ()

    def as_json(self) -> str:
        return orjson.dumps(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Applied:
        stored = orjson.loads(text)
        stored["left_out"] = tuple(LeftOut(**left) for left in stored["left_out"])
        stored["operations"] = tuple(stored["operations"])
        stored["refused"] = tuple(Problem(**one) for one in stored.get("refused", ()))
        return cls(**stored)
