"""The document that this product descends from: its request read, its answer given and taken as a request."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import yaml

from virtgraph.model.wanted import (
    UNCHANGED,
    Attachment,
    Reference,
    VMWanted,
    WantedDHCP,
    WantedNetwork,
    WantedNIC,
    WantedSubnet,
    WantedVM,
    WantedVolume,
    Wish,
)
from virtgraph.spec import Filled, complete, parse, wish

REQUEST = (Path(__file__).parents[2] / "examples" / "n0core.yaml").read_text()

# The answer as printed beside the request. Only what an answer of ours has otherwise is replaced below.
ANSWER = """\
id: 100
created_at: 1990/1/1 00:00
version: 0
annotations:
  n0stack/scheduling/same_host: true
  n0stack/scheduling/host_id: 85cf3a3a-18e4-4fe2-b406-9e79079cae07
spec:
  web:
    type: resource/vm/kvm
    id: 56410722-d507-472a-a800-c89211b7c261
    status: running
    name: web
    arch: amd64
    vcpus: 2
    memory: 4gb
    vnc_password: hogehoge
    dependencies:
      - object:
          type: resource/nic
          id: a1f6a79b-7ad0-499e-b912-44eb73ea0f81
          status: attached
          ip_addresses:
            - 192.168.0.1
          relatioins:
            - object:
                variable: var_network
              property:
                r: n0stack/n0core/port/network
        property:
          r: n0stack/n0core/vm/attachments
      - object:
          type: resource/volume/file
          id: d99163ed-0093-40a0-a61b-365a1aece509
          status: allocated
          name: new_volume
          size: 10gb
        property:
          r: n0stack/n0core/vm/attachments
          n0stack/n0core/vm/boot_prority: 1
  var_network:
    type: resource/network/vlan
    id: 8451da31-5e3a-4c46-aa3a-2a557382a6cd
    state: applied
    name: vlan_network
    subnets:
      - cidr: 192.168.0.0/24
        dhcp:
          range: 192.168.0.1-192.168.0.127
          nameservers:
            - 192.168.0.254
          gateway: 192.168.0.254
    parameters:
      vlan_id: 100
"""

NIC = "spec.web.dependencies[0].object"
VOLUME = "spec.web.dependencies[1].object"

FILLED = {
    "spec.web": Filled("56410722-d507-472a-a800-c89211b7c261", "web", "running"),
    NIC: Filled("a1f6a79b-7ad0-499e-b912-44eb73ea0f81", None, "attached", {"hw_addr": "52:54:00:12:34:56"}),
    VOLUME: Filled("d99163ed-0093-40a0-a61b-365a1aece509", "new_volume", "allocated"),
    "spec.var_network": Filled("8451da31-5e3a-4c46-aa3a-2a557382a6cd", "vlan_network", "applied"),
}

WISH = Wish(
    stack="default",
    same_host=True,
    resources={
        "VM/web": WantedVM(
            path="spec.web",
            key="VM/web",
            name="web",
            arch="x86_64",
            vcpus=2,
            memory=4 << 30,
            vnc_password="hogehoge",
            state=VMWanted.RUNNING,
            nics=(Reference(NIC, key="VM/web/NIC/0"),),
            volumes=(Attachment(Reference(VOLUME, key="Volume/new_volume"), boot_priority=1),),
            host="85cf3a3a-18e4-4fe2-b406-9e79079cae07",
            host_path='annotations["n0stack/scheduling/host_id"]',
        ),
        "VM/web/NIC/0": WantedNIC(
            path=NIC,
            key="VM/web/NIC/0",
            name=None,
            owner="VM/web",
            network=Reference(f"{NIC}.relatioins[0].object.variable", key="Network/vlan_network"),
            ip_addresses=(IPv4Address("192.168.0.1"),),
        ),
        "Volume/new_volume": WantedVolume(
            path=VOLUME, key="Volume/new_volume", name="new_volume", owner="VM/web", size=10 << 30
        ),
        "Network/vlan_network": WantedNetwork(
            path="spec.var_network",
            key="Network/vlan_network",
            name="vlan_network",
            vlan_id=100,
            subnets=(
                WantedSubnet(
                    path="spec.var_network.subnets[0]",
                    cidr=IPv4Network("192.168.0.0/24"),
                    dhcp=WantedDHCP(
                        first=IPv4Address("192.168.0.1"),
                        last=IPv4Address("192.168.0.127"),
                        nameservers=(IPv4Address("192.168.0.254"),),
                        gateway=IPv4Address("192.168.0.254"),
                    ),
                ),
            ),
        ),
    },
)


def with_ids(wanted: Wish) -> Wish:
    resources = {key: replace(r, id=FILLED[r.path].id) for key, r in wanted.resources.items()}
    return replace(wanted, resources=resources)


def test_request_is_read() -> None:
    document = parse(REQUEST)
    assert document.format == "yaml"
    assert document.annotations["n0stack/scheduling/same_host"] is True
    assert wish(document, "default") == WISH
    assert list(wish(document, "default").resources) == list(WISH.resources)


def test_request_completed_is_the_answer() -> None:
    expected = (
        ANSWER.replace("id: 100\ncreated_at: 1990/1/1 00:00", 'id: 7\ncreated_at: "2026-01-02T03:04:05Z"')
        .replace("hogehoge", '"********"')
        .replace("          ip_addr", '          hw_addr: "52:54:00:12:34:56"\n          ip_addr')
    )
    assert complete(parse(REQUEST), FILLED, id=7, created_at="2026-01-02T03:04:05Z") == expected


def test_answer_as_printed_is_a_request() -> None:
    assert wish(parse(ANSWER), "default") == with_ids(WISH)


def test_answer_completed_keeps_everything_but_password_and_revision() -> None:
    filled = {path: replace(known, defaults={}) for path, known in FILLED.items()}
    answer = complete(parse(ANSWER), filled, id=100, created_at="1990/1/1 00:00")
    assert answer == ANSWER.replace("hogehoge", '"********"')


def test_own_answer_wants_nothing_new() -> None:
    answer = complete(parse(REQUEST), FILLED, id=7, created_at="2026-01-02T03:04:05Z")
    again = wish(parse(answer), "default")
    expected = dict(with_ids(WISH).resources)
    expected["VM/web"] = replace(expected["VM/web"], vnc_password=UNCHANGED)  # type: ignore[arg-type]
    expected["VM/web/NIC/0"] = replace(expected["VM/web/NIC/0"], hw_addr="52:54:00:12:34:56")  # type: ignore[arg-type]
    assert again.resources == expected


def test_json_is_answered_in_json() -> None:
    document = parse(json.dumps(parse(REQUEST).tree))
    assert document.format == "json"
    assert wish(document, "default") == WISH
    in_json = complete(document, FILLED, id=7, created_at="2026-01-02T03:04:05Z")
    in_yaml = complete(parse(REQUEST), FILLED, id=7, created_at="2026-01-02T03:04:05Z")
    assert json.loads(in_json) == parse(in_yaml).tree == yaml.safe_load(in_yaml)
    assert list(json.loads(in_json)) == ["id", "created_at", "version", "annotations", "spec"]
