"""What the API adds to GraphQL over HTTP: silence about internals, ids that correlate, probes."""

from __future__ import annotations

from collections.abc import Iterator

import demo_service
import httpx
import pytest
from requesting import SECONDS, ask, asking, code
from structlog.testing import capture_logs


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with asking() as one:
        yield one


def test_unexpected_exceptions_are_logged_and_not_told(client: httpx.Client) -> None:
    with capture_logs() as logs:
        response = client.post("/graphql", json={"query": "{ fails vm { broken } }"}, headers={"X-Request-ID": "abc-1"})
    errors = response.json()["errors"]
    assert [error["message"] for error in errors] == ["Internal error"] * 2
    assert errors[0]["extensions"] == {"code": "INTERNAL", "requestId": "abc-1"}
    assert [error["path"] for error in errors] == [["fails"], ["vm", "broken"]]
    assert "secret" not in response.text
    assert (logs[0]["request_id"], str(logs[0]["exc_info"])) == ("abc-1", "secret password")


def test_errors_raised_on_purpose_are_told(client: httpx.Client) -> None:
    error = ask(client, "{ must }").json()["errors"][0]
    assert (error["message"], error["extensions"]) == ("said on purpose", {"code": "ON_PURPOSE"})


def test_what_json_cannot_carry_is_an_internal_error(client: httpx.Client) -> None:
    with capture_logs():
        response = ask(client, "{ unencodable { name } }")
    assert (response.status_code, code(response)) == (500, "INTERNAL")


def test_the_request_id_is_the_callers_where_it_is_sane(client: httpx.Client) -> None:
    for given, kept in (
        ("job-7:a/b.c", True),
        ("x" * 129, False),
        ("a b", False),
        ("<script>", False),
        ("", False),
    ):
        response = client.post("/graphql", json={"query": "{ me }"}, headers={"X-Request-ID": given})
        known_as = response.headers["x-request-id"]
        assert (known_as == given) is kept and known_as
        assert known_as in response.json()["data"]["me"]


def test_the_traceparent_reaches_the_context(client: httpx.Client) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for given, kept in ((trace, trace), ("nonsense", "None")):
        response = client.post("/graphql", json={"query": "{ me }"}, headers={"traceparent": given})
        assert response.json()["data"]["me"].endswith(kept)


def test_subscriptions_are_sent_to_the_websocket(client: httpx.Client) -> None:
    response = ask(client, "subscription { count }")
    assert response.status_code == 422 and "WebSocket" in response.text


def test_bytes_in_the_url_that_are_not_utf8_are_400(client: httpx.Client) -> None:
    assert client.get("/graphql?query=%ff").status_code == 400


def test_health_and_readiness_need_no_token_and_say_nothing_else(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz"):
        response = httpx.get(client.base_url.join(path), timeout=SECONDS)
        assert (response.status_code, response.text) == (200, "ok")
    demo_service.app_is_ready[0] = False
    try:
        response = httpx.get(client.base_url.join("/readyz"), timeout=SECONDS)
        assert (response.status_code, response.text) == (503, "unavailable")
    finally:
        demo_service.app_is_ready[0] = True
