"""A resource with all that it needs, in the form of a document: what a host was asked to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from virtgraph.spec.scalars import MASK
from virtgraph.store.graph import Row

Tree = dict[str, Any]
SCHEDULED = "n0stack/n0core/resource/scheduled"
ATTACHMENTS = "n0stack/n0core/vm/attachments"
NETWORK = "n0stack/n0core/port/network"


def tree(id: str, rows: Mapping[str, Row], host: Row) -> Tree:
    """The resource as its host was asked to make it; passwords are masked."""
    row = rows[id]
    spec: Mapping[str, Any] = orjson.loads(row["spec"]) if row["spec"] else {}
    match row["kind"]:
        case "VM":
            return vm(row, spec, rows, host)
        case "NIC":
            return nic(row, spec, rows, host)
        case "Volume":
            known = {"size": spec["size"], "source": spec["source"]}
            return {**head("resource/volume/file", row, "status", "allocated"), **given(known), **scheduled(host)}
        case "Network":
            return network(row, spec, host)
        case _:
            return {"type": row["kind"].lower(), "id": row["id"], "name": row["name"], **scheduled(host)}


def vm(row: Row, spec: Mapping[str, Any], rows: Mapping[str, Row], host: Row) -> Tree:
    known = {name: spec[name] for name in ("arch", "vcpus", "memory", "kernel", "initrd", "cmdline")}
    if spec["vncPassword"]:
        known["vnc_password"] = MASK
    parts = [related(tree(nic, rows, host), ATTACHMENTS) for nic in spec["nics"] if nic in rows]
    for volume in spec["volumes"]:
        if volume["id"] in rows:
            part = related(tree(volume["id"], rows, host), ATTACHMENTS)
            if volume["bootPriority"] is not None:
                part["property"]["n0stack/n0core/vm/boot_priority"] = volume["bootPriority"]
            parts.append(part)
    return {
        **head("resource/vm/kvm", row, "status", spec["state"]),
        **given(known),
        "dependencies": [*parts, *scheduled(host)["dependencies"]],
    }


def nic(row: Row, spec: Mapping[str, Any], rows: Mapping[str, Row], host: Row) -> Tree:
    on = [related(tree(spec["network"], rows, host), NETWORK)] if spec["network"] in rows else []
    return {
        **head("resource/nic", row, "status", "attached"),
        "hw_addr": spec["hwAddr"],
        "ip_addresses": spec["ipAddresses"],
        "relations": [*on, *scheduled(host)["dependencies"]],
    }


def network(row: Row, spec: Mapping[str, Any], host: Row) -> Tree:
    parameters = given({"vlan_id": spec["vlanId"], "segment": spec["segment"], "mtu": spec["mtu"]})
    return {
        **head(f"resource/network/{spec['type']}", row, "state", "applied"),
        "subnets": [subnet(of) for of in spec["subnets"]],
        "parameters": parameters,
        **scheduled(host),
    }


def subnet(spec: Mapping[str, Any]) -> Tree:
    if spec["first"] is None:
        return {"cidr": spec["cidr"]}
    dhcp = {
        "range": f"{spec['first']}-{spec['last']}",
        "nameservers": spec["nameservers"],
        "gateway": spec["gateway"],
        "server": spec["server"],
    }
    return {"cidr": spec["cidr"], "dhcp": given(dhcp)}


def head(type: str, row: Row, state_key: str, state: str) -> Tree:
    return {"type": type, "id": row["id"], state_key: state, **given({"name": row["name"]})}


def related(object: Tree, r: str) -> Tree:
    return {"object": object, "property": {"r": r}}


def scheduled(host: Row) -> Tree:
    where = {"type": "host", "id": host["id"], "name": host["name"]}
    return {"dependencies": [related(where, SCHEDULED)]}


def given(values: Mapping[str, Any]) -> Tree:
    return {key: value for key, value in values.items() if value is not None}
