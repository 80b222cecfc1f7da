"""Who asks: the owner of the token that a request carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is stored with what the actor changes; `name` is for people to read."""

    id: str
    name: str
