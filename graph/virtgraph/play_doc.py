"""What a playbook is given for one Run: lists of resources as the roles take them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import orjson
import structlog

from virtgraph.model.states import Action
from virtgraph.store.graph import Row
from virtgraph.store.runs import Claim, ClaimedOperation

log = structlog.get_logger()

Item = dict[str, Any]
DEADLINE = 600  # seconds that a module may work on a host


# the role that takes a list; one that has nothing to do costs 30 ms nevertheless
ROLES = {
    "pools": "pool", "networks": "network", "uplinks": "vlan_uplink", "dhcp_servers": "dhcp", "reservations": "dhcp",
    "volumes": "volume", "vms": "vm",
}  # fmt: skip


@dataclass(slots=True)
class PlayDoc:
    """`steps`: how many results each resource has to bring before its operation is done."""

    doc: dict[str, Any]
    secrets: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, item: Item) -> None:
        self.doc.setdefault(name, []).append(item)
        self.steps[item["id"]] = self.steps.get(item["id"], 0) + 1

    @property
    def roles(self) -> list[str]:
        """Those that have something to do."""
        return sorted({ROLES[name] for name in self.doc.keys() & ROLES.keys()})


@dataclass(frozen=True, slots=True)
class Materials:
    """Rows of the graph by id: the claimed resources and all that their items speak of."""

    claim: Claim
    installation: str
    rows: Mapping[str, Row]
    pool: Row | None
    images: str  # folder of the files that volumes are made from
    unseal: Callable[[str, str], str]  # (sealed password, resource's id) → password
    others: tuple[Row, ...] = ()  # hosts, of which the one that is probed must be none: name, machine_id, host_uuid
    reserved: tuple[str, ...] = ()  # NICs that have their reservations from the networks realized here already

    def spec(self, id: str) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = orjson.loads(self.rows[id]["spec"])
        return spec


def build(materials: Materials) -> PlayDoc:
    claim = materials.claim
    play = PlayDoc(
        {
            "lease": {
                "installation": materials.installation,
                "slot": claim.slot,
                "fence": claim.fence,
                "deadline": DEADLINE,
            }
        }
    )
    if claim.action is Action.OBSERVE:
        play.doc["uplink"] = claim.host["uplinkInterface"]
        play.doc["pool_path"] = materials.pool["path"] if materials.pool else None
        play.doc["others"] = list(materials.others)
        return play
    riding = {operation.resource for operation in claim.operations}
    again = networks_again(materials, riding)
    for network in again:
        add_network(play, network, materials, riding)
        del play.steps[network.resource]  # no operation of this Run waits for it
    riding |= {network.resource for network in again}
    for nic in materials.reserved:
        if nic not in riding:
            rows = materials.rows
            add_nic(
                play,
                ClaimedOperation("", nic, "NIC", rows[nic]["name"] or nic, rows[nic]["generation"], 1),
                materials,
                riding,
            )
            play.steps.pop(nic, None)
    for operation in claim.operations:
        ADD[operation.kind](play, operation, materials, riding)
    if claim.action is Action.REMOVE:
        turn_round(play)
    return play


def turn_round(play: PlayDoc) -> None:
    """What is removed needs its users gone, and a network its own uplink and DHCP server, which bear its id."""
    items = [item for name in ROLES for item in play.doc.get(name, ())]
    users: dict[str, dict[str, None]] = {}
    for item in items:
        for needed in item["needs"]:
            users.setdefault(needed, {})[item["id"]] = None
    for item in items:
        item["needs"] = list(users.get(item["id"], ()))


def networks_again(materials: Materials, riding: set[str]) -> list[ClaimedOperation]:
    """Networks of what is tried again: a host that was away may have started anew since, without its bridges."""
    found: dict[str, None] = {}
    for operation in materials.claim.operations:
        if operation.attempt == 1 or materials.claim.action is not Action.REALIZE:
            continue
        spec = materials.spec(operation.resource) if operation.kind in ("NIC", "VM") else {}
        nics = [spec] if "network" in spec else [materials.spec(nic) for nic in spec.get("nics", ())]
        found |= dict.fromkeys(nic["network"] for nic in nics)
    rows = materials.rows
    return [
        ClaimedOperation("", id, "Network", rows[id]["name"] or id, rows[id]["generation"], 1)
        for id in found
        if id not in riding
    ]


def served_here(materials: Materials) -> list[str]:
    """Networks that this Run realizes where their addresses are served: a server that starts anew knows no reservation."""
    if materials.claim.action is not Action.REALIZE:
        return []
    riding = {operation.resource for operation in materials.claim.operations}
    networks = [o.resource for o in materials.claim.operations if o.kind == "Network"]
    networks += [network.resource for network in networks_again(materials, riding)]
    return [id for id in networks if materials.rows[id]["home"] == materials.claim.host["id"]]


def add_pool(play: PlayDoc, operation: ClaimedOperation, materials: Materials, riding: set[str]) -> None:
    row = materials.rows[operation.resource]
    play.add("pools", {**common(operation), "path": row["path"], "needs": []})


def add_network(play: PlayDoc, operation: ClaimedOperation, materials: Materials, riding: set[str]) -> None:
    spec, host = materials.spec(operation.resource), materials.claim.host
    id = operation.resource
    play.add("networks", {**common(operation), "mtu": spec["mtu"], "needs": []})
    wired = host["uplinkInterface"] and host["segment"] == spec["segment"]
    driver = host["uplinkDriver"] if wired else "none"
    play.add(
        "uplinks",
        {
            "id": id,
            "driver": driver or "none",
            "interface": host["uplinkInterface"],
            "vlan_id": spec["vlanId"],
            "mtu": spec["mtu"],
            "needs": [id],
        },
    )
    if materials.rows[id]["home"] == host["id"]:
        served = [subnet for subnet in spec["subnets"] if subnet["server"]]
        for subnet in served[:1]:
            play.add("dhcp_servers", dhcp_server(id, subnet, spec["mtu"]))


def dhcp_server(network: str, subnet: Mapping[str, Any], mtu: int) -> Item:
    return {
        "id": network,
        "address": subnet["server"],
        "prefix": ip_network(subnet["cidr"]).prefixlen,
        "mac": subnet["mac"],
        "gateway": subnet["gateway"],
        "nameservers": subnet["nameservers"],
        "mtu": mtu,
        "needs": [network],
    }


def add_nic(play: PlayDoc, operation: ClaimedOperation, materials: Materials, riding: set[str]) -> None:
    """A NIC's own work is its reservation; where nothing serves its network it has none."""
    spec, row = materials.spec(operation.resource), materials.rows[operation.resource]
    network = materials.rows[spec["network"]]
    served = any(subnet["server"] for subnet in materials.spec(spec["network"])["subnets"])
    if not served or network["home"] != materials.claim.host["id"]:
        return
    play.add(
        "reservations",
        {
            **common(operation),
            "network": spec["network"],
            "mac": spec["hwAddr"],
            "addresses": spec["ipAddresses"],
            "hostname": next(iter(row["vms"]), None),
            "needs": present(riding, spec["network"]),
        },
    )


def add_volume(play: PlayDoc, operation: ClaimedOperation, materials: Materials, riding: set[str]) -> None:
    spec, pool = materials.spec(operation.resource), materials.pool
    assert pool is not None
    play.add(
        "volumes",
        {
            **common(operation),
            "pool": pool["id"],
            "pool_path": pool["path"],
            "size": spec["size"],
            "source": source(spec["source"], materials.images),
            "needs": present(riding, pool["id"]),
        },
    )


def source(spec: Mapping[str, Any] | None, images: str) -> Item | None:
    if spec is None:
        return None
    file = spec["file"]
    return {"file": file if file.startswith("/") else f"{images}/{file}", "sha256": spec["sha256"]}


def add_vm(play: PlayDoc, operation: ClaimedOperation, materials: Materials, riding: set[str]) -> None:
    spec, row, pool = materials.spec(operation.resource), materials.rows[operation.resource], materials.pool
    assert pool is not None
    nics = [(nic, materials.spec(nic)) for nic in spec["nics"]]
    plugged = nics if materials.claim.action is Action.REALIZE else []
    play.add(
        "vms",
        {
            **common(operation),
            **{name: spec[name] for name in ("arch", "vcpus", "memory", "kernel", "initrd", "cmdline", "state")},
            "domain_type": "kvm" if materials.claim.host["acceleration"] == "kvm" else "qemu",
            "vnc_password": spec["vncPassword"],
            "interfaces": [{"id": nic, "mac": of["hwAddr"], "network": of["network"]} for nic, of in plugged],
            "disks": [disk(volume, pool["path"]) for volume in spec["volumes"]],
            "needs": present(
                riding,
                *(nic for nic, _ in nics),
                *(of["network"] for _, of in nics),
                *(volume["id"] for volume in spec["volumes"]),
            ),
        },
    )
    if row["vncPassword"] and materials.claim.action is Action.REALIZE:
        try:
            password = materials.unseal(row["vncPassword"], operation.resource)
        except ValueError as error:  # the module fails this VM, and no other, for the secret that it lacks
            log.error("a password cannot be opened", vm=operation.resource, error=str(error))
        else:
            play.secrets[operation.resource] = {"vnc_password": password}


def disk(volume: Mapping[str, Any], pool_path: str) -> Item:
    return {
        "id": volume["id"],
        "path": f"{pool_path}/{volume['id']}.qcow2",
        "boot_order": volume["bootPriority"],
        "bus": "virtio",
        "read_only": volume["readOnly"],
    }


def common(operation: ClaimedOperation) -> Item:
    return {"id": operation.resource, "generation": operation.generation, "title": operation.name}


def present(riding: set[str], *ids: str) -> list[str]:
    """What is needed and realized in the same Run; the rest was there before."""
    return [id for id in dict.fromkeys(ids) if id in riding]


ADD: Mapping[str, Callable[[PlayDoc, ClaimedOperation, Materials, set[str]], None]] = {
    "Pool": add_pool,
    "Network": add_network,
    "NIC": add_nic,
    "Volume": add_volume,
    "VM": add_vm,
}


def speaks_of(rows: Iterable[Row]) -> list[str]:
    """Ids of other resources that items of these rows are built from."""
    found: list[str] = []
    for row in rows:
        spec = orjson.loads(row["spec"]) if row["spec"] else {}
        found += spec.get("nics", [])
        found += [volume["id"] for volume in spec.get("volumes", [])]
        found += [spec["network"]] if "network" in spec else []
    return found
