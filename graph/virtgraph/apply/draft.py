"""A wish between resolving and writing: what each resource will be, as rows and arrows for the store. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import Any

from virtgraph.allocate import SubnetNow
from virtgraph.apply.homes import Homes, demand_of
from virtgraph.apply.resolve import Resolved, Target
from virtgraph.apply.specs import SpecDict
from virtgraph.clock import millis
from virtgraph.model.caller import PROJECT
from virtgraph.model.current import PoolOn, Spec
from virtgraph.model.wanted import Unchanged, WantedNetwork, WantedNIC, WantedVM, WantedVolume
from virtgraph.secrets import Vault
from virtgraph.store.changes import Change, Changes
from virtgraph.store.relations import Arrows
from virtgraph.store.resources import dumps


@dataclass(slots=True)
class Draft:
    """What will be written, apart from the work."""

    resolved: Resolved
    specs: dict[str, SpecDict]
    homes: Homes
    dhcp_homes: Mapping[str, str]
    subnets: Mapping[str, list[SubnetNow]]
    pools: Mapping[str, PoolOn]
    stack: str
    from_document: bool
    vault: Vault
    tombstones: Collection[str]
    created: list[Change] = field(default_factory=list)
    revived: list[Change] = field(default_factory=list)
    updated: list[Change] = field(default_factory=list)
    arrows: Arrows = field(default_factory=dict)

    def fill(self) -> None:
        for target in self.resolved.targets.values():
            spec, now = self.specs[target.id], target.now
            if now is None:
                where = self.revived if target.id in self.tombstones else self.created
                where.append(self.creation(target, spec))
            elif now.spec != spec or now.key != target.wanted.key:
                rekeyed = now.key != target.wanted.key
                self.updated.append(Change(target.id, now.kind, self.properties(target, spec), spec, rekeyed=rekeyed))
                self.draw(target, spec, now.spec)

    @property
    def changed(self) -> bool:
        return bool(self.created or self.revived or self.updated)

    @property
    def changes(self) -> Changes:
        return Changes(self.created, self.revived, self.updated)

    def creation(self, target: Target, spec: SpecDict) -> Change:
        owner = target.wanted.owner
        properties = self.properties(target, spec) | {
            "id": target.id,
            "state": "VIRTUAL",
            "createdAt": millis(),
            "fromDocument": self.from_document,
            "owner": self.resolved.targets[owner].id if owner else None,
        }
        return Change(target.id, str(target.wanted.kind), properties, spec, self.new_arrows(target, spec))

    def properties(self, target: Target, spec: SpecDict) -> dict[str, Any]:
        now = target.now
        return {
            **self.columns(target, spec),
            "kind": str(target.wanted.kind),
            "key": target.wanted.key,
            "nameKey": f"{self.stack}/{target.wanted.key}",
            "name": target.wanted.name,
            "project": PROJECT,
            "stack": self.stack,
            "spec": dumps(spec),
            "generation": now.generation + 1 if now else 1,
            "home": self.homes.of.get(target.id) or self.dhcp_homes.get(target.id),
            "updatedAt": millis(),
        }

    def columns(self, target: Target, spec: SpecDict) -> dict[str, Any]:
        """The stored properties of a kind that can be asked for."""
        wanted = target.wanted
        match wanted:
            case WantedNetwork():
                return {
                    "wanted": "applied",
                    "type": spec["type"],
                    "vlanId": spec["vlanId"],
                    "vlanKey": vlan_key(spec["segment"], spec["vlanId"]),
                    "mtu": spec["mtu"],
                }
            case WantedNIC():
                return {
                    "wanted": "attached",
                    "hwAddr": spec["hwAddr"],
                    "macKey": f"{spec['network']}/{spec['hwAddr']}",
                    "ipAddresses": spec["ipAddresses"],
                }
            case WantedVolume():
                source = spec["source"] or {"file": None, "sha256": None}
                return {
                    "wanted": "allocated",
                    "size": spec["size"],
                    "sourceFile": source["file"],
                    "sourceSha256": source["sha256"],
                }
            case WantedVM():
                names = ("arch", "vcpus", "memory", "kernel", "initrd", "cmdline")
                return {"wanted": spec["state"], **{name: spec[name] for name in names}, **self.password(target)}

    def password(self, target: Target) -> dict[str, Any]:
        assert isinstance(target.wanted, WantedVM)
        password = target.wanted.vnc_password
        if isinstance(password, Unchanged):
            return {}
        return {"vncPassword": self.vault.seal(password, target.id, "vncPassword") if password else None}

    def new_arrows(self, target: Target, spec: Spec) -> dict[str, Any]:
        """What the statement that makes a resource draws from it."""
        match target.wanted:
            case WantedNetwork():
                subnets = [subnet_row(order, subnet) for order, subnet in enumerate(spec["subnets"])]
                return {"segment": spec["segment"], "subnets": subnets}
            case WantedNIC():
                addresses = [{"subnet": self.subnet_of(spec["network"], ip), "ip": ip} for ip in spec["ipAddresses"]]
                return {"network": spec["network"], "addresses": addresses}
            case WantedVolume():
                host = self.homes.of[target.id]
                return {"host": host, "pool": self.pools[host].id, **asdict(demand_of(spec))}
            case WantedVM():
                nics = [{"id": nic, "order": order} for order, nic in enumerate(spec["nics"])]
                volumes = [{**volume, "order": order} for order, volume in enumerate(spec["volumes"])]
                return {"host": self.homes.of[target.id], "nics": nics, "volumes": volumes, **asdict(demand_of(spec))}

    def draw(self, target: Target, spec: Spec, before: Spec) -> None:
        """The arrows that differ from those that are there."""
        match target.wanted:
            case WantedNetwork():
                self.draw_network(target.id, spec, before)
            case WantedNIC():
                self.draw_nic(target.id, spec, before)
            case WantedVM():
                self.draw_vm(target.id, spec, before)
        if isinstance(target.wanted, WantedVM | WantedVolume) and demand_of(before) != demand_of(spec):
            self.add("reserves", resource=target.id, **asdict(demand_of(spec)))

    def draw_network(self, id: str, spec: Spec, before: Spec) -> None:
        old = {subnet["id"]: (order, subnet) for order, subnet in enumerate(before["subnets"])}
        for order, subnet in enumerate(spec["subnets"]):
            if old.get(subnet["id"]) != (order, subnet):
                self.add("has_subnet", network=id, **subnet_row(order, subnet))
        if spec["segment"] != before["segment"]:
            self.add("not_carried_by", network=id)
            self.add("carried_by", network=id, segment=spec["segment"])

    def draw_nic(self, id: str, spec: Spec, before: Spec) -> None:
        for ip in before["ipAddresses"]:
            if ip not in spec["ipAddresses"]:
                self.add("free_address", subnet=self.subnet_of(spec["network"], ip), ip=ip)
        for ip in spec["ipAddresses"]:
            if ip not in before["ipAddresses"]:
                self.add("uses", nic=id, subnet=self.subnet_of(spec["network"], ip), ip=ip)

    def subnet_of(self, network: str, ip: str) -> str:
        address = ip_address(ip)
        return next(subnet.id for subnet in self.subnets[network] if address in subnet.cidr)

    def draw_vm(self, id: str, spec: Spec, before: Spec) -> None:
        for nic in before["nics"]:
            if nic not in spec["nics"]:
                self.add("no_nic", vm=id, nic=nic)
        if spec["nics"] != before["nics"]:
            for order, nic in enumerate(spec["nics"]):
                self.add("has_nic", vm=id, nic=nic, order=order)
        kept = {volume["id"] for volume in spec["volumes"]}
        for volume in before["volumes"]:
            if volume["id"] not in kept:
                self.add("no_volume", vm=id, volume=volume["id"])
        if spec["volumes"] != before["volumes"]:
            for order, volume in enumerate(spec["volumes"]):
                self.add(
                    "attaches", vm=id, volume=volume["id"], order=order,
                    bootPriority=volume["bootPriority"], readOnly=volume["readOnly"],
                )  # fmt: skip

    def add(self, arrow: str, **row: Any) -> None:
        self.arrows.setdefault(arrow, []).append(row)


def subnet_row(order: int, subnet: Spec) -> dict[str, Any]:
    properties = {
        "cidr": subnet["cidr"],
        "rangeFirst": subnet["first"],
        "rangeLast": subnet["last"],
        "gateway": subnet["gateway"],
        "nameservers": subnet["nameservers"],
        "serverAddress": subnet["server"],
        "serverMac": subnet["mac"],
    }
    return {"id": subnet["id"], "order": order, "properties": properties}


def vlan_key(segment: str, vlan_id: int | None) -> str:
    """What a segment has only once: each tag, and the untagged network."""
    return f"{segment}/{'untagged' if vlan_id is None else vlan_id}"
