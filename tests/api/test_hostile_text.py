"""What looks like code is a name like any other: it comes back as it was written, and what else is there stays as it is.

tests/roles has the same on hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from served import Api, refused, told
from showing import a_network, shown

# each would make a file, if it were ever run
TOUCH = "touch /var/tmp/virtgraph-executed"
TOUCHED = Path("/var/tmp/virtgraph-executed")
HOSTILE = {
    "Jinja": f"{{{{ lookup('pipe', '{TOUCH}') }}}} {{% for x in range(9) %}}x{{% endfor %}} {{# #}}",
    "shell": f"$({TOUCH}) `{TOUCH}`; {TOUCH} | {TOUCH} & #",
    "quotes": f"'; {TOUCH}; '\"; {TOUCH}; \" \\",
    "XML": '"/><domain type="kvm"><![CDATA[</name>]]>&amp;&lt;<!--',
    "Cypher": "x'}) DETACH DELETE n // \"}) DETACH DELETE n /* ` $name",
    "YAML": "!!python/name:os.system *alias &anchor {a: [b]} # %TAG",
    "GraphQL": '") { id } } fragment x on VM { __typename',
    "option": "--rsh=sh -oProxyCommand=sh",
    "path": "../../../../etc/passwd %s%n {0.__class__} ${HOME}",
    "letters": "ま\u0301 \u202eright to left\u2069 🐧",
    "unsafe": "__ansible_vault",
}
CONTROLS = {"newline": "a\nb", "return": "a\rb", "null": "a\0b", "escape": "a\x1b]0;b\x07", "separator": "a\u2028b"}


@pytest.fixture(scope="module")
def bystander(running: Api) -> Iterator[str]:
    """A VM that nobody speaks of."""
    running.clear()
    running.host(name="host1")
    network = a_network(running)
    volumes = [{"name": "disk", "size": "1gb"}]
    id = running.make("createVM", name="bystander", nics=[{"network": network}], volumes=volumes)
    running.work()
    TOUCHED.unlink(missing_ok=True)
    before = shown(running, "vm", id)
    yield id
    assert shown(running, "vm", id) == before
    assert not TOUCHED.exists()


@pytest.mark.parametrize("what", HOSTILE)
def test_names_are_data(running: Api, bystander: str, what: str) -> None:
    """Of stacks and of everything in them; a stack is removed by such a name too."""
    text, stack = HOSTILE[what], f"stack {HOSTILE[what]}"
    made = {"name": text, "stack": stack}
    apart = running.make("createNetwork", type="FLAT", segment=text, stack=stack, name="apart")  # no host is there
    network = running.make("createNetwork", type="FLAT", **made)
    nic = running.make("createNIC", network=network, **made)
    volume = running.make("createVolume", size="1gb", **made)
    boot = {"kernel": f"/boot/{text}", "cmdline": f"quiet {text}"}
    vm = running.make("createVM", nics=[{"id": nic}], volumes=[{"id": volume}], **boot, **made)
    for kind, id in (("network", network), ("nic", nic), ("volume", volume), ("vm", vm)):
        found = shown(running, kind, id)
        assert (found["name"], found["stackName"]) == (text, stack)
        assert shown(running, kind, name=text) == found
    assert shown(running, "network", apart)["segment"] == text
    found = shown(running, "vm", vm)
    assert (found["kernel"], found["cmdline"]) == (boot["kernel"], boot["cmdline"])
    running.change("removeStack", stack=stack)
    assert shown(running, "stack", name=stack) is None


@pytest.mark.parametrize("what", HOSTILE)
def test_documents_are_data(running: Api, bystander: str, what: str) -> None:
    """The answer says it again, in YAML and in JSON."""
    text = HOSTILE[what]
    tree = {"version": 0, "spec": {"x": {"type": "resource/volume/file", "size": "1gb", "name": text}}}
    for written, read in ((yaml.safe_dump(tree, allow_unicode=True), yaml.safe_load), (json.dumps(tree), json.loads)):
        answer = running.do("applySpec", document=written, stack=text)
        assert read(told(answer, "Applied")["document"])["spec"]["x"]["name"] == text
    key = text if not text.startswith("__ansible") else f"x{text}"
    tree = {"version": 0, "spec": {key: {"type": "resource/network/flat", "parameters": {"segment": text}}}}
    answer = running.do("applySpec", document=json.dumps(tree), stack=text)
    assert set(json.loads(told(answer, "Applied")["document"])["spec"]) == {key}
    assert [left["name"] for left in answer["leftOut"]] == [text]
    assert shown(running, "network", name=key)["segment"] == text
    running.change("removeStack", stack=text)


@pytest.mark.parametrize("what", HOSTILE)
def test_references_are_data(running: Api, bystander: str, what: str) -> None:
    """They name nothing that is there."""
    text = HOSTILE[what]
    before = running.census()
    for field in ("deleteVM", "deleteNIC", "deleteVolume", "deleteNetwork", "cancelOperation"):
        answer = running.do(field, id=text)
        assert told(answer, "NotFound")["reference"] == text
    for field, input, path in (
        ("createNIC", {"network": text}, "network"),
        ("createVM", {"name": "x", "host": text}, "host"),
        ("createVM", {"name": "x", "volumes": [{"id": text}]}, "volumes[0].id"),
        ("createVolume", {"name": "x", "size": text}, "size"),
        ("attachVolume", {"vm": bystander, "volume": text}, "volume"),
    ):
        assert [where for where, _ in refused(running.do(field, input=input))] == [f"input.{path}"]
    query = """
    query ($text: String!, $id: ID!) {
      node(id: $id) { id }
      vms(filter: {name: $text, stack: $text, host: $text, namePrefix: $text, nameContains: $text}) { nodes { id } }
    }
    """
    assert running.ask(query, text=text, id=text) == {"node": None, "vms": {"nodes": []}}
    assert running.census() == before


@pytest.mark.parametrize("what", HOSTILE)
def test_idempotency_keys_are_data(running: Api, bystander: str, what: str) -> None:
    input = {"name": "x", "vlanId": 7, "stack": what}
    first = running.change("createNetwork", input=input, idempotencyKey=HOSTILE[what])
    assert first == running.do("createNetwork", input=input, idempotencyKey=HOSTILE[what])
    running.change("removeStack", stack=what)


@pytest.mark.parametrize("what", CONTROLS)
def test_control_characters_are_refused(running: Api, bystander: str, what: str) -> None:
    """A name stands in configuration files, logs and terminals."""
    text = CONTROLS[what]
    before = running.census()
    kernel: dict[str, Any] = {"name": "x", "kernel": "/k", "cmdline": text}
    for field, input, path in (
        ("createNetwork", {"name": text, "vlanId": 7}, "name"),
        ("createNetwork", {"name": "x", "vlanId": 7, "segment": text}, "segment"),
        ("createVolume", {"name": text, "size": "1gb"}, "name"),
        ("createVM", {"name": text}, "name"),
        ("createVM", {"name": "x", "stack": text}, "stack"),
        ("createVM", kernel, "cmdline"),
    ):
        found = refused(running.do(field, input=input))
        assert found == [(f"input.{path}", "must not have control characters")]
    assert running.census() == before
