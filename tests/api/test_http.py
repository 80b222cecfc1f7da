"""The MUSTs and SHOULDs of GraphQL over HTTP (draft of August 2026, e1e46e7) for a server.

Each test is named after the sentence that it holds us to. Not here, because nothing of ours could
break them: sentences for clients, and status 418.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import demo_service
import httpx
import pytest
from demo_service import authenticate, make_context, schema
from requesting import GRAPHQL, JSON, ask, asking, code, media_type, post, raw
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from virtgraph_api.http import GraphQLEndpoint


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with asking() as one:
        yield one


# URL


def test_a_server_MUST_enable_requests_to_a_schema_at_a_url(client: httpx.Client) -> None:
    assert ask(client, "{ vm { name } }").json() == {"data": {"vm": {"name": "web"}}}


@pytest.mark.parametrize("query", ["{ vm { name } }", "{", 'mutation { rename(name: "x") }'])
def test_forbidding_SHOULD_use_4xx_and_SHOULD_NOT_depend_on_the_requests_contents(
    client: httpx.Client, query: str
) -> None:
    response = client.post("/graphql", json={"query": query}, headers={"Authorization": ""})
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


# Serialization format, media types


def test_servers_MUST_support_json(client: httpx.Client) -> None:
    assert post(client, b'{"query": "{ vm { name } }"}').json()["data"]["vm"]["name"] == "web"


def test_utf8_MUST_be_assumed_where_content_type_or_accept_do_not_say(client: httpx.Client) -> None:
    body = '{"query": "{ vm(name: \\"wéb 網\\") { name } }"}'.encode()
    for content_type in (JSON, f"{JSON}; charset=utf-8", 'Application/JSON;Charset="UTF-8"'):
        response = post(client, body, content_type)
        assert response.content.decode().count("wéb 網") == 1, content_type


def test_another_charset_is_not_supported(client: httpx.Client) -> None:
    assert post(client, b"{}", f"{JSON}; charset=iso-8859-1").status_code == 415


# Request


def test_a_server_MUST_accept_POST(client: httpx.Client) -> None:
    assert ask(client, "{ vm { name } }").status_code == 200


def test_all_four_parameters_are_understood(client: httpx.Client) -> None:
    query = "query A($n: String!) { vm(name: $n) { name } } query B { me }"
    response = ask(client, query, operationName="A", variables={"n": "db"}, extensions={"any": [1]})
    assert response.json() == {"data": {"vm": {"name": "db"}}}


# GET


def test_GET_parameters_MUST_be_in_the_query_component(client: httpx.Client) -> None:
    query = "query A($n: String!) { vm(name: $n) { name } } query B { me }"
    parameters = {"query": query, "operationName": "A", "variables": '{"n": "a b+c&d"}', "extensions": "{}"}
    assert client.get("/graphql", params=parameters).json() == {"data": {"vm": {"name": "a b+c&d"}}}


def test_GET_variables_and_extensions_MUST_be_json(client: httpx.Client) -> None:
    for name in ("variables", "extensions"):
        response = client.get("/graphql", params={"query": "{ me }", name: "{no"})
        assert (response.status_code, code(response)) == (400, "BAD_JSON")


def test_GET_the_empty_string_is_the_same_as_not_given(client: httpx.Client) -> None:
    parameters = {"query": "{ vm { name } }", "operationName": "", "variables": "", "extensions": ""}
    assert client.get("/graphql", params=parameters).status_code == 200


def test_GET_operationName_null_is_the_name_null(client: httpx.Client) -> None:
    query = "query null { vm { name } } query other { me }"
    response = client.get("/graphql", params={"query": query, "operationName": "null"})
    assert "vm" in response.json()["data"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_GET_MUST_NOT_execute_mutations_and_405_is_RECOMMENDED_with_Allow(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/graphql", params={"query": 'mutation { rename(name: "x") }'})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_GET_looks_at_the_operation_that_is_named(client: httpx.Client) -> None:
    query = 'query Q { vm { name } } mutation M { rename(name: "x") }'
    assert client.get("/graphql", params={"query": query, "operationName": "Q"}).status_code == 200
    assert client.get("/graphql", params={"query": query, "operationName": "M"}).status_code == 405


def test_GET_refuses_a_parameter_given_twice_and_ignores_unknown_ones(client: httpx.Client) -> None:
    assert client.get("/graphql?query={me}&query={vm{name}}").status_code == 422
    assert client.get("/graphql?query={me}&other=1").status_code == 200


def test_GET_and_HEAD_agree(client: httpx.Client) -> None:
    response = client.head("/graphql", params={"query": "{ vm { name } }"})
    assert (response.status_code, response.content) == (200, b"")


# POST


def test_a_server_MUST_support_POST_of_application_json(client: httpx.Client) -> None:
    assert post(client, b'{"query": "{ me }"}').status_code == 200


def test_POST_without_content_type_SHOULD_be_rejected_with_4xx(client: httpx.Client) -> None:
    response = post(client, b'{"query": "{ me }"}', content_type=None)
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_additional_properties_MUST_be_ignored(client: httpx.Client) -> None:
    assert ask(client, "{ me }", id="1", doc_id=None, another={"x": 1}).status_code == 200


def test_null_for_optional_parameters_is_the_same_as_not_given(client: httpx.Client) -> None:
    assert ask(client, "{ me }", operationName=None, variables=None, extensions=None).status_code == 200


# Response


def test_a_response_MUST_have_its_media_type_and_SHOULD_have_its_encoding(client: httpx.Client) -> None:
    for query in ("{ me }", "{", "{ nope }", "{ fails }"):
        assert ask(client, query).headers["content-type"] == f"{GRAPHQL}; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (GRAPHQL, GRAPHQL),
        (JSON, JSON),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{GRAPHQL};q=0.1, {JSON};q=0.2", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"*/*;q=0.9, {GRAPHQL}", GRAPHQL),
        (f"application/*;q=0.3, {JSON};q=0.2", GRAPHQL),
        (f"text/html;q=0.5, {GRAPHQL};q=0.4, multipart/mixed", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}; charset=latin1, {JSON};q=0.1", JSON),
        (f"APPLICATION/JSON ; Q=0.5 , {GRAPHQL};q=0.4", JSON),
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
    ],
)
def test_the_accept_header_MUST_be_respected(client: httpx.Client, accept: str, given: str) -> None:
    response = ask(client, "{ me }", accept=accept)
    assert (response.status_code, media_type(response)) == (200, given)


def test_without_accept_the_server_chooses(client: httpx.Client) -> None:
    body = b'{"query": "{ vm { name } }"}'
    head, _, answer = raw(client, body, "").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"application/json; charset=utf-8" in head
    assert json.loads(answer)["data"]["vm"]["name"] == "web"


@pytest.mark.parametrize("accept", ["text/plain", "image/*", f"{GRAPHQL};q=0", f"{JSON}; charset=utf-16", "nonsense"])
def test_nothing_acceptable_SHOULD_be_406(client: httpx.Client, accept: str) -> None:
    response = ask(client, "{ me }", accept=accept)
    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")


def test_for_a_legacy_client_only_2xx_SHOULD_become_application_json(client: httpx.Client) -> None:
    """The statuses are those of the GraphQL media type; by it a 4xx says that GraphQL answered."""
    assert media_type(ask(client, "{ me }", accept=JSON)) == JSON
    for query, status in (("{", 400), ("{ nope }", 422)):
        response = ask(client, query, accept=JSON)
        assert (response.status_code, media_type(response)) == (status, GRAPHQL)


# Validation and execution


def test_validation_SHOULD_apply_all_the_rules_of_the_specification(client: httpx.Client) -> None:
    for query in (
        '{ vm { name } vm(name: "b") { name } }',
        "query A { me } query A { me }",
        "{ vm { ...F } }",
    ):
        assert ask(client, query).status_code == 422


# Status codes


def test_data_MUST_be_2xx_and_without_errors_SHOULD_be_200(client: httpx.Client) -> None:
    assert ask(client, "{ me }").status_code == 200


def test_data_and_errors_SHOULD_be_294(client: httpx.Client) -> None:
    partial = ask(client, "{ vm { name broken } }")
    assert (partial.status_code, partial.json()["data"]) == (294, {"vm": {"name": "web", "broken": None}})
    nothing = ask(client, "{ must }")
    assert (nothing.status_code, nothing.json()["data"]) == (294, None)


def test_294_is_for_its_own_media_type(client: httpx.Client) -> None:
    response = ask(client, "{ vm { name broken } }", accept=JSON)
    assert (response.status_code, media_type(response)) == (200, JSON)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_an_unsupported_method_SHOULD_be_405(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/graphql", params={"query": "{ me }"})
    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        GRAPHQL,
        "/",
    ],
)
def test_an_unsupported_content_type_SHOULD_be_415(client: httpx.Client, content_type: str) -> None:
    assert post(client, b'{"query": "{ me }"}', content_type).status_code == 415


def test_an_encoded_body_is_415(client: httpx.Client) -> None:
    response = client.post("/graphql", content=b"x", headers={"Content-Type": JSON, "Content-Encoding": "gzip"})
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")


def test_a_request_that_does_not_arrive_in_time_SHOULD_be_408() -> None:
    endpoint = GraphQLEndpoint(schema, authenticate, make_context, body_seconds=0.2)
    with (
        demo_service.running(Starlette(routes=[Route("/graphql", endpoint)])) as url,
        httpx.Client(base_url=url) as client,
    ):
        assert raw(client, b'{"query":', "Accept: */*\r\n", length=100).startswith(b"HTTP/1.1 408")


def test_too_large_a_uri_SHOULD_be_414(client: httpx.Client) -> None:
    response = client.get("/graphql", params={"query": "{ me }" + " " * 40_000})
    assert (response.status_code, code(response)) == (414, "URI_TOO_LONG")


def test_too_large_headers_SHOULD_be_431(client: httpx.Client) -> None:
    response = client.post("/graphql", json={"query": "{ me }"}, headers={"X-Large": "x" * 40_000})
    assert (response.status_code, code(response)) == (431, "HEADERS_TOO_LARGE")


def test_too_large_a_body_SHOULD_be_413(client: httpx.Client) -> None:
    most = 10 * 1024 * 1024
    frame = b'{"query": "{ me }", "variables": {"x": "%s"}}'
    assert post(client, frame % (b"x" * (most - len(frame) + 2))).status_code == 200
    assert post(client, frame % (b"x" * (most - len(frame) + 3))).status_code == 413
    chunks = client.post("/graphql", content=(b"x" * 2**20 for _ in range(20)), headers={"Content-Type": JSON})
    assert (chunks.status_code, code(chunks)) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NONSENSE",
        b'{"query":',
        b'{"query": "{ me }"} x',
        b'{"query": NaN}',
        b"\xff\xfe{}",
        b'{"query": "\xc3\x28"}',
        b'{"query": "\\ud800"}',
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"query": "{ me }", "variables": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
    ],
)
def test_json_that_cannot_be_parsed_SHOULD_be_400(client: httpx.Client, body: bytes) -> None:
    response = post(client, body)
    assert (response.status_code, code(response)) == (400, "BAD_JSON")


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "1",
        '"{ me }"',
        "{}",
        '{"qeury": "{ me }"}',
        '{"query": null}',
        '{"query": 1}',
        '{"query": {}}',
        '{"query": "{ me }", "variables": [7]}',
        '{"query": "{ me }", "variables": "{}"}',
        '{"query": "{ me }", "variables": 0}',
        '{"query": "{ me }", "operationName": 1}',
        '{"query": "{ me }", "operationName": []}',
        '{"query": "{ me }", "extensions": []}',
        '{"query": "{ me }", "extensions": "x"}',
        '{"query": "{ me }", "extensions": false}',
    ],
)
def test_what_is_not_a_wellformed_request_SHOULD_be_422(client: httpx.Client, body: str) -> None:
    response = post(client, body.encode())
    assert (response.status_code, code(response)) == (422, "BAD_REQUEST")


def test_GET_that_is_not_a_wellformed_request_SHOULD_be_422(client: httpx.Client) -> None:
    for given in ({}, {"query": "{ me }", "variables": "[7]"}, {"query": "{ me }", "extensions": '"x"'}):
        assert client.get("/graphql", params=given).status_code == 422


@pytest.mark.parametrize("query", ["{", "", "{ me ", "query {", "{ me } }", '{ vm(name: "\\ud800") { name } }'])
def test_a_document_that_cannot_be_parsed_SHOULD_be_400(client: httpx.Client, query: str) -> None:
    response = ask(client, query)
    assert (response.status_code, code(response)) == (400, "GRAPHQL_PARSE_FAILED")


def test_a_request_that_does_not_pass_validation_SHOULD_be_422(client: httpx.Client) -> None:
    response = ask(client, "{ nope }")
    assert (response.status_code, code(response)) == (422, "GRAPHQL_VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("query A { me } query B { me }", None),
        ("query A { me }", "B"),
        ("{ me }", "A"),
        ("fragment F on VM { name }", None),
    ],
)
def test_an_operation_that_cannot_be_determined_SHOULD_be_422(
    client: httpx.Client, query: str, name: str | None
) -> None:
    assert ask(client, query, operationName=name).status_code == 422


@pytest.mark.parametrize("variables", [{"n": "x"}, {}, {"n": None}, {"n": 2**40}, {"n": [[[]]]}])
def test_variables_that_cannot_be_coerced_SHOULD_be_422(client: httpx.Client, variables: dict[str, Any]) -> None:
    response = ask(client, "query ($n: Int!) { vms(count: $n) { name } }", variables=variables)
    assert (response.status_code, code(response)) == (422, "BAD_VARIABLES")


def test_a_client_that_is_not_permitted_SHOULD_be_401(client: httpx.Client) -> None:
    for authorization in ("", "Bearer", "Bearer wrong", "Basic ZGVtby10b2tlbg==", demo_service.TOKEN):
        response = client.post("/graphql", json={"query": "{ me }"}, headers={"Authorization": authorization})
        assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert (
        'error="invalid_token"'
        in client.get("/graphql", headers={"Authorization": "bearer x"}).headers["www-authenticate"]
    )


def test_the_servers_own_failure_should_be_5xx(client: httpx.Client) -> None:
    with capture_logs() as logs:
        response = client.post("/graphql", json={"query": "{ me }"}, headers={"Authorization": "Bearer database-away"})
    assert (response.status_code, code(response)) == (503, "UNAVAILABLE")
    assert "bolt" not in response.text
    assert [one["event"] for one in logs] == ["the graph cannot be asked now"]
