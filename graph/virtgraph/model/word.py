"""Enums whose members say what they mean: clients are shown it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """`RUNNING = "running", "It is on."`: the member is the first, and `meaning` the second."""

    meaning: str

    def __new__(cls, word: str, meaning: str = "") -> Self:  # the default is for `State("READY")`, which finds a member
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member
