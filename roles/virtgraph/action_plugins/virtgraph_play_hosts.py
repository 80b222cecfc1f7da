"""virtgraph_play_hosts: what only the hosts of a play can say together, of what each saw (virtgraph_differing).

Refuses what any host refused, so that no other begins, and what would be made twice; moves DHCP servers with their
reservations to their homes, and leaves what others use.
Once for all hosts, before anything is touched; everything but the action module is pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible.plugins.action import ActionBase

Item = dict[str, Any]
Looks = Mapping[str, Mapping[str, Any]]  # by host: {doc, seen, refused}


@dataclass(frozen=True)
class Reservation:
    """That a server of ours has, and the list has not."""

    host: str
    id: str  # of its NIC
    mac: str
    address: str
    hostname: str

    def item(self, network: str, *addresses: str) -> Item:
        given = {"mac": self.mac, "addresses": list(addresses), "hostname": self.hostname}
        return {"id": self.id, "title": self.hostname, "network": network, **given, "needs": [network]}


@dataclass(frozen=True)
class Network:
    """One that is listed, as all hosts of the play see it."""

    listed: Item
    reservations: list[Item]  # that are listed
    looks: Looks

    @property
    def id(self) -> str:
        return str(self.listed["id"])

    @property
    def home(self) -> str | None:
        """The host that is to serve it, if it is to be served and the host is in the play."""
        home = self.listed["home"] if self.listed["server"] else None
        return home if home in self.looks else None

    def serves(self, host: str) -> bool:
        return self.id in self.looks[host]["seen"]["served"]

    def users(self) -> Iterator[tuple[str, Item]]:
        yield from users_of(self.id, self.looks)

    @cached_property
    def others(self) -> list[Reservation]:
        """The home's own first: what it has is not brought to it."""
        listed = {one["id"] for one in self.reservations}
        hosts = sorted((host for host in self.looks if self.serves(host)), key=lambda host: host != self.home)
        return [
            Reservation(host, id, one["mac"], one["address"], one["hostname"])
            for host in hosts
            for id, one in self.looks[host]["seen"]["served"][self.id].items()
            if id not in listed
        ]

    def wants(self, address: str) -> tuple[str, str | None] | None:
        """What is to have it, in words, and the id of the VM."""
        if address == self.listed["server"]:
            return "its DHCP server", None
        return next(
            (("VM " + one["title"], one["vm"]) for one in self.reservations if address in one["addresses"]), None
        )

    def conflicts(self) -> Iterator[str]:
        for other in self.others if self.home else ():
            wanting = self.wants(other.address)
            if wanting is None or self.listed_mac(other):
                continue
            for host, user in self.users():
                if other.mac in user["macs"] and user["id"] != wanting[1]:
                    yield (
                        f"Network {self.listed['title']}: {other.address} is to be the address of {wanting[0]}, and "
                        f"{user['title']} on {host} has it, by its interface {other.mac}. List that VM with this "
                        f"interface too, remove it, or give {wanting[0]} another address (ip of a NIC)."
                    )

    def listed_mac(self, other: Reservation) -> bool:
        """The interface is listed as another NIC now."""
        return other.mac in [one["mac"] for one in self.reservations]

    def stale(self, other: Reservation) -> bool:
        """Once there are no conflicts."""
        return self.wants(other.address) is not None or self.listed_mac(other)

    def changed(self) -> Iterator[Item]:
        """Reservations that are not listed and that the home is to have, or no longer to have."""
        taken: set[str] = set()
        for other in self.others:
            known, stale, here = {other.id, other.address, other.mac}, self.stale(other), other.host == self.home
            if here and stale:
                yield other.item(self.id)  # one without an address is released
            if not here and not stale and taken.isdisjoint(known):
                yield other.item(self.id, other.address)
            taken |= known

    def kept(self, host: str) -> bool:
        """Instead of removed: while somebody here uses it, or somebody anywhere whom a server here serves."""
        return any(self.serves(host) or where == host for where, _ in self.users())

    def owed(self, host: str) -> list[Reservation]:
        """What a server here has for others, of whom nobody knows whether they exist while a host is unseen."""
        return [other for other in self.others if other.host == host and not self.listed_mac(other)]


def users_of(id: str, looks: Looks) -> Iterator[tuple[str, Item]]:
    """Of a network or volume, with the hosts that they are on."""
    for host, look in looks.items():
        yield from ((host, user) for user in look["seen"]["users"].get(id, ()))


def networks_of(listed: Mapping[str, Any], looks: Looks) -> list[Network]:
    reservations = {
        one["id"]: [r for r in listed["reservations"] if r["network"] == one["id"]] for one in listed["networks"]
    }
    return [Network(one, reservations[one["id"]], looks) for one in listed["networks"]]


def refused_by_hosts(looks: Looks) -> Iterator[str]:
    hosts: dict[str, list[str]] = {}
    for host, look in looks.items():
        for said in look["refused"]:
            hosts.setdefault(said, []).append(host)
    yield from (f"{', '.join(where)}: {said}" for said, where in hosts.items())


def misplaced(listed: Mapping[str, Any], looks: Looks) -> Iterator[str]:
    """VMs and volumes that are on other hosts than the list says. A pool that hosts share has its volumes on all."""
    for kind, name in (("vms", "VM"), ("volumes", "Volume")):
        for one in listed[kind]:
            there = [host for host, look in looks.items() if one["id"] in look["seen"][kind]]
            if kind == "volumes" and (one["host"] in there or one["host"] not in looks):
                continue
            for host in there:
                if host != one["host"]:
                    yield (
                        f"{name} {one['title']} is on {host}, and the list has it on {one['host']}: put host: {host} "
                        f"back, or take it away there first (host: {host} with virtgraph_state=absent)."
                    )


def moved(listed: Mapping[str, Any], looks: Looks) -> Iterator[str]:
    """Volumes that are in another directory of their host than the list says: they would be made anew, empty."""
    for one in listed["volumes"]:
        found = looks[one["host"]]["seen"]["moved"].get(one["id"]) if one["host"] in looks else None
        if found:
            yield (
                f"Volume {one['title']} is in {found['is']} on {one['host']}, and the list has it in {found['listed']}: "
                f"put virtgraph_pool_path: {found['is']} back, or take its VM and it away first (with that path and "
                "virtgraph_state=absent)."
            )


def present(listed: Mapping[str, Any], looks: Looks) -> dict[str, Item]:
    """What each host is to make."""
    docs = {host: {**look["doc"], "servers_elsewhere": []} for host, look in looks.items()}
    for network in networks_of(listed, looks):
        if network.home is None:
            continue
        docs[network.home]["reservations"] = [*docs[network.home]["reservations"], *network.changed()]
        for host in looks:
            if host != network.home and network.serves(host):
                server = {"id": network.id, "title": network.listed["title"], "home": network.home, "needs": []}
                docs[host]["servers_elsewhere"].append(server)
    return docs


def absent(
    listed: Mapping[str, Any], looks: Looks, unseen: Sequence[str] = ()
) -> tuple[dict[str, Item], dict[str, str]]:
    """What each host is to take away; by id of network or volume why it stays. `unseen`: hosts that could not look."""
    docs, why = {host: dict(look["doc"]) for host, look in looks.items()}, {}
    left = without(listed["vms"], looks)
    for volume in listed["volumes"]:
        if users := [f"{user['title']} on {host}" for host, user in users_of(volume["id"], left)]:
            for doc in docs.values():
                doc["volumes"] = [one for one in doc["volumes"] if one["id"] != volume["id"]]
            why[volume["id"]] = f"Volume {volume['title']} stays: it is used by {', '.join(users)}."
    for network in networks_of(listed, left):
        used = [host for host in looks if network.kept(host)]
        owing = [host for host in looks if unseen and host not in used and network.owed(host)]
        for host in (*used, *owing):
            for kind in ("dhcp_servers", "uplinks", "networks"):
                docs[host][kind] = [one for one in docs[host][kind] if one["id"] != network.id]
        said = []
        if used:
            users = [f"{user['title']} on {host}" for host, user in network.users()]
            said.append(
                f"Network {network.listed['title']} stays on {', '.join(used)}: it is used by {', '.join(users)}."
            )
        if owing:
            owed = [f"{one.address} ({one.hostname})" for host in owing for one in network.owed(host)]
            said.append(
                f"Network {network.listed['title']} stays on {', '.join(owing)}, whose DHCP server has {', '.join(owed)} "
                f"for others: whether they exist is not known without {', '.join(unseen)}, which could not be looked at. "
                "Cure what failed there, then run again."
            )
        if said:
            why[network.id] = " ".join(said)
    return docs, why


def without(vms: list[Item], looks: Looks) -> Looks:
    """As the hosts will be once the listed VMs are gone."""
    going = {vm["id"] for vm in vms}

    def after(look: Mapping[str, Any]) -> Mapping[str, Any]:
        users = {id: [user for user in of if user["id"] not in going] for id, of in look["seen"]["users"].items()}
        return {**look, "seen": {**look["seen"], "users": users}}

    return {host: after(look) for host, look in looks.items()}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        assert task_vars is not None
        result: dict[str, Any] = super().run(tmp, task_vars)
        listed = json.loads(json.dumps(self._task.args["listed"]))  # plain values
        looks, unseen = self.looks(task_vars, self._task.args["registered"])
        refused = [*refused_by_hosts(looks), *misplaced(listed, looks), *moved(listed, looks)]
        if self._task.args["state"] == "absent":
            docs, why = absent(listed, looks, unseen)
        else:
            docs, why = present(listed, looks), {}
            refused += [said for network in networks_of(listed, looks) for said in network.conflicts()]
        if refused:
            return {**result, "failed": True, "msg": " ".join(dict.fromkeys(refused))}
        for said in why.values():
            self._display.warning(said)
        return {**result, "changed": False, "docs": docs, "kept": list(why)}

    def looks(self, task_vars: dict[str, Any], registered: str) -> tuple[dict[str, Any], list[str]]:
        """Of the hosts that have looked, with `serial` those of the batches until now; and the hosts that failed to."""
        going = task_vars["ansible_play_hosts"]
        found = {host: task_vars["hostvars"][host].get(registered) for host in task_vars["ansible_play_hosts_all"]}
        looks = {host: json.loads(json.dumps(found[host])) for host in going if "seen" in (found[host] or {})}
        return looks, [host for host, look in found.items() if host not in looks and (look or host not in going)]
