"""Refusals: what is wrong with a document, where, and in words that its author can act on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from virtgraph.model.wanted import Problem

MOST_PROBLEMS = 1000  # a hostile document must not make an answer larger than itself
LONGEST_ECHO = 60


class Invalid(Exception):
    """The document is refused, and nothing of it is used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{p.path}: {p.reason}" if p.path else p.reason for p in problems[:10]))
        self.problems = problems


def invalid(path: str, reason: str) -> Invalid:
    return Invalid((Problem(path, reason),))


@dataclass(slots=True)
class Problems:
    """All that was found so far; reading goes on after a problem so that its author sees every one."""

    found: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.found)

    def add(self, path: str, reason: str) -> None:
        """Raises Invalid at the thousandth: from there on reading is only cost."""
        self.found.append(Problem(path, reason))
        if len(self.found) == MOST_PROBLEMS:
            self.found.append(Problem("", f"only the first {MOST_PROBLEMS} problems are listed"))
            self.settle()

    def settle(self) -> None:
        if self.found:
            raise Invalid(tuple(self.found))


def shown(value: Any) -> str:
    """A value as a sentence can carry it: short, and in the document's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() if len(value) > LONGEST_ECHO:
            return f'"{value[:LONGEST_ECHO]}…"'
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """`unknown field "memmory": did you mean "memory"?`"""
    near = get_close_matches(word, known, n=1) if len(word) <= 255 else []
    hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(sorted(known))}"
    return f"unknown {what} {shown(word)}: {hint}"
