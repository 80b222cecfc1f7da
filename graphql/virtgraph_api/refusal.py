"""Requests that are answered with an error instead of being executed: a code, its HTTP status, a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What stands in `extensions.code` of an error."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    TIMEOUT = "TIMEOUT"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    URI_TOO_LONG = "URI_TOO_LONG"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    BAD_ENCODING = "BAD_ENCODING"
    BAD_JSON = "BAD_JSON"
    BAD_REQUEST = "BAD_REQUEST"
    SYNTAX = "GRAPHQL_PARSE_FAILED"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    INVALID = "GRAPHQL_VALIDATION_FAILED"
    TOO_DEEP = "TOO_DEEP"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    NO_OPERATION = "OPERATION_RESOLUTION_FAILED"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    BAD_VARIABLES = "BAD_VARIABLES"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


# GraphQL over HTTP, "Status Codes". What is not listed is 422: understood, and not executable.
_STATUS: Mapping[str, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.NOT_ACCEPTABLE: 406,
    Code.TIMEOUT: 408,
    Code.BODY_TOO_LARGE: 413,
    Code.URI_TOO_LONG: 414,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.HEADERS_TOO_LARGE: 431,
    Code.BAD_ENCODING: 400,
    Code.BAD_JSON: 400,
    Code.SYNTAX: 400,
    Code.TOO_MANY_TOKENS: 400,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}


def status_of(code: str) -> int:
    """The HTTP status for a request that was refused with this code."""
    return _STATUS.get(code, 422)


class Refusal(Exception):
    """Raised wherever a request turns out not to be executable; answered by the transport it came through."""

    def __init__(self, code: Code, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [{"message": self.message, "extensions": {"code": self.code}}]
