"""The GraphQL-over-HTTP request: its four parameters, read from a JSON body, a URL or a WebSocket message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from virtgraph_api.refusal import Code, Refusal

MAX_JSON_DEPTH = 64
_PARAMETERS = ("query", "operationName", "variables", "extensions")


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed request; null and absent are the same."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None

    @classmethod
    def of(cls, given: Any) -> GraphQLRequest:
        """Check the parameters' types; unknown ones are ignored. Raises Refusal."""
        if not isinstance(given, Mapping):
            raise Refusal(Code.BAD_REQUEST, "The request must be a JSON object")
        query = given.get("query")
        if not isinstance(query, str):
            raise Refusal(Code.BAD_REQUEST, "`query` must be a string" if query is not None else "`query` is missing")
        name = given.get("operationName")
        if not isinstance(name, str | None):
            raise Refusal(Code.BAD_REQUEST, "`operationName` must be a string or null")
        return cls(query, name or None, _object(given, "variables"), _object(given, "extensions"))


def from_body(body: bytes) -> GraphQLRequest:
    """Read a POST body of application/json."""
    return GraphQLRequest.of(json(body, "body"))


def from_url(query_string: bytes) -> GraphQLRequest:
    """Read the query component of a GET; the empty string is the same as absent, save for `query`."""
    given: dict[str, Any] = {}
    for name, value in _fields(query_string):
        if name in given:
            raise Refusal(Code.BAD_REQUEST, f"`{name}` is given more than once")
        if name in _PARAMETERS:
            given[name] = value
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = json(given[name].encode(), f"`{name}`") if given[name] else None
    return GraphQLRequest.of(given)


def json(text: bytes | str, what: str) -> Any:
    """Parse JSON; what is not JSON, not UTF-8 or nested absurdly deep is a Refusal."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(Code.BAD_JSON, f"The {what} is not JSON: {error.msg}") from None
    if not _is_shallow(value):
        raise Refusal(Code.BAD_JSON, f"The {what} is nested deeper than {MAX_JSON_DEPTH} levels")
    return value


def _fields(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(Code.BAD_ENCODING, "The URL is not UTF-8") from None


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if not isinstance(value, dict | None):
        raise Refusal(Code.BAD_REQUEST, f"`{name}` must be an object or null")
    return value


def _is_shallow(value: Any) -> bool:
    """Level by level: a recursive walk would be what it is to guard against."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return True
    return False
