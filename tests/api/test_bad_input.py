"""Input that is refused, by documents and by typed mutations over HTTP: at its path, with a reason, and nothing stored.

One case of each class; tests/graph/test_spec_refusals.py has the others, without a service.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from engines import ON_ONE_GRAPH
from playing import HOST_KEY
from served import NO_ID, NOWHERE, Api, refused, told
from showing import a_network

pytestmark = ON_ONE_GRAPH

Resources = Mapping[str, Any]
Ids = Mapping[str, str]

ATTACHED = {"r": "n0stack/n0core/vm/attachments"}
ON_NETWORK = {"r": "n0stack/n0core/port/network"}
LONG = "n" * 256
TAG = "!!python/object/apply:os.system ['true']"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nspec: {d: [*c, *c]}\n"


@pytest.fixture(scope="module")
def ids(running: Api) -> Iterator[Ids]:
    """What is there, by name: host1, and web with its network, NIC and volume. It is there unchanged at the end."""
    running.clear()
    host = running.host(vcpus=8)
    net = a_network(running)
    card = running.make("createNIC", network=net, name="card", ipAddresses=["10.0.0.7"], hwAddr="525400aabbcc")
    data = running.make("createVolume", name="data", size="1gb")
    web = running.make("createVM", name="web", nics=[{"id": card}], volumes=[{"id": data, "bootPriority": 1}])
    running.work()
    before = running.census()
    yield {"host": host, "net": net, "card": card, "data": data, "web": web}
    assert running.census() == before


def vm(**more: Any) -> Resources:
    return {"type": "resource/vm/kvm", **more}


def vlan(tag: Any, *cidrs: str) -> Resources:
    subnets = [{"cidr": cidr} for cidr in cidrs]
    return {"type": "resource/network/vlan", "parameters": {"vlan_id": tag}, "subnets": subnets}


def nic(network: Any, **more: Any) -> Resources:
    return {"type": "resource/nic", **more, "relations": [{"object": network, "property": ON_NETWORK}]}


def needs(*objects: Any) -> Resources:
    return vm(dependencies=[{"object": object} for object in objects])


def volume(size: str = "1gb", **more: Any) -> Resources:
    return {"type": "resource/volume/file", "size": size, **more}


# the resources of a document, and the path and a part of the reason that are answered; <name> stands for an id
DOCUMENTS: tuple[tuple[Resources, str, str], ...] = (
    ({"x": {"type": "resource/vm/kmv"}}, "spec.x.type", 'did you mean "resource/vm/kvm"?'),
    ({"x": vm(memry="1gb")}, "spec.x.memry", 'unknown field "memry": did you mean "memory"?'),
    ({"x": needs({"variable": "nett"}), "net": vlan(7)}, "spec.x.dependencies[0].object.variable", 'mean "net"?'),
    ({"x": needs({})}, "spec.x.dependencies[0].object", "must have a type (a resource), a variable"),
    ({"x": needs({"id": NO_ID})}, "spec.x.dependencies[0].object.id", "there is no resource with the id"),
    ({"x": nic({"id": "<data>"})}, "spec.x.relations[0].object.id", "is a Volume, a Network is needed"),
    (
        {"x": needs({"variable": "y"}), "y": needs({"variable": "x"})},
        "spec.y.dependencies[0].object.variable",
        "is a cycle: spec.x needs spec.y needs spec.x",
    ),
    ({"x": vm(name="same"), "y": vm(name="same")}, "spec.y", "VM/same is declared twice, first at spec.x"),
    ({"x": vm(id=NO_ID), "y": volume(id=NO_ID)}, "spec.y", "is given twice, first at spec.x"),
    ({"x": volume(id="<net>")}, "spec.x.id", "<net> is a Network, not a Volume"),
    ({"x": vm(memory="4xb")}, "spec.x.memory", '"4xb" is not a size'),
    ({"x": vm(memory="-1gb")}, "spec.x.memory", '"-1gb" is not a size'),
    ({"x": vm(vcpus=0)}, "spec.x.vcpus", "from 1 to 512, not 0"),
    ({"x": volume("2pb")}, "spec.x.size", "from 1 MiB to 1 PiB"),
    ({"x": nic({"id": "<net>"}, ip_addresses=["10.0.9.1"])}, "spec.x.ip_addresses[0]", "in no subnet of the network"),
    ({"x": nic({"id": "<net>"}, ip_addresses=["10.0.0.7"])}, "spec.x.ip_addresses[0]", "is taken by NIC <card>"),
    ({"x": nic({"id": "<net>"}, ip_addresses=["10.0.0.254"])}, "spec.x.ip_addresses[0]", "network's DHCP server"),
    ({"x": nic({"id": "<net>"}, hw_addr="525400aabbcc")}, "spec.x.hw_addr", "is taken by NIC <card>"),
    ({"x": vlan(7, "10.1.0.0/16", "10.1.2.0/24")}, "spec.x.subnets[1].cidr", "10.1.2.0/24 overlaps 10.1.0.0/16"),
    ({"x": vlan(0)}, "spec.x.parameters.vlan_id", "from 1 to 4094, not 0"),
    ({"x": vlan(4095)}, "spec.x.parameters.vlan_id", "from 1 to 4094, not 4095"),
    ({"x": vlan(100)}, "spec.x.parameters.vlan_id", "VLAN 100 of the segment default is taken by network <net>"),
    ({"x": vm(name=LONG)}, "spec.x.name", "has 256 characters; at most 255"),
    ({"x": vm(name="a\nb")}, "spec.x.name", "control characters"),
    ({"x\ty": vm()}, "spec", "has a key with control characters"),
    ({"x": vm(__ansible_unsafe="{{ 7 * 7 }}")}, "spec.x.__ansible_unsafe", "start with __ansible are refused"),
    ({"__ansible_vault": vm()}, "spec.__ansible_vault", "start with __ansible are refused"),
    ({"x": vm(vnc_password="ninechars")}, "spec.x.vnc_password", "has 9 characters; VNC takes 1 to 8"),
    ({"net": vlan(8, "10.0.0.0/24")}, "spec.net.parameters.vlan_id", "cannot change while it exists (it is 100)"),
    ({"web": vm(vcpus=2)}, "spec.web.vcpus", "cannot change while the VM runs: want it stopped first (it is 1)"),
)  # fmt: skip

# texts of documents
TEXTS: Mapping[str, tuple[str, str, str]] = {
    "bomb": (BOMB, "a", "anchors (&a) are refused"),
    "tag": (f"version: 0\nspec: {{x: {TAG}}}", "spec.x", "tags (tag:yaml.org,2002:python/object/apply:os.system)"),
    "deep YAML": ("[" * 10_000, "[0]" * 100, "is nested more than 100 levels deep"),
    "deep block": ("".join(f"{' ' * n}a:\n" for n in range(200)), ".".join(["a"] * 100), "more than 100 levels deep"),
    "deep JSON": ('{"a":' * 10_000 + "0" + "}" * 10_000, "", "is nested more than 100 levels deep"),
    "5 MB": (f"version: 0\nspec: {{}}\n#{'x' * 5_000_000}", "", "the most that is read is 4194304 bytes"),
    "two documents": ("version: 0\nspec: {}\n---\nversion: 0\nspec: {}\n", "", "a second YAML document"),
    "unknown host": (
        f"version: 0\nannotations: {{n0stack/scheduling/host_id: {NO_ID}}}\nspec: {{x: {{type: resource/vm/kvm}}}}",
        'annotations["n0stack/scheduling/host_id"]',
        "there is no host",
    ),
}

VLAN = {"name": "x", "vlanId": 7}
VM = {"name": "x"}
DISK = {"name": "x", "size": "1gb"}
NIC = {"network": "<net>"}

# a mutation's input, and the path and a part of the reason that are answered
INPUTS: tuple[tuple[str, Resources, str, str], ...] = (
    ("createNetwork", {"name": "x"}, "vlanId", "is missing"),
    ("createNetwork", {**VLAN, "vlanId": 0}, "vlanId", "from 1 to 4094, not 0"),
    ("createNetwork", {**VLAN, "vlanId": 4095}, "vlanId", "from 1 to 4094, not 4095"),
    ("createNetwork", {**VLAN, "vlanId": 100}, "vlanId", "VLAN 100 of the segment default is taken by network <net>"),
    ("createNetwork", {**VLAN, "type": "FLAT"}, "vlanId", "a flat network is untagged"),
    ("createNetwork", {**VLAN, "name": LONG}, "name", "has 256 characters; at most 255"),
    ("createNetwork", {**VLAN, "name": "a\x1b[0m"}, "name", "control characters"),
    ("createNetwork", {**VLAN, "name": ""}, "name", "must not be empty"),
    ("createNetwork", {**VLAN, "id": "x"}, "id", "is not a UUID"),
    ("createNetwork", {**VLAN, "id": "<host>"}, "id", "<host> is the id of a Host"),
    ("createNetwork", {**VLAN, "stack": "a\nb"}, "stack", "control characters"),
    ("createNetwork", {**VLAN, "segment": LONG}, "segment", "at most 255"),
    ("createNetwork", {**VLAN, "mtu": 1}, "mtu", "from 576 to 9216"),
    (
        "createNetwork",
        {**VLAN, "subnets": [{"cidr": "10.1.0.0/16"}, {"cidr": "10.1.2.0/24"}]},
        "subnets[1].cidr",
        "overlaps 10.1.0.0/16",
    ),
    (
        "createNetwork",
        {**VLAN, "subnets": [{"cidr": "10.1.0.0/24", "dhcp": {"range": "10.2.0.1-10.2.0.9"}}]},
        "subnets[0].dhcp.range",
        "10.2.0.1 is outside 10.1.0.0/24",
    ),
    ("createNIC", {"network": NO_ID}, "network", f"there is no resource with the id {NO_ID}"),
    ("createNIC", {"network": "x"}, "network", "is not a UUID"),
    ("createNIC", {"network": "<data>"}, "network", "<data> is a Volume, a Network is needed"),
    ("createNIC", {**NIC, "ipAddresses": ["10.0.9.1"]}, "ipAddresses[0]", "in no subnet of the network"),
    ("createNIC", {**NIC, "ipAddresses": ["10.0.0.20", "10.0.0.7"]}, "ipAddresses[1]", "is taken by NIC <card>"),
    ("createNIC", {**NIC, "ipAddresses": ["10.0.0"]}, "ipAddresses[0]", "is not an IP address"),
    ("createNIC", {**NIC, "hwAddr": "ff:ff:ff:ff:ff:ff"}, "hwAddr", "is the broadcast address"),
    ("createNIC", {**NIC, "hwAddr": "525400aabbcc"}, "hwAddr", "is taken by NIC <card>"),
    ("createVolume", {"name": "x"}, "size", "is missing"),
    ("createVolume", {**DISK, "size": "4xb"}, "size", '"4xb" is not a size'),
    ("createVolume", {**DISK, "size": "0"}, "size", "from 1 MiB to 1 PiB"),
    ("createVolume", {**DISK, "host": "nowhere"}, "host", "there is no host nowhere"),
    ("createVolume", {**DISK, "source": {"file": "../x"}}, "source.file", "must not lead out of the image folder"),
    ("createVolume", {**DISK, "source": {"file": "/x"}}, "source.sha256", "is missing"),
    ("createVM", {**VM, "memory": "lots"}, "memory", '"lots" is not a size'),
    ("createVM", {**VM, "vcpus": -1}, "vcpus", "from 1 to 512, not -1"),
    ("createVM", {**VM, "host": NO_ID}, "host", f"there is no host {NO_ID}"),
    ("createVM", {**VM, "vncPassword": "ninechars"}, "vncPassword", "has 9 characters; VNC takes 1 to 8"),
    ("createVM", {**VM, "kernel": "vmlinuz"}, "kernel", "must be an absolute path"),
    ("createVM", {**VM, "cmdline": "quiet"}, "cmdline", "give kernel too"),
    ("createVM", {**VM, "arch": "vax"}, "arch", "unknown architecture"),
    ("createVM", {**VM, "nics": [{"network": NO_ID}]}, "nics[0].network", "there is no resource with the id"),
    ("createVM", {**VM, "nics": [{"id": "<card>"}]}, "nics[0].id", "belongs to VM web"),
    ("createVM", {**VM, "nics": [{"id": "<net>"}]}, "nics[0].id", "is a Network; a VM takes NICs and volumes"),
    ("createVM", {**VM, "nics": [{}]}, "nics[0]", "give the network of a new NIC"),
    ("createVM", {**VM, "nics": [{"id": NO_ID, "name": "x"}]}, "nics[0]", "nothing but the id of one that exists"),
    (
        "createVM",
        {**VM, "nics": [{**NIC, "ipAddresses": ["10.0.0.30"]}, {**NIC, "ipAddresses": ["10.0.0.30"]}]},
        "nics[1].ipAddresses[0]",
        "10.0.0.30 is taken on this network by input.nics[0].ipAddresses[0]",
    ),
    ("createVM", {**VM, "volumes": [{}]}, "volumes[0]", "give the size or source of a new volume"),
    ("createVM", {**VM, "volumes": [{"name": "x"}]}, "volumes[0].size", "is missing"),
    ("createVM", {**VM, "volumes": [{"id": "<data>"}]}, "volumes[0].id", "belongs to VM web"),
    (
        "createVM",
        {**VM, "volumes": [{"size": "1gb", "bootPriority": 1}, {"size": "1gb", "bootPriority": 1}]},
        "volumes[1].bootPriority",
        "1 is the boot priority at input.volumes[0] already",
    ),
    ("createVM", {**VM, "volumes": [{"size": "1gb", "bootPriority": 0}]}, "volumes[0].bootPriority", "from 1 to"),
)  # fmt: skip

HOST = {"name": "x", "address": NOWHERE, "hostKey": HOST_KEY}
HOSTS: tuple[tuple[Resources, str, str], ...] = (
    ({"name": "a\nb"}, "name", "control characters"),
    ({"id": "<net>"}, "id", "<net> is the id of a Network"),
    ({"address": "-oProxyCommand=true"}, "address", "is no address of a host"),
    ({"user": "-l"}, "user", "is no name of a user"),
    ({"hostKey": f"{HOST_KEY}\n* {HOST_KEY}"}, "hostKey", "is no ssh host key"),
    ({"keyFile": "a\nb"}, "keyFile", "control characters"),
    ({"port": 0}, "port", "from 1 to 65535"),
    ({"slots": 33}, "slots", "from 1 to 32"),
    ({"cpus": 0}, "cpus", "from 1 to 65536"),
    ({"memory": 0}, "memory", "from 1 MiB to 1 EiB"),
    ({"cpuRatio": 0}, "cpuRatio", "must be above 0"),
    ({"segment": LONG}, "segment", "at most 255"),
    ({"uplinkInterface": "br0; reboot"}, "uplinkInterface", "is no name of an interface"),
    ({"uplinkDriver": "osv"}, "uplinkDriver", 'did you mean "ovs"?'),
    ({"acceleration": "xen"}, "acceleration", "known: kvm, qemu"),
    ({"labels": ["fine", "a\0b"]}, "labels[1]", "control characters"),
    ({"poolPath": "pool"}, "poolPath", "must be an absolute path"),
    ({"poolPath": "/a/../b"}, "poolPath", "must not have .."),
)


def with_ids(given: Any, ids: Ids) -> Any:
    """`<net>` and the like, wherever they stand, are the ids of what is there."""
    text = json.dumps(given)
    for name, id in ids.items():
        text = text.replace(f"<{name}>", id)
    return json.loads(text)


def check(api: Api, ids: Ids, field: str, arguments: Any, path: str, reason: str) -> None:
    before = api.census()
    found = refused(api.do(field, **with_ids(arguments, ids)))
    assert [where for where, _ in found] == [path], found
    assert with_ids(reason, ids) in found[0][1], found
    assert api.census() == before


@pytest.mark.parametrize(("resources", "path", "reason"), DOCUMENTS, ids=[f"{p}: {r}"[:70] for _, p, r in DOCUMENTS])
def test_documents(running: Api, ids: Ids, resources: Resources, path: str, reason: str) -> None:
    document = json.dumps({"version": 0, "spec": with_ids(resources, ids)})
    check(running, ids, "applySpec", {"document": document}, path, reason)


@pytest.mark.parametrize("name", TEXTS)
def test_texts(running: Api, ids: Ids, name: str) -> None:
    text, path, reason = TEXTS[name]
    check(running, ids, "applySpec", {"document": text}, path, reason)


@pytest.mark.parametrize(
    ("field", "input", "path", "reason"), INPUTS, ids=[f"{f} {p}: {r}"[:70] for f, _, p, r in INPUTS]
)
def test_inputs(running: Api, ids: Ids, field: str, input: Resources, path: str, reason: str) -> None:
    check(running, ids, field, {"input": input}, f"input.{path}", reason)


@pytest.mark.parametrize(("given", "path", "reason"), HOSTS, ids=[path for _, path, _ in HOSTS])
def test_hosts(running: Api, ids: Ids, given: Resources, path: str, reason: str) -> None:
    check(running, ids, "addHost", {"input": {**HOST, **given}}, f"input.{path}", reason)


def test_every_problem_at_once(running: Api, ids: Ids) -> None:
    """Of a document, and of an input."""
    bad = {"type": "resource/vm/kvm", "memory": "lots", "vcpus": 0, "colour": "red"}
    document = json.dumps({"version": 0, "spec": {"x": bad, "y": vlan(5000)}})
    assert {path for path, _ in refused(running.do("applySpec", document=document))} == {
        "spec.x.memory", "spec.x.vcpus", "spec.x.colour", "spec.y.parameters.vlan_id",
    }  # fmt: skip
    input = {
        "name": LONG,
        "memory": "lots",
        "nics": [{**with_ids(NIC, ids), "hwAddr": "x"}],
        "volumes": [{"name": "a"}],
    }
    assert {path for path, _ in refused(running.do("createVM", input=input))} == {
        "input.name", "input.memory", "input.nics[0].hwAddr", "input.volumes[0].size",
    }  # fmt: skip


@pytest.mark.parametrize("key", [LONG, "k" * 100_000, "", "a\0b"], ids=["256", "100,000", "none", "control"])
@pytest.mark.parametrize(
    "field", ["applySpec", "createNetwork", "deleteVM", "removeStack", "addHost", "removeHost", "cancelOperation"]
)
def test_idempotency_keys(running: Api, ids: Ids, field: str, key: str) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "applySpec": {"document": json.dumps({"version": 0, "spec": {"x": vlan(7)}})},
        "createNetwork": {"input": VLAN},
        "deleteVM": {"id": "<web>"},
        "removeStack": {"stack": "default"},
        "addHost": {"input": HOST},
        "removeHost": {"host": "host1"},
        "cancelOperation": {"id": "<web>"},
    }
    reason = {"": "must not be empty", "a\0b": "control characters"}.get(key, "at most 255")
    check(running, ids, field, {**arguments[field], "idempotencyKey": key}, "idempotencyKey", reason)


@pytest.mark.parametrize("stack", [LONG, "a\nb", ""], ids=["256", "control", "none"])
def test_names_of_stacks(running: Api, ids: Ids, stack: str) -> None:
    before = running.census()
    document = json.dumps({"version": 0, "spec": {}})
    assert [path for path, _ in refused(running.do("applySpec", document=document, stack=stack))] == ["stack"]
    told(running.do("removeStack", stack=stack), "NotFound")
    assert running.census() == before


@pytest.mark.parametrize(
    ("mutation", "code", "hint"),
    [
        ('createVN(input: {name: "x"}) { __typename }', "GRAPHQL_VALIDATION_FAILED", "'createVM'"),
        ('createVM(input: {name: "x", vcpu: 1}) { __typename }', "GRAPHQL_VALIDATION_FAILED", "'vcpus'"),
        ('createVM(input: {name: "x", vcpus: "1"}) { __typename }', "GRAPHQL_VALIDATION_FAILED", "Int"),
        ("createVM(input: {vcpus: 1}) { __typename }", "GRAPHQL_VALIDATION_FAILED", "'name'"),
        ("deleteVM { __typename }", "GRAPHQL_VALIDATION_FAILED", "(id:)"),
        ("a: " * 10_000, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("createVM" + "{a" * 10_000, "TOO_DEEP", "too deep"),
    ],
    ids=["unknown mutation", "unknown field", "wrong type", "field missing", "argument missing", "syntax", "depth"],
)
def test_mutations_that_are_none(running: Api, ids: Ids, mutation: str, code: str, hint: str) -> None:
    """What the schema does not know, with the nearest that it knows."""
    before = running.census()
    answer = running.post(f"mutation {{ {mutation} }}").json()
    (error, *_) = answer["errors"]
    assert (error["extensions"]["code"], "data" in answer) == (code, False), error
    assert hint in error["message"]
    assert running.census() == before


def test_variables_that_do_not_fit(running: Api, ids: Ids) -> None:
    before = running.census()
    query = "mutation ($input: CreateVMInput!) { createVM(input: $input) { __typename } }"
    for input, hint in (
        ({"name": "x", "vcpu": 1}, "Did you mean 'vcpus'?"),
        ({"name": 7}, "String"),
        ({}, "'name'"),
        ({"name": "x", "vcpus": 1 << 40}, "Int"),
        ({"name": "x", "state": "SLEEPING"}, "VMWanted"),
    ):
        response = running.post(query, {"input": input})
        (error,) = response.json()["errors"]
        assert (response.status_code, error["extensions"]["code"]) == (422, "BAD_VARIABLES"), error
        assert hint in error["message"], error
    assert running.census() == before


def test_bodies_that_are_too_large_or_too_deep(running: Api, ids: Ids) -> None:
    """10 MB, and variables of 10,000 levels."""
    before = running.census()
    query = "mutation ($d: String!) { applySpec(document: $d) { __typename } }"
    response = running.post(query, {"d": "x" * (10 << 20)})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (413, "BODY_TOO_LARGE")
    for levels in (100, 10_000):
        body = f'{{"query": "{query}", "variables": {{"d": {"[" * levels}{"]" * levels}}}}}'
        headers = {"Content-Type": "application/json"}
        response = running.http.post(running.service.url, content=body, headers=headers)
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_JSON")
    assert running.census() == before
