"""Completed documents: what goes where, what stays, and that they can always be read again."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from virtgraph.model.wanted import Kind, WantedNIC, WantedVM, Wish
from virtgraph.spec import Filled, complete, parse, wish
from virtgraph.spec.tree import UNPRINTABLE
from virtgraph.spec.yaml_out import write_yaml

ID = "56410722-d507-472a-a800-c89211b7c261"
STATES = {Kind.VM: "running", Kind.NIC: "attached", Kind.VOLUME: "allocated", Kind.NETWORK: "applied"}


def completed(resource: str, known: Filled) -> str:
    """One resource's lines of the completed document."""
    text = complete(parse(f"version: 0\nspec:\n  x: {{{resource}}}"), {"spec.x": known}, id=1, created_at="now")
    return dedent(text.partition("  x:\n")[2])


def test_order_of_a_vm() -> None:
    known = Filled(ID, "x", "running", {"arch": "amd64", "vcpus": 1, "memory": "512mb"})
    assert completed("vcpus: 2, type: resource/vm/kvm, vnc_password: secret, relations: []", known) == dedent(
        f"""\
        vcpus: 2
        type: resource/vm/kvm
        id: {ID}
        status: running
        name: x
        vnc_password: "********"
        arch: amd64
        memory: 512mb
        relations: []
        """
    )


def test_what_is_given_stays() -> None:
    known = Filled(ID, "x", "stopped", {"memory": "512mb"})
    written = f"memory: 1024mb, name: x, state: stopped, type: resource/vm/kvm, id: {ID}"
    assert completed(written, known) == written.replace(", ", "\n") + "\n"


def test_keys_without_value_are_filled_in_place() -> None:
    known = Filled(ID, "x", "running", {"memory": "512mb"})
    assert completed("memory: , state: , type: resource/vm/kvm, id: , vnc_password: ", known) == dedent(
        f"""\
        memory: 512mb
        state: running
        type: resource/vm/kvm
        name: x
        id: {ID}
        vnc_password: null
        """
    )


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("", ["hw_addr", "ip_addresses"]),
        ("ip_addresses: [10.0.0.1]", ["hw_addr", "ip_addresses"]),
        ("hw_addr: 525400000001", ["hw_addr", "ip_addresses"]),
        ("relatioins: []", ["hw_addr", "ip_addresses", "relatioins"]),
        ("relatioins: [], ip_addresses: [10.0.0.1]", ["relatioins", "hw_addr", "ip_addresses"]),
        ("ip_addresses: []", ["hw_addr", "ip_addresses"]),
    ],
)
def test_order_of_a_nic(written: str, keys: list[str]) -> None:
    known = Filled(ID, None, "attached", {"hw_addr": "52:54:00:00:00:02", "ip_addresses": ["10.0.0.1"]})
    text = completed(f"type: resource/nic, {written}".rstrip(", "), known)
    assert re.findall(r"^(\w+):", text, re.MULTILINE) == ["type", "id", "status", *keys]


def test_references_and_unknown_paths_stay() -> None:
    text = "version: 0\nspec:\n  x:\n    type: resource/nic\n    relations:\n      - object:\n          id: z\n"
    assert complete(parse(text), {}, id=3, created_at="now") == f"id: 3\ncreated_at: now\n{text}"


def test_password_never_comes_back() -> None:
    text = "version: 0\nspec: {x: {type: resource/vm/kvm, vnc_password: canary}}"
    assert "canary" not in complete(parse(text), {}, id=1, created_at="now")


def test_a_resource_called_vnc_password() -> None:
    text = "version: 0\nspec:\n  vnc_password:\n    type: resource/vm/kvm\n"
    assert complete(parse(text), {}, id=1, created_at="now").endswith(text)


def test_spellings_come_back() -> None:
    lines = "version: 0\nspec:\n  x:\n    type: resource/vm/kvm\n    arch: amd64\n    memory: 4096mb\n    name: "
    for name in (
        '"on"',
        '"0100"',
        '"525400123456"',
        "plain words",
        '"52:54:00:12:34:56"',
        '"trailing: "',
        "é",
    ):
        text = f"{lines}{name}\n"
        assert complete(parse(text), {}, id=1, created_at="now").endswith(text)


MISREAD = [
    *("", "~", "null", "Null", "true", "True", "yes", "No", "on", "OFF", "y", "N"),
    *("1", "-1", "+1", "0100", "0o17", "0x1f", "0b1", "1_000", "1,000", "525400123456"),
    *(
        "1.5",
        ".5",
        "5.",
        "1e3",
        "52540012e456",
        ".inf",
        "-.inf",
        ".NaN",
        "1.5e3",
        "1:30",
        "52:54:00:12:34:56",
        "1:30.5",
    ),
    *("2026-01-02", "2026-1-2", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "=", "<<"),
    *(
        "- a",
        "-",
        "?",
        "? a",
        ":",
        "a:",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "---",
        "...",
    ),
    *(
        "'a'",
        '"a"',
        "[a]",
        "{a: b}",
        "{{ a }}",
        " a",
        "a ",
        "a  b",
        "a\nb",
        "a\tb",
        "a\\b",
        ",a",
        "a,b",
        "\n",
    ),
]


@pytest.mark.parametrize("text", MISREAD)
def test_strings_stay_strings_for_every_reader(text: str) -> None:
    tree = {"a": text, "b": [text, [text], {"c": text}]}
    written = write_yaml(tree)
    assert parse(written).tree == tree  # YAML 1.2
    assert yaml.safe_load(written) == tree  # YAML 1.1


@pytest.mark.parametrize(
    "text", ["192.168.0.1", "192.168.0.0/24", "10.0.0.1-10.0.0.9", ID, "4gb", "n0stack/a/b", "a:b", "/a.b"]
)
def test_plain_where_nothing_is_misread(text: str) -> None:
    assert write_yaml({"a": text}) == f"a: {text}\n"


def test_empty_and_nested_containers() -> None:
    tree: dict[str, Any] = {"a": {}, "b": [], "c": [[], {}, [[1]], {"d": [{}]}], "e": None, "f": True}
    assert parse(write_yaml(tree)).tree == tree == yaml.safe_load(write_yaml(tree))


texts = st.text(max_size=30).filter(lambda text: not UNPRINTABLE.search(text))
keys = st.text(min_size=1, max_size=20).filter(
    lambda k: (
        not UNPRINTABLE.search(k) and not re.search(r"[\t\n\r]", k) and k != "<<" and not k.startswith("__ansible")
    )
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300)
@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
def test_every_tree_can_be_written_and_read(tree: dict[str, Any]) -> None:
    assert parse(write_yaml(tree)).tree == tree
    assert parse(json.dumps(tree)).tree == tree


names = st.text(min_size=1, max_size=12).filter(
    lambda text: not UNPRINTABLE.search(text) and not re.search(r"[\t\n\r]", text)
)
password: st.SearchStrategy[dict[str, str | None]] = st.sampled_from(
    [{}, {"vnc_password": "secret"}, {"vnc_password": "********"}, {"vnc_password": None}]
)
size: st.SearchStrategy[str | int] = st.sampled_from(["10gb", "1024 MiB", 1 << 30])


@st.composite
def optional(draw: st.DrawFn, /, **fields: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Some of these fields, in any order."""
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
    return {key: draw(fields[key]) for key in chosen}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    network = {
        "type": "resource/network/vlan",
        "parameters": {"vlan_id": 100},
        **draw(optional(subnets=st.just([{"cidr": "10.0.0.0/24"}]))),
    }
    spec: dict[str, Any] = {"net": network}
    for vm in draw(
        st.lists(
            names.filter(lambda n: n not in ("net", "<<") and not n.startswith("__ansible")),
            unique=True,
            max_size=3,
        )
    ):
        fields = optional(
            state=st.sampled_from(["running", "stopped", None]),
            vcpus=st.integers(1, 8),
            memory=size,
            arch=st.just("amd64"),
        )
        spelling = st.sampled_from(["dependencies", "relations", "relatioins"])
        spec[vm] = {
            **draw(fields),
            "type": "resource/vm/kvm",
            **draw(password),
            draw(spelling): draw(st.lists(nics() | volumes(), max_size=3)),
            **draw(optional(id=st.uuids(version=4).map(str))),
        }
    return {**draw(optional(id=st.integers(0, 9), created_at=st.just("x"))), "version": 0, "spec": spec}


@st.composite
def nics(draw: st.DrawFn) -> dict[str, Any]:
    on_network = [{"object": {"variable": "net"}, "property": {"r": "n0stack/n0core/port/network"}}]
    nic = {
        "type": "resource/nic",
        **draw(optional(ip_addresses=st.just([]), status=st.just("attached"))),
        "relatioins": on_network,
    }
    return {"object": nic, "property": {"r": "n0stack/n0core/vm/attachments"}}


@st.composite
def volumes(draw: st.DrawFn) -> dict[str, Any]:
    volume = {
        "type": "resource/volume/file",
        "size": draw(size),
        **draw(optional(state=st.just("allocated"))),
    }
    return {"property": {"r": "n0stack/n0core/vm/attachments"}, "object": volume}


def fill(wanted: Wish) -> dict[str, Filled]:
    filled = {}
    for number, resource in enumerate(wanted.resources.values()):
        state = resource.state if isinstance(resource, WantedVM) else STATES[resource.kind]
        defaults: dict[str, Any] = {}
        if isinstance(resource, WantedNIC):
            defaults = {"hw_addr": f"52:54:00:00:00:{number:02x}", "ip_addresses": []}
        if isinstance(resource, WantedVM):
            defaults = {"vcpus": resource.vcpus, "memory": resource.memory}
        id_ = resource.id or f"00000000-0000-4000-8000-{number:012x}"
        filled[resource.path] = Filled(id_, resource.name, state, defaults)
    return filled


def settled(wanted: Wish, filled: dict[str, Filled]) -> Wish:
    """The wish with everything decided, as the completed document says it."""
    resources = {}
    for key, resource in wanted.resources.items():
        known = filled[resource.path]
        resource = replace(resource, id=known.id)
        if isinstance(resource, WantedNIC):
            resource = replace(
                resource,
                hw_addr=resource.hw_addr or known.defaults["hw_addr"],
                ip_addresses=resource.ip_addresses or (),
            )
        if isinstance(resource, WantedVM):
            resource = replace(resource, vnc_password=None)  # masked: compared apart
        resources[key] = resource
    return replace(wanted, resources=resources)


@settings(max_examples=200)
@given(documents(), st.booleans())
def test_completed_documents_are_read_as_the_same_wish(tree: dict[str, Any], in_json: bool) -> None:
    document = parse(json.dumps(tree) if in_json else write_yaml(tree))
    wanted = wish(document, "default")
    filled = fill(wanted)
    answer = complete(document, filled, id=1, created_at="2026-01-02T03:04:05Z")
    again = parse(answer)
    assert again.format == document.format
    assert settled(wish(again, "default"), filled) == settled(wanted, filled)
    assert complete(again, filled, id=1, created_at="2026-01-02T03:04:05Z") == answer
    assert list(again.tree) == ["id", "created_at", "version", "spec"]


def test_two_hundred_vms_take_no_time() -> None:
    """About 50 ms on the machine where it was written; the bound is for a slow one, and others' work does not count."""
    vm = {
        "type": "resource/vm/kvm",
        "vcpus": 2,
        "memory": "4gb",
        "dependencies": [
            {
                "object": {
                    "type": "resource/nic",
                    "relations": [{"object": {"variable": "net"}, "property": {"r": "n0stack/n0core/port/network"}}],
                },
                "property": {"r": "n0stack/n0core/vm/attachments"},
            },
            {
                "object": {"type": "resource/volume/file", "size": "10gb"},
                "property": {"r": "n0stack/n0core/vm/attachments", "n0stack/n0core/vm/boot_priority": 1},
            },
        ],
    }
    network = {"type": "resource/network/vlan", "parameters": {"vlan_id": 100}}
    text = write_yaml({"version": 0, "spec": {"net": network, **{f"vm{i}": vm for i in range(200)}}})
    started = time.process_time()
    document = parse(text)
    wanted = wish(document, "default")
    complete(document, fill(wanted), id=1, created_at="now")
    assert time.process_time() - started < 1
    assert len(wanted.resources) == 601
