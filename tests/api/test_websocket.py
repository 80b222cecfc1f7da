"""graphql-transport-ws against a real server: the protocol's own sentences, and our limits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import demo_service
import pytest
from demo_service import BEARER, TOKEN, authenticate, make_context, schema
from follow import wait_for
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from structlog.testing import capture_logs
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from virtgraph_api.websocket import MAX_OPERATIONS, PROTOCOL, GraphQLSocket

SECONDS = 120  # for what comes at once; a machine may be slow
NEVER = "subscription { count(every: 100000) }"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with demo_service.running() as address:
        yield address


@contextmanager
def connected(url: str, protocol: str = PROTOCOL) -> Iterator[ClientConnection]:
    address = url.replace("http", "ws") + "/graphql"
    with connect(
        address, subprotocols=[Subprotocol(protocol)], max_size=None, open_timeout=SECONDS, ping_interval=None
    ) as socket:
        yield socket


@contextmanager
def acknowledged(url: str) -> Iterator[ClientConnection]:
    with connected(url) as socket:
        send(socket, type="connection_init", payload=BEARER)
        assert read(socket) == {"type": "connection_ack"}
        yield socket


def send(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def subscribe(socket: ClientConnection, query: str, key: str = "1", **others: Any) -> None:
    send(socket, type="subscribe", id=key, payload={"query": query, **others})


def read(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(SECONDS))


def closed(socket: ClientConnection) -> tuple[int, str]:
    """The close frame; what still comes before it is read away."""
    with pytest.raises(ConnectionClosed) as raised:
        while True:
            socket.recv(SECONDS)
    assert raised.value.rcvd
    return raised.value.rcvd.code, raised.value.rcvd.reason


@pytest.mark.parametrize(
    "payload",
    [
        BEARER,
        {"authorization": f"bearer {TOKEN}"},
        {"token": TOKEN},
        {"Authorization": TOKEN},
        {"token": f"Bearer {TOKEN}"},
    ],
)
def test_the_token_comes_in_connection_init(url: str, payload: dict[str, str]) -> None:
    with connected(url) as socket:
        send(socket, type="connection_init", payload=payload)
        assert read(socket) == {"type": "connection_ack"}


@pytest.mark.parametrize("payload", [None, {}, {"token": "wrong"}, {"token": 1}, {"Authorization": "Bearer"}, [], "x"])
def test_without_a_valid_token_it_is_forbidden(url: str, payload: Any) -> None:
    with connected(url) as socket:
        send(socket, type="connection_init", payload=payload)
        assert closed(socket) == (4403, "Forbidden")


def test_a_failing_authentication_stays_inside(url: str) -> None:
    with connected(url) as socket, capture_logs() as logs:
        send(socket, type="connection_init", payload={"token": "database-away"})
        assert closed(socket) == (1011, "Internal error")
    assert [one["event"] for one in logs] == ["internal error"]


def test_the_handshakes_own_header_is_no_token(url: str) -> None:
    with connect(
        url.replace("http", "ws") + "/graphql",
        subprotocols=[Subprotocol(PROTOCOL)],
        additional_headers=BEARER,
    ) as socket:
        send(socket, type="connection_init")
        assert closed(socket)[0] == 4403


def test_subscribing_before_the_acknowledgement_is_unauthorized(url: str) -> None:
    with connected(url) as socket:
        subscribe(socket, "subscription { count }")
        assert closed(socket) == (4401, "Unauthorized")


def test_another_subprotocol_is_not_acceptable(url: str) -> None:
    with connect(url.replace("http", "ws") + "/graphql") as socket:
        assert closed(socket) == (4406, "Subprotocol not acceptable")


def test_a_ping_before_connection_init_is_answered(url: str) -> None:
    with connected(url) as socket:
        send(socket, type="ping")
        assert read(socket) == {"type": "pong"}
        send(socket, type="connection_init", payload=BEARER)
        assert read(socket) == {"type": "connection_ack"}


def test_connection_init_has_to_come_in_time() -> None:
    served = GraphQLSocket(schema, authenticate, make_context, init_seconds=0.2)
    with (
        demo_service.running(Starlette(routes=[WebSocketRoute("/graphql", served)])) as url,
        connected(url) as socket,
    ):
        assert closed(socket) == (4408, "Connection initialisation timeout")


def test_a_second_connection_init_is_one_too_many(url: str) -> None:
    with acknowledged(url) as socket:
        send(socket, type="connection_init", payload=BEARER)
        assert closed(socket) == (4429, "Too many initialisation requests")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "nonsense"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "", "payload": {}}',
        '{"type": "subscribe", "id": [], "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{me}", "variables": 1}}',
        "[" * 100_000,
        b"\x00",
    ],
)
def test_a_message_that_is_none_closes_the_connection(url: str, text: str | bytes) -> None:
    with acknowledged(url) as socket:
        socket.send(text)
        assert closed(socket)[0] == 4400


def test_a_subscription_runs_to_its_end(url: str) -> None:
    with acknowledged(url) as socket:
        subscribe(socket, "subscription ($n: Int!) { count(to: $n) }", variables={"n": 2})
        assert [read(socket) for _ in range(3)] == [
            {"id": "1", "type": "next", "payload": {"data": {"count": 0}}},
            {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
            {"id": "1", "type": "complete"},
        ]
        subscribe(socket, "{ vm { name } }")  # the id is free again; queries work here too
        assert read(socket)["payload"] == {"data": {"vm": {"name": "web"}}}
        assert read(socket)["type"] == "complete"


def test_each_operation_has_its_own_request_id(url: str) -> None:
    with acknowledged(url) as socket:
        subscribe(socket, "{ me }", "a")
        first, _ = read(socket), read(socket)
        subscribe(socket, "{ me }", "b")
        assert first["payload"]["data"] != read(socket)["payload"]["data"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription ($n: Int!) { count(to: $n) }", "BAD_VARIABLES"),
        ("query A { me } query B { me }", "OPERATION_RESOLUTION_FAILED"),
        ("{" + " ".join(f"a{n}: me" for n in range(31)) + "}", "TOO_MANY_ALIASES"),
    ],
)
def test_a_refused_operation_is_an_error_message_and_the_connection_stays(url: str, query: str, code: str) -> None:
    with acknowledged(url) as socket:
        subscribe(socket, query)
        message = read(socket)
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["extensions"]["code"] == code
        send(socket, type="ping")
        assert read(socket) == {"type": "pong"}


def test_unexpected_exceptions_stay_inside(url: str) -> None:
    with acknowledged(url) as socket, capture_logs() as logs:
        subscribe(socket, "subscription { breaks }")
        first, broken, end = (read(socket) for _ in range(3))
    assert first["payload"] == {"data": {"breaks": 1}}
    assert broken["payload"]["errors"][0]["message"] == "Internal error"
    assert broken["payload"]["errors"][0]["extensions"]["requestId"] == logs[0]["request_id"]
    assert end["type"] == "complete"


def test_a_completed_subscription_is_silent_and_its_id_free(url: str) -> None:
    with acknowledged(url) as socket:
        subscribe(socket, "subscription { count(to: 1000, every: 0.02) }")
        read(socket)
        send(socket, type="complete", id="1")
        send(socket, type="ping")
        while read(socket)["type"] != "pong":
            pass
        time.sleep(0.1)
        subscribe(socket, "{ vm { name } }")
        assert read(socket)["payload"]["data"] == {"vm": {"name": "web"}}


def test_an_id_in_use_closes_the_connection_however_long_it_is(url: str) -> None:
    with acknowledged(url) as socket:
        for _ in range(2):
            subscribe(socket, NEVER, "ü" * 500)
        code, reason = closed(socket)
        assert code == 4409 and reason.startswith("Subscriber for üüü")


def test_operations_on_one_connection_are_bounded(url: str) -> None:
    with acknowledged(url) as socket:
        for n in range(MAX_OPERATIONS + 1):
            subscribe(socket, NEVER, str(n))
        message = read(socket)
        assert (message["id"], message["type"]) == (str(MAX_OPERATIONS), "error")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"


def test_a_client_that_goes_away_leaves_nothing_running(url: str) -> None:
    with capture_logs() as logs:
        for _ in range(5):
            with acknowledged(url) as socket:
                subscribe(socket, "subscription { count(to: 100000, every: 0.001) }")
                read(socket)
        with acknowledged(url) as socket:
            subscribe(socket, "subscription { count(to: 100000) }")
            socket.socket.close()
        wait_for(lambda: demo_service.counting == 0)
    assert logs == []
