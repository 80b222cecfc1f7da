"""A mutation that is sent again with its idempotency key: the same answer, and nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playing import HOST_KEY
from served import NOWHERE, Answer, Api, told
from showing import a_network

Arguments = dict[str, Any]

AT_ONCE = 10
TAKEN = "The idempotency key {} was used for another request"


def document(**resources: Any) -> str:
    return json.dumps({"version": 0, "spec": resources})


def volume(size: str) -> str:
    return document(third={"type": "resource/volume/file", "size": size})


# by field: what is asked with a key, and what else is asked; `ids` are those of what is there, by name
ASKED: Mapping[str, Callable[[Mapping[str, str]], tuple[Arguments, ...]]] = {
    "applySpec": lambda ids: ({"document": volume("3gb")}, {"document": volume("4gb")}),
    "createNetwork": lambda ids: ({"input": {"name": "a", "vlanId": 7}}, {"input": {"name": "a", "vlanId": 8}}),
    "createNIC": lambda ids: ({"input": {"network": ids["net"]}}, {"input": {"network": ids["net"], "name": "b"}}),
    "createVolume": lambda ids: ({"input": {"name": "a", "size": "1gb"}}, {"input": {"name": "b", "size": "1gb"}}),
    "createVM": lambda ids: (
        {"input": {"name": "a", "nics": [{"network": ids["net"]}], "state": "STOPPED"}},
        {"input": {"name": "a", "nics": [{"network": ids["net"]}], "state": "RUNNING"}},
    ),
    "attachVolume": lambda ids: (
        {"input": {"vm": ids["web"], "volume": ids["data"]}},
        {"input": {"vm": ids["web"], "volume": ids["data"], "readOnly": True}},
    ),
    "deleteVM": lambda ids: ({"id": ids["web"]}, {"id": ids["web"], "volumes": True}),
    "deleteVolume": lambda ids: ({"id": ids["data"]}, {"id": ids["other"]}),
    "deleteNIC": lambda ids: ({"id": ids["nic"]}, {"id": ids["card"]}),
    "deleteNetwork": lambda ids: ({"id": ids["unused"]}, {"id": ids["net"]}),
    "removeStack": lambda ids: ({"stack": "default"},),
}


def some_things(api: Api) -> dict[str, str]:
    api.host()
    ids = {"net": a_network(api), "unused": a_network(api, "unused", 101)}
    ids |= {name: api.make("createNIC", network=ids["net"], name=name) for name in ("nic", "card")}
    ids |= {name: api.make("createVolume", name=name, size="1gb") for name in ("data", "other")}
    ids["web"] = api.make("createVM", name="web", nics=[{"network": ids["net"]}])
    api.work()
    return ids


def taken(answer: Answer, key: str) -> bool:
    return bool(told(answer, "Conflict")["message"] == TAKEN.format(key))


def test_the_same_again(api: Api) -> None:
    """Asked for something else, the key is a conflict. A deletion is answered the same when it is long done."""
    ids = some_things(api)
    for field, asks in ASKED.items():
        asked, *others = asks(ids)
        first = api.do(field, **asked, idempotencyKey=field)
        assert first["__typename"] in ("Changed", "Applied"), (field, first)
        after = api.census()
        assert api.do(field, **asked, idempotencyKey=field) == first
        for other in others:
            assert taken(api.do(field, **other, idempotencyKey=field), field)
        assert taken(api.do("createNetwork", input={"name": "x", "vlanId": 9}, idempotencyKey=field), field)
        assert api.census() == after, field
        if field.startswith(("delete", "remove")):
            api.work()
            after = api.census()
            again = api.change(field, **asked, idempotencyKey=field)
            assert (again["id"], again["revision"]) == (first["id"], first["revision"])
            told(api.do(field, **asked), "NotFound")
            assert api.census() == after, field


def test_a_host_is_added_once(api: Api) -> None:
    """Asked for again, it need not show its ssh host key (there is nobody at the address), be it removed since or not."""
    host = {"name": "host1", "address": NOWHERE, "hostKey": HOST_KEY}
    told(api.add_host(input=host), "AddedHost")
    del host["hostKey"]
    first = api.add_host(input=host, idempotencyKey="key")
    assert (first["host"]["name"], first["hostKey"]) == ("host1", HOST_KEY)
    after = api.census()
    assert api.add_host(input=host, idempotencyKey="key") == first
    assert taken(api.add_host(input={**host, "slots": 3}, idempotencyKey="key"), "key")
    assert taken(api.do("removeHost", host="host1", idempotencyKey="key"), "key")
    assert api.census() == after
    told(api.do("removeHost", host="host1"), "RemovedHost")
    after = api.census()
    assert api.add_host(input=host, idempotencyKey="key") == {**first, "host": None}
    assert api.census() == after


def test_a_host_is_removed_once(api: Api) -> None:
    """By its name, which another has by the time when it is asked for again."""
    removed = {"__typename": "RemovedHost", "id": api.host("host1")}
    assert at_once(lambda _: api.do("removeHost", host="host1", idempotencyKey="key")) == [removed] * AT_ONCE
    api.host("host1")
    after = api.census()
    assert api.do("removeHost", host="host1", idempotencyKey="key") == removed
    assert taken(api.do("removeHost", host="host2", idempotencyKey="key"), "key")
    assert api.census() == after
    told(api.do("removeHost", host="host1", idempotencyKey="other"), "RemovedHost")


def test_an_operation_is_cancelled_once(api: Api) -> None:
    """What was refused is not kept: it is asked again."""
    api.host()
    operations = api.change("createVolume", input={"name": "disk", "size": "1gb"})["operations"]
    by_kind = {operation["kind"]: operation["id"] for operation in operations}
    pool, volume = by_kind["Pool"], by_kind["Volume"]
    answers = at_once(lambda _: api.do("cancelOperation", id=volume, idempotencyKey="key"))
    assert answers == [answers[0]] * AT_ONCE
    assert told(answers[0], "Cancelling")["operation"]["state"] == "CANCELLED"
    after = api.census()
    assert taken(api.do("cancelOperation", id=pool, idempotencyKey="key"), "key")
    told(api.do("cancelOperation", id=volume, idempotencyKey="other"), "Conflict")
    assert api.census() == after
    told(api.do("cancelOperation", id=pool, idempotencyKey="other"), "Cancelling")


def test_a_refusal_is_not_kept(api: Api) -> None:
    """What was refused can be asked for with the same key once it is right."""
    api.host(vcpus=1)
    vm = {"name": "web", "vcpus": 2}
    told(api.do("createVM", input=vm, idempotencyKey="key"), "NoHost")
    api.change("createVM", input={**vm, "vcpus": 1}, idempotencyKey="key")


def test_at_once(api: Api) -> None:
    """Sent several times before there is an answer: it is done once, and all are answered the same."""
    api.host()
    answers = at_once(lambda _: api.change("createVM", input={"name": "web"}, idempotencyKey="key"))
    assert len({(answer["id"], answer["revision"]["number"]) for answer in answers}) == 1
    assert api.rows("MATCH (vm:VM) RETURN count(vm) AS count") == [{"count": 1}]


def test_at_once_for_different_things(api: Api) -> None:
    """One has the key, the others are told."""
    api.host()
    answers = at_once(lambda n: api.do("createVM", input={"name": f"web{n}"}, idempotencyKey="key"))
    assert sorted(answer["__typename"] for answer in answers) == ["Changed", *["Conflict"] * (AT_ONCE - 1)]
    assert all(taken(answer, "key") for answer in answers if answer["__typename"] == "Conflict")


def at_once(ask: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(AT_ONCE)))
