"""What keeps a service or worker from beginning ends in words, as with every other command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from virtgraph.cli.failure import Failure
from virtgraph.opening import CannotStart
from virtgraph.store.schema import SchemaTooNew


@contextmanager
def starting() -> Iterator[None]:
    """Raises Failure."""
    try:
        yield
    except CannotStart as error:
        raise Failure(str(error), error.cure) from None
    except SchemaTooNew as error:
        raise Failure(str(error)) from None
