"""GraphQL over HTTP, as commands ask it: the answer's data, or a Failure that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import httpx

from virtgraph.cli.failure import FAILED, UNREACHABLE, Failure
from virtgraph.cli.session import is_loopback, token
from virtgraph.settings import Settings

Row = dict[str, Any]

ANSWER_SECONDS = 60  # addHost waits for the probe
PAGE = 500


class Client:
    """One connection to the service, with the caller's token."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.url
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token(settings)}", "Accept": "application/graphql-response+json"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=5),
            trust_env=not is_loopback(settings.url),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, query: str, **variables: Any) -> Row:
        """The data of an answer without errors."""
        try:
            response = self._http.post(self.url, json={"query": query, "variables": variables})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(self.url, str(error) or type(error).__name__) from None
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise unknown_token(self.url)
        try:
            answer = response.json()
            errors = answer.get("errors")
        except (ValueError, AttributeError):
            raise unreachable(self.url, f"what answers there ({response.status_code}) is no GraphQL service") from None
        if errors:
            late = any(error.get("extensions", {}).get("code") == "TOO_SLOW" for error in errors)
            raise Failure([_sentence(error) for error in errors], code=UNREACHABLE if late else FAILED)
        data: Row = answer["data"]
        return data

    def pages(self, query: str, *path: str, **variables: Any) -> Iterator[Row]:
        """The nodes of a whole list. `path` leads to the connection; the query takes $first and $after."""
        after = None
        while True:
            page: Any = self.ask(query, first=PAGE, after=after, **variables)
            for step in path:
                page = page[step]
            yield from page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


def unreachable(url: str, why: str) -> Failure:
    return Failure(
        f"The service at {url} does not answer: {why}.",
        "Start it with `virtgraph serve`, or set VIRTGRAPH_URL to where it is.",
        UNREACHABLE,
    )


def unknown_token(url: str) -> Failure:
    return Failure(
        f"The service at {url} does not know this token.",
        "Set VIRTGRAPH_TOKEN, or VIRTGRAPH_HOME to the folder of the service that runs there.",
        UNREACHABLE,
    )


def _sentence(error: Row) -> str:
    request = error.get("extensions", {}).get("requestId")
    return f"{error['message']} (request {request})" if request else str(error["message"])
