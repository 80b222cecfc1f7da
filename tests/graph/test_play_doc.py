"""What a playbook is given for a Run."""

from __future__ import annotations

import json

import pytest

from virtgraph import play_doc
from virtgraph.model.states import Action
from virtgraph.secrets import Vault
from virtgraph.store.runs import Claim, ClaimedOperation

VM = {
    "arch": "x86_64", "vcpus": 1, "memory": 1 << 30, "kernel": None, "initrd": None, "cmdline": None, "state": "running",
    "vncPassword": "digest", "nics": [], "volumes": [],
}  # fmt: skip
NETWORK = {"type": "flat", "segment": "default", "vlanId": None, "mtu": 1500, "subnets": []}


@pytest.mark.parametrize(("segment", "driver"), [("default", "ovs"), ("other", "none"), (None, "none")])
def test_a_network_is_plugged_into_its_own_segment_alone(segment: str | None, driver: str) -> None:
    host = {"id": "host", "uplinkInterface": "br0", "uplinkDriver": "ovs", "segment": segment}
    claimed = (ClaimedOperation("operation", "net", "Network", "net", 1, 1),)
    play = play_doc.build(
        play_doc.Materials(
            claim=Claim("run", "token", Action.REALIZE, host, 0, 1, claimed),
            installation="installation",
            rows={"net": {"spec": json.dumps(NETWORK), "home": None}},
            pool=None,
            images="/images",
            unseal=lambda text, id: text,
        )
    )
    assert [uplink["driver"] for uplink in play.doc["uplinks"]] == [driver]


def test_a_password_that_another_key_sealed_is_its_own_vms_failure() -> None:
    """A lost secret.key must not end the worker, which would meet the same Run again for ever."""
    ours, others = Vault(b"1" * 32), Vault(b"2" * 32)
    sealed = {"good": ours.seal("pass", "good", "vncPassword"), "bad": others.seal("pass", "bad", "vncPassword")}
    host = {"id": "host", "acceleration": "qemu", "uplinkInterface": None, "uplinkDriver": "none", "segment": None}
    claimed = tuple(ClaimedOperation(f"operation of {id}", id, "VM", id, 1, 1) for id in sealed)
    play = play_doc.build(
        play_doc.Materials(
            claim=Claim("run", "token", Action.REALIZE, host, 0, 1, claimed),
            installation="installation",
            rows={id: {"spec": json.dumps(VM), "vncPassword": text} for id, text in sealed.items()},
            pool={"id": "pool", "path": "/pool"},
            images="/images",
            unseal=lambda text, id: ours.unseal(text, id, "vncPassword"),
        )
    )
    assert play.secrets == {"good": {"vnc_password": "pass"}}
    assert [vm["id"] for vm in play.doc["vms"]] == ["good", "bad"]


def test_what_is_removed_needs_its_users_gone() -> None:
    """What fails to go keeps what it uses."""
    subnet: dict[str, object] = {
        "cidr": "10.0.0.0/24", "server": "10.0.0.254", "mac": "52:54:00:00:00:01", "gateway": None, "nameservers": [],
    }  # fmt: skip
    specs = {
        "vm": {**VM, "nics": ["nic"], "volumes": [{"id": "volume", "bootPriority": 1, "readOnly": False}]},
        "nic": {"network": "network", "hwAddr": "52:54:00:00:00:02", "ipAddresses": ["10.0.0.1"]},
        "volume": {"size": 1, "source": None},
        "network": {"segment": "default", "mtu": 1500, "vlanId": 7, "subnets": [subnet]},
    }
    kinds = {"vm": "VM", "nic": "NIC", "volume": "Volume", "network": "Network"}
    host = {"id": "host", "acceleration": "qemu", "uplinkInterface": "eth0", "uplinkDriver": "ovs", "segment": "x"}
    claimed = tuple(ClaimedOperation(f"operation of {id}", id, kind, id, 1, 1) for id, kind in kinds.items())
    play = play_doc.build(
        play_doc.Materials(
            claim=Claim("run", "token", Action.REMOVE, host, 0, 1, claimed),
            installation="installation",
            rows={
                id: {"spec": json.dumps(spec), "home": "host", "vms": ["vm"], "vncPassword": None}
                for id, spec in specs.items()
            },
            pool={"id": "pool", "path": "/pool"},
            images="/images",
            unseal=lambda text, id: text,
        )
    )
    needs = {name: set(play.doc[name][0]["needs"]) for name in play_doc.ROLES if name in play.doc}
    assert needs["vms"] == set()
    assert needs["volumes"] == needs["reservations"] == {"vm"}
    assert needs["networks"] == {"vm", "nic", "network"}, "its uplink and its DHCP server bear its id"
