"""The ids by which one request is found again in logs, events and traces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from uuid import uuid4

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,127}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context


class Correlated(Protocol):
    """What the API needs of the context that resolvers are given."""

    @property
    def request_id(self) -> str: ...


def request_id(headers: Mapping[str, str]) -> str:
    """The caller's X-Request-ID where it is short and plain enough for a log line, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The caller's W3C traceparent, if it is one."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None
