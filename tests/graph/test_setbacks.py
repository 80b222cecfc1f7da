"""When work that could not be begun is tried again."""

from __future__ import annotations

from virtgraph.setbacks import Setbacks


def test_the_pause_grows() -> None:
    """Until it works: then the next time counts as the first."""
    now = 0.0
    setbacks = Setbacks(lambda: now)
    for pause in (1, 2, 4, 8, 16, 30, 30):
        fail(setbacks)
        now += pause - 0.5
        assert not setbacks.is_due("host") and setbacks.is_due("another")
        now += 0.5
        assert setbacks.is_due("host")
    with setbacks.harmless("work", "host"):
        pass
    assert setbacks.is_due("host")
    fail(setbacks)
    now += 1
    assert setbacks.is_due("host")


def fail(setbacks: Setbacks) -> None:
    with setbacks.harmless("work", "host"):
        raise ValueError
