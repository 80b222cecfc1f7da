"""Figures of one run, side by side: medians and their ratio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown, as docs/benchmarks.md holds it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(times: Sequence[float]) -> str:
    """Median, least and most; seconds, or milliseconds below one."""
    if median(times) < 1:
        return f"{median(times) * 1000:.1f} ms ({min(times) * 1000:.1f} to {max(times) * 1000:.1f})"
    return f"{median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"
