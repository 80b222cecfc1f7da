"""What a command ends with when it cannot do what was asked: a sentence, a cure, an exit code. Never a traceback."""

from __future__ import annotations

from collections.abc import Sequence

FAILED = 1  # the work was begun and did not succeed
REFUSED = 2  # nothing was done
UNREACHABLE = 3  # no answer: the service, or a token for it, was not found, or the answer took too long
INTERRUPTED = 130  # 128 + SIGINT, as shells say it


class Failure(Exception):
    """`lines` say what is wrong; `cure` says what a person can do about it."""

    def __init__(self, lines: str | Sequence[str], cure: str = "", code: int = FAILED) -> None:
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        self.cure = cure
        self.code = code
        super().__init__("\n".join(self.lines))
