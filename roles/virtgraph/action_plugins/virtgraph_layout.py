"""virtgraph_layout: from networks, volumes and VMs as people write them to what the other roles take on one host.

Looks at nothing but its arguments, so every host of a play finds the same ids and addresses by itself. Ids that are not
given are uuid5 of the installation and the resource's key (`VM/web`, `VM/web/NIC/0`, `Volume/disk`, `Network/net`).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

Item = dict[str, Any]

SIZE = re.compile(r"([0-9]{1,20}) ?([kmgtpe]?)(?:i?b)?", re.IGNORECASE)
UNITS = {unit: 1 << (10 * power) for power, unit in enumerate(("", "k", "m", "g", "t", "p", "e"))}
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
ARCHITECTURES = {"amd64": "x86_64"}
LONGEST_PASSWORD = 8  # VNC takes no more
MASK = "********"  # in place of a password
FIRST_GENERATION = 1
DEFAULT_SEGMENT = "default"


class Refused(Exception):
    """What is wrong with what was given, for a person."""


@dataclass
class Network:
    given: Mapping[str, Any]
    id: str
    home: str  # the host that serves its addresses
    cidr: IPv4Network | None = None
    first: IPv4Address | None = None
    last: IPv4Address | None = None
    gateway: IPv4Address | None = None
    nameservers: list[IPv4Address] = field(default_factory=list)
    server: IPv4Address | None = None
    taken: dict[IPv4Address, str] = field(default_factory=dict)  # address → whose
    macs: dict[str, str] = field(default_factory=dict)

    @property
    def dhcp(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.given.get("subnet") or {}).get("dhcp") or {}
        return found

    def take(self, address: IPv4Address, whose: str) -> None:
        if self.cidr is None or address not in self.cidr:
            raise Refused(f"{whose}: {address} is not in {self.cidr or 'a subnet'} of network {self.given['name']}.")
        if reason := misplaced(address, self.cidr):
            raise Refused(f"{whose}: {reason}.")
        if holder := self.taken.get(address):
            raise Refused(f"{whose}: {address} is the address of {holder}.")
        self.taken[address] = whose

    def next_free(self, whose: str) -> IPv4Address:
        """The lowest free address of the range."""
        assert self.first is not None and self.last is not None
        kept = {self.gateway, *self.nameservers}
        for number in range(int(self.first), int(self.last) + 1):
            address = IPv4Address(number)
            if address not in self.taken and address not in kept:
                self.take(address, whose)
                return address
        raise Refused(f"{whose}: no address of {self.first}-{self.last} of network {self.given['name']} is free.")


@dataclass
class NIC:
    id: str
    network: Network
    mac: str
    addresses: list[str]


@dataclass
class VM:
    given: Mapping[str, Any]
    id: str
    host: str
    nics: list[NIC] = field(default_factory=list)


class Layout:
    """Everything that was given, with ids, hosts and addresses. Raises Refused."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.installation = uuid.UUID(checked_uuid(str(given["installation"]), "virtgraph_installation"))
        self.domain_type = given["domain_type"]
        self.hosts: list[str] = list(given["hosts"])
        self.networks: dict[str, Network] = {}
        self.volumes: dict[str, Mapping[str, Any]] = {one["name"]: one for one in unique(given["volumes"], "volume")}
        self.vms = [self.vm(one) for one in unique(given["vms"], "VM")]
        self.users = self.users_of_volumes()
        for one in unique(given["networks"], "network"):
            self.networks[one["name"]] = self.network(one)
        self.plug_all()
        self.refuse_same_ids()
        self.refuse_same_tags()
        self.refuse_unreadable()

    def id_of(self, key: str, given: Mapping[str, Any]) -> str:
        if not given.get("id"):
            return str(uuid.uuid5(self.installation, key))
        return checked_uuid(str(given["id"]), key)

    def vm(self, given: Mapping[str, Any]) -> VM:
        return VM(given, self.id_of(f"VM/{given['name']}", given), self.host_of(f"VM {given['name']}", given))

    def host_of(self, what: str, given: Mapping[str, Any]) -> str:
        host = given.get("host")
        if host is None and len(self.hosts) == 1:
            return self.hosts[0]
        if host not in self.hosts:
            said = f"there is no host {host}" if host else "it needs a host"
            raise Refused(f"{what}: {said}; the hosts are {', '.join(self.hosts)}.")
        return str(host)

    def users_of_volumes(self) -> dict[str, VM]:
        """The VM that each attached volume is with."""
        users: dict[str, VM] = {}
        writers: dict[str, list[bool]] = {}
        for vm in self.vms:
            for attached in vm.given.get("volumes") or ():
                name = attached["name"]
                if name not in self.volumes:
                    raise Refused(f"VM {vm.given['name']}: there is no volume {name} in virtgraph_volumes.")
                if users.setdefault(name, vm).host != vm.host:
                    raise Refused(
                        f"Volume {name}: VM {users[name].given['name']} on {users[name].host} and VM "
                        f"{vm.given['name']} on {vm.host} cannot share it."
                    )
                writers.setdefault(name, []).append(not attached.get("read_only"))
                if any(writers[name]) and len(writers[name]) > 1:
                    raise Refused(
                        f"Volume {name}: VM {users[name].given['name']} and VM {vm.given['name']} cannot share it unless "
                        "both have it read_only."
                    )
        return users

    def volume_host(self, name: str) -> str:
        given = self.volumes[name]
        user = self.users.get(name)
        if user is None:
            return self.host_of(f"Volume {name}", given)
        if given.get("host") not in (None, user.host):
            raise Refused(f"Volume {name}: it is on {given['host']}, and VM {user.given['name']} on {user.host}.")
        return user.host

    def network(self, given: Mapping[str, Any]) -> Network:
        what = f"Network {given['name']}"
        if (given.get("vlan_id") is None) != (given.get("type") == "flat"):
            raise Refused(f"{what}: a network of type vlan has a vlan_id, one of type flat has none.")
        users = [
            vm.host for vm in self.vms if any(nic["network"] == given["name"] for nic in vm.given.get("nics") or ())
        ]
        if given.get("host") is None and (users or self.hosts):
            home = min(users or self.hosts, key=self.hosts.index)
        else:
            home = self.host_of(what, given)
        network = Network(given, self.id_of(f"Network/{given['name']}", given), home)
        if subnet := given.get("subnet"):
            network.cidr = parsed(IPv4Network, subnet["cidr"], what)
            if network.cidr.is_multicast or network.cidr.is_loopback:
                raise Refused(f"{what}: {network.cidr} is not a subnet that guests can have.")
            if subnet.get("dhcp"):
                self.serve(network, subnet["dhcp"], what)
        return network

    def serve(self, network: Network, dhcp: Mapping[str, Any], what: str) -> None:
        assert network.cidr is not None
        first, _, last = str(dhcp["range"]).partition("-")
        network.first, network.last = parsed(IPv4Address, first, what), parsed(IPv4Address, last, what)
        network.gateway = parsed(IPv4Address, dhcp["gateway"], what) if dhcp.get("gateway") else None
        network.nameservers = [parsed(IPv4Address, one, what) for one in dhcp.get("nameservers") or ()]
        told = [one for one in (network.first, network.last, network.gateway) if one]
        if any(one not in network.cidr for one in told) or network.first > network.last:
            raise Refused(f"{what}: {dhcp['range']} and the gateway have to be in {network.cidr}, lowest first.")
        for reason in filter(None, (misplaced(one, network.cidr) for one in told)):
            raise Refused(f"{what}: {reason}.")

    def plug_all(self) -> None:
        """Addresses that are given first, then the servers' own, then the rest in the order of VMs and NICs."""
        wanted = [(vm, n, nic) for vm in self.vms for n, nic in enumerate(vm.given.get("nics") or ())]
        for vm, n, nic in wanted:
            whose = f"NIC {n} of VM {vm.given['name']}"
            network = self.networks.get(nic["network"])
            if network is None:
                raise Refused(f"{whose}: there is no network {nic['network']} in virtgraph_networks.")
            for address in nic.get("ip") or ():
                network.take(parsed(IPv4Address, address, whose), whose)
        for network in self.networks.values():
            if network.dhcp:
                network.server = server_address(network)
                network.take(network.server, f"the DHCP server of network {network.given['name']}")
        for vm, n, nic in wanted:
            vm.nics.append(self.nic(vm, n, nic, self.networks[nic["network"]]))

    def nic(self, vm: VM, n: int, given: Mapping[str, Any], network: Network) -> NIC:
        whose = f"NIC {n} of VM {vm.given['name']}"
        id = self.id_of(f"VM/{vm.given['name']}/NIC/{n}", given)
        addresses = [str(IPv4Address(one)) for one in given.get("ip") or ()]
        if not addresses and network.first is not None:
            addresses = [str(network.next_free(whose))]
        mac = str(given["mac"]).lower() if given.get("mac") else free_mac(id, network.macs)
        if not MAC.fullmatch(mac) or int(mac[:2], 16) & 1:
            raise Refused(f"{whose}: {given['mac']} is not the MAC address of an interface, such as 52:54:00:12:34:56.")
        if holder := network.macs.get(mac):
            raise Refused(f"{whose}: {mac} is the MAC address of {holder}.")
        network.macs[mac] = whose
        return NIC(id, network, mac, addresses)

    def refuse_same_ids(self) -> None:
        seen: dict[str, str] = {}
        for id, what in self.ids():
            if id in seen:
                raise Refused(f"{what} and {seen[id]} have the same id {id}.")
            seen[id] = what

    def refuse_same_tags(self) -> None:
        """Two networks of one tag would be one."""
        seen: dict[tuple[str, int | None], str] = {}
        for name, network in self.networks.items():
            segment, tag = network.given.get("segment") or DEFAULT_SEGMENT, network.given.get("vlan_id")
            if other := seen.get((segment, tag)):
                what = "the untagged network" if tag is None else f"VLAN {tag}"
                raise Refused(f"Network {name}: {what} of the segment {segment} is network {other}.")
            seen[segment, tag] = name

    def refuse_unreadable(self) -> None:
        """Also of other hosts: what cannot be on one of them, none of them begins."""
        for name in self.volumes:
            self.volume_host(name)
            self.volume_size(name)
        for vm in self.vms:
            memory(vm)
            password(vm)

    def ids(self) -> Iterator[tuple[str, str]]:
        for network in self.networks.values():
            yield network.id, f"Network {network.given['name']}"
        for name, given in self.volumes.items():
            yield self.id_of(f"Volume/{name}", given), f"Volume {name}"
        for vm in self.vms:
            yield vm.id, f"VM {vm.given['name']}"
            for n, nic in enumerate(vm.nics):
                yield nic.id, f"NIC {n} of VM {vm.given['name']}"

    def vms_on(self, host: str) -> list[VM]:
        return [vm for vm in self.vms if vm.host == host]

    def networks_on(self, host: str) -> list[Network]:
        """Those that its VMs use, and those that it serves."""
        used = {nic.network.id for vm in self.vms_on(host) for nic in vm.nics}
        return [one for one in self.networks.values() if one.id in used or one.home == host]

    def on(self, host: Mapping[str, Any]) -> Item:
        """What the other roles take on this host: {name, pool_path, uplink_interface, uplink_driver}."""
        if host["uplink_interface"] and host["uplink_driver"] == "none":
            raise Refused(
                f"{host['name']}: virtgraph_uplink_interface is {host['uplink_interface']} and virtgraph_uplink_driver is "
                "none, so that its networks would stay on this host. Set virtgraph_uplink_driver to ovs or 8021q, or leave "
                "the interface out."
            )
        vms, networks = self.vms_on(host["name"]), self.networks_on(host["name"])
        at_home = [one for one in networks if one.home == host["name"] and one.server]
        volumes = [name for name in self.volumes if self.volume_host(name) == host["name"]]
        served = [(vm, nic) for vm in self.vms for nic in vm.nics if nic.network in at_home]
        pool = str(uuid.uuid5(self.installation, f"Pool/{host['name']}{host['pool_path']}"))
        return {
            "pools": [{**common(pool, "default"), "path": host["pool_path"], "needs": []}] if vms or volumes else [],
            "networks": [network_item(one) for one in networks],
            "uplinks": [uplink_item(one, host) for one in networks],
            "dhcp_servers": [server_item(one) for one in at_home],
            "reservations": [reservation_item(vm, nic) for vm, nic in served],
            "volumes": [self.volume_item(name, pool, host["pool_path"]) for name in volumes],
            "vms": [self.vm_item(vm, host["pool_path"]) for vm in vms],
        }

    def off(self, host: Mapping[str, Any]) -> Item:
        """What they take away: networks as if each host had all and served them, since other lists had other homes."""
        networks = list(self.networks.values())
        everywhere = {
            "networks": [network_item(one) for one in networks],
            "uplinks": [uplink_item(one, host) for one in networks],
            "dhcp_servers": [server_item(one) for one in networks if one.server],
            "reservations": [reservation_item(vm, nic) for vm in self.vms for nic in vm.nics if nic.network.server],
        }
        return turned_round({**self.on(host), **everywhere})

    def listed(self, pool_path: str) -> Item:
        """What each host of a play looks for, whichever host it is for; `pool_path` is that of the host that looks."""
        volumes = [(self.id_of(f"Volume/{name}", given), name) for name, given in self.volumes.items()]
        return {
            "networks": [
                {
                    **common(one.id, one.given["name"]),
                    "home": one.home,
                    "server": str(one.server) if one.server else None,
                }
                for one in self.networks.values()
            ],
            "reservations": [{**reservation_item(vm, nic), "vm": vm.id} for vm in self.vms for nic in vm.nics],
            "volumes": [
                {**common(id, name), "host": self.volume_host(name), "path": f"{pool_path}/{id}.qcow2"}
                for id, name in volumes
            ],
            "vms": [{**common(vm.id, vm.given["name"]), "host": vm.host} for vm in self.vms],
        }

    def filled(self, host: str) -> Item:
        """What was given of this host, with ids and addresses; without passwords."""
        return {
            "networks": [filled_network(one) for one in self.networks_on(host)],
            "volumes": [
                {**given, "id": self.id_of(f"Volume/{name}", given), "size": size(given.get("size"), name)}
                for name, given in self.volumes.items()
                if self.volume_host(name) == host
            ],
            "vms": [filled_vm(vm) for vm in self.vms_on(host)],
        }

    def volume_size(self, name: str) -> int | None:
        given = self.volumes[name]
        if given.get("size") is None and given.get("source") is None:
            raise Refused(f"Volume {name}: it needs a size or a source.")
        return size(given.get("size"), f"Volume {name}")

    def volume_item(self, name: str, pool: str, pool_path: str) -> Item:
        given = self.volumes[name]
        return {
            **common(self.id_of(f"Volume/{name}", given), name),
            "pool": pool,
            "pool_path": pool_path,
            "size": self.volume_size(name),
            "source": {"file": given["source"]["file"], "sha256": given["source"].get("sha256")}
            if given.get("source")
            else None,
            "needs": [pool],
        }

    def vm_item(self, vm: VM, pool_path: str) -> Item:
        given = vm.given
        disks = [self.disk(attached, pool_path) for attached in given.get("volumes") or ()]
        arch = given.get("arch") or "x86_64"
        return {
            **common(vm.id, given["name"]),
            "domain_type": self.domain_type,
            "arch": ARCHITECTURES.get(arch, arch),
            "vcpus": default(given.get("vcpus"), 1),
            "memory": memory(vm),
            "kernel": given.get("kernel"),
            "initrd": given.get("initrd"),
            "cmdline": given.get("cmdline"),
            "state": given.get("state") or "running",
            "vnc_password": password_digest(vm),
            "interfaces": [{"id": nic.id, "mac": nic.mac, "network": nic.network.id} for nic in vm.nics],
            "disks": disks,
            "needs": list(dict.fromkeys([nic.network.id for nic in vm.nics] + [disk["id"] for disk in disks])),
        }

    def disk(self, attached: Mapping[str, Any], pool_path: str) -> Item:
        id = self.id_of(f"Volume/{attached['name']}", self.volumes[attached["name"]])
        return {
            "id": id,
            "path": f"{pool_path}/{id}.qcow2",
            "boot_order": attached.get("boot_priority"),
            "bus": "virtio",
            "read_only": bool(attached.get("read_only")),
        }


def filled_network(network: Network) -> Item:
    """With the server that it has, on whichever host."""
    server = server_item(network) if network.server else None
    served = server and {"host": network.home, "address": server["address"], "mac": server["mac"]}
    return {**network.given, "id": network.id, "served": served}


def filled_vm(vm: VM) -> Item:
    nics = [{"network_id": nic.network.id, "id": nic.id, "mac": nic.mac, "ip": nic.addresses} for nic in vm.nics]
    return {**vm.given, "id": vm.id, "nics": nics, "vnc_password": MASK if vm.given.get("vnc_password") else None}


def turned_round(doc: Item) -> Item:
    """For a removal: what is used waits for its users. The pool stays, since others may use it."""
    users: dict[str, list[str]] = {}
    for item in (item for items in doc.values() for item in items):
        for needed in item["needs"]:
            users.setdefault(needed, []).append(item["id"])
    turned = {name: [{**item, "needs": users.get(item["id"], [])} for item in items] for name, items in doc.items()}
    return {**turned, "pools": []}


def default(given: Any, value: Any) -> Any:
    return value if given is None else given


def common(id: str, title: str) -> Item:
    return {"id": id, "generation": FIRST_GENERATION, "title": title}


def network_item(network: Network) -> Item:
    return {**common(network.id, network.given["name"]), "mtu": default(network.given.get("mtu"), 1500), "needs": []}


def uplink_item(network: Network, host: Mapping[str, Any]) -> Item:
    joined = (network.given.get("segment") or DEFAULT_SEGMENT) == host["segment"]
    return {
        "id": network.id,
        "driver": host["uplink_driver"] if joined else "none",
        "interface": host["uplink_interface"],
        "vlan_id": network.given.get("vlan_id"),
        "mtu": default(network.given.get("mtu"), 1500),
        "needs": [network.id],
    }


def server_item(network: Network) -> Item:
    assert network.cidr is not None
    return {
        "id": network.id,
        "address": str(network.server),
        "prefix": network.cidr.prefixlen,
        "mac": network.dhcp.get("mac") or server_mac(network.id),
        "gateway": str(network.gateway) if network.gateway else None,
        "nameservers": [str(one) for one in network.nameservers],
        "mtu": default(network.given.get("mtu"), 1500),
        "needs": [network.id],
    }


def reservation_item(vm: VM, nic: NIC) -> Item:
    return {
        **common(nic.id, vm.given["name"]),
        "network": nic.network.id,
        "mac": nic.mac,
        "addresses": nic.addresses,
        "hostname": vm.given["name"],
        "needs": [nic.network.id],
    }


def server_address(network: Network) -> IPv4Address:
    """The given one, or the highest free one outside range, gateway and nameservers; if there is none, of the range."""
    if given := network.dhcp.get("address"):
        return parsed(IPv4Address, given, f"Network {network.given['name']}")
    assert network.cidr is not None and network.first is not None and network.last is not None
    avoid = {*network.taken, network.gateway, *network.nameservers}
    high, low = int(network.cidr.broadcast_address) - 1, int(network.cidr.network_address)
    inside: IPv4Address | None = None
    for number in range(high, max(low, high - 65536), -1):
        address = IPv4Address(number)
        if address in avoid:
            continue
        if not network.first <= address <= network.last:
            return address
        inside = inside or address
    if inside is None:
        raise Refused(f"Network {network.given['name']}: no address is left for its DHCP server.")
    return inside


def free_mac(id: str, taken: Mapping[str, str]) -> str:
    """The MAC that derives from a NIC's id, in the range that libvirt and QEMU use (52:54:00)."""
    attempt = 0
    while (mac := f"52:54:00:{tail(f'{id}/{attempt}', 3)}") in taken:
        attempt += 1
    return mac


def server_mac(network: str) -> str:
    return f"52:56:{tail(f'{network}/dhcp', 4)}"


def tail(text: str, count: int) -> str:
    return ":".join(f"{byte:02x}" for byte in hashlib.sha256(text.encode()).digest()[:count])


def memory(vm: VM) -> int | None:
    return size(vm.given.get("memory") or "512mb", f"VM {vm.given['name']}")


def password(vm: VM) -> str | None:
    """As the service takes it. No refusal tells what it is."""
    given: str | None = vm.given.get("vnc_password")
    if given is not None and not 1 <= len(given) <= LONGEST_PASSWORD:
        raise Refused(f"VM {vm.given['name']}: a vnc_password has 1 to {LONGEST_PASSWORD} characters.")
    if given is not None and not (given.isascii() and given.isprintable()):
        raise Refused(f"VM {vm.given['name']}: a vnc_password is of printable ASCII characters.")
    return given


def password_digest(vm: VM) -> str | None:
    """Changes with the password, and is slow to guess it from: who may read libvirt's XML sees what derives from it."""
    given = password(vm)
    if given is None:
        return None
    return hashlib.scrypt(given.encode(), salt=vm.id.encode(), n=1 << 14, r=8, p=1, dklen=16).hex()


def size(given: Any, what: str) -> int | None:
    """Bytes; `4gb` and `4GiB` are the same."""
    if given is None:
        return None
    written = SIZE.fullmatch(str(given))
    if not written:
        raise Refused(f"{what}: {given} is not a size: a whole number with a unit, such as 4gb or 512mb.")
    return int(written[1]) * UNITS[written[2].lower()]


def parsed(kind: Any, given: Any, what: str) -> Any:
    try:
        return kind(str(given).strip())
    except ValueError as error:
        raise Refused(f"{what}: {error}.") from error


def misplaced(address: IPv4Address, cidr: IPv4Network) -> str | None:
    """Why no guest can have an address of this subnet; as the service sees it."""
    if cidr.num_addresses <= 2:  # point to point and of one host: every address is one (RFC 3021)
        return None
    if address == cidr.network_address:
        return f"{address} is the address of the subnet {cidr} itself"
    return f"{address} is the broadcast address of {cidr}" if address == cidr.broadcast_address else None


def checked_uuid(id: str, what: str) -> str:
    try:
        if str(uuid.UUID(id)) == id:
            return id
    except ValueError:
        pass
    raise Refused(f"{what}: {id} is not a UUID in lower case, as 56410722-d507-472a-a800-c89211b7c261 is.")


def unique(given: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    for name, count in Counter(one["name"] for one in given).items():
        if count > 1:
            raise Refused(f"There are {count} entries for {kind} {name}.")
    return list(given)


def typed(given: Mapping[str, Any], options: Mapping[str, Any]) -> Item:
    """The role's variables in the types of its argument_specs, which Ansible checks and does not make; names without prefix.

    In a list, what is null is as if it were not given.
    """
    found = ArgumentSpecValidator({name: options[name] for name in given}).validate(given)
    if found.error_messages:
        raise Refused(remove_values(f"{'. '.join(found.error_messages)}.", found._no_log_values))
    read = {name.removeprefix("virtgraph_"): without_null(value) for name, value in found.validated_parameters.items()}
    return {**read, "pool_path": straight(read["pool_path"])}


def straight(path: str) -> str:
    """As virtgraph_names has it: the pool's id derives from it."""
    if not path.startswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def without_null(given: Any) -> Any:
    if isinstance(given, list):
        return [without_null(one) for one in given]
    if isinstance(given, dict):
        return {name: without_null(value) for name, value in given.items() if value is not None}
    return given


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = json.loads(json.dumps(self._task.args["given"]))  # plain values
        try:
            given = typed(given, self._task.args["options"])
            host = {**given, "name": self._task.args["host"]}
            layout = Layout(given)
            if self._task.args.get("secrets"):
                vms = [vm for vm in layout.vms if vm.host == host["name"] and vm.given.get("vnc_password")]
                found = {"secrets": {vm.id: {"vnc_password": vm.given["vnc_password"]} for vm in vms}}
            else:
                found = {
                    "doc": layout.on(host) if given["state"] == "present" else layout.off(host),
                    "listed": layout.listed(host["pool_path"]),
                    "filled": {**layout.filled(host["name"]), "state": given["state"]},
                    "installation": given["installation"],
                    "stack": given["stack"],
                }
        except Refused as refused:
            return {**result, "failed": True, "msg": str(refused)}
        return {**result, "changed": False, **found}
