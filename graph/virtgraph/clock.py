"""The time as the graph stores it."""

import time


def millis() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)
