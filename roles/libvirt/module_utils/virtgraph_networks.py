"""Networks and their bridges: what there is, and what a list wants."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, described
from ansible.module_utils.virtgraph_input import MTUS, problems
from ansible.module_utils.virtgraph_libvirt import found, ours, taps
from ansible.module_utils.virtgraph_mark import Mark, mark
from ansible.module_utils.virtgraph_predicted import Predicted
from ansible.module_utils.virtgraph_shown import shown

try:
    import libvirt
except ImportError:
    libvirt = None


THREADS = 4  # libvirtd serves 5 requests of one client at a time
MTU = 1500
_INACTIVE = 0 if libvirt is None else libvirt.VIR_NETWORK_XML_INACTIVE


def unsound(item: Item, present: bool) -> Iterator[str]:
    yield from problems(item, {"mtu": MTUS}, [])


class Networks:
    """The libvirt network carries the mark: it is defined before the bridge is made, and removed after it."""

    def __init__(self, connection: Any, installation: str, predicted: Predicted, check: bool) -> None:
        self.connection = connection
        self.installation = installation
        self.predicted = predicted
        self.check = check

    def realize(self, item: Item) -> Done:
        bridge, new = Bridge.of(item, self.installation), mark(item, self.installation)
        network = self._find(item)
        defined = network is not None and self._mark(network, item).digest == new.digest
        started = network is not None and bool(network.isActive()) and not network.autostart()
        iproute.is_ours(bridge.name, bridge.alias)
        right, after = bridge.right(), network_xml(item, new)
        diff = ("", "") if defined else (_shown(network, after), shown(after, after))
        if not self.check:
            if not defined:  # over the one that runs, which goes on: what differs is only the mark
                network = self.connection.networkDefineXML(after)
            if not right:
                bridge.make()
            if not started:
                _start(network)
        return Done(not (defined and started and right), {"bridge": bridge.name}, {"mtu": bridge.mtu}, diff)

    def remove(self, item: Item) -> Done:
        bridge, network = Bridge.of(item, self.installation), self._find(item)
        if network is not None:
            self._mark(network, item)
        there = iproute.is_ours(bridge.name, bridge.alias, going=True)
        if there:
            self._refuse_while_used(item, bridge.name)
        before = _shown(network, network_xml(item, mark(item, self.installation)))
        if not self.check:
            if there:
                iproute.delete(bridge.name)
            if network is not None:
                _undefine(network)
        return Done(there or network is not None, diff=(before, ""))

    def _find(self, item: Item) -> Any | None:
        if self.predicted.gone("network", item["id"]):
            return None
        by_uuid = found(self.connection.networkLookupByUUIDString, names.checked(item["id"]))
        return by_uuid or found(self.connection.networkLookupByName, names.libvirt_network(item["id"]))

    def _mark(self, network: Any, item: Item) -> Mark:
        return ours(network.XMLDesc(_INACTIVE), item, self.installation, "libvirt network")

    def _refuse_while_used(self, item: Item, bridge: str) -> None:
        if used := ports(item["id"], self.installation) - taps(self.connection, self.predicted):
            raise ResourceError(
                f"Something is still plugged into network {described(item)}: {', '.join(sorted(used))} on {bridge}.",
                "Remove or detach the VMs on it, then apply again.",
            )


def ports(network: str, installation: str) -> set[str]:
    """What is plugged into its bridge, but for its own uplink and DHCP server."""
    there = {port.name for port in Path(f"/sys/class/net/{names.bridge(network)}/brif").glob("*")}
    there -= {names.uplink_inside(network), names.dhcp(network)}
    itself = iproute.link(names.untagged(installation, network)) if there else None
    return there - {itself["ifname"]} if itself else there


def _shown(network: Any | None, ours: str) -> str:
    return "" if network is None else shown(network.XMLDesc(_INACTIVE), ours)


def network_xml(item: Item, new: Mark) -> str:
    """https://libvirt.org/formatnetwork.html"""
    root = Element("network")
    SubElement(root, "name").text = names.libvirt_network(item["id"])
    SubElement(root, "uuid").text = item["id"]
    SubElement(root, "metadata").append(new.element())
    SubElement(root, "forward", mode="bridge")
    SubElement(root, "bridge", name=names.bridge(item["id"]))
    return tostring(root, encoding="unicode")


def _start(network: Any) -> None:
    if not network.isActive():
        network.create()
    if network.autostart():
        network.setAutostart(False)


def _undefine(network: Any) -> None:
    if network.isActive():
        network.destroy()
    network.undefine()


class Bridge:
    """A Linux bridge that forwards everything, and on which this host itself has no address."""

    def __init__(self, name: str, alias: str, mac: str, mtu: int) -> None:
        self.name = name
        self.alias = alias
        self.mac = mac
        self.mtu = mtu

    @classmethod
    def of(cls, item: Item, installation: str) -> Bridge:
        id = item["id"]
        return cls(names.bridge(id), iproute.alias(installation, id), bridge_mac(id), _mtu(item, installation))

    def right(self) -> bool:
        link = iproute.link(self.name)
        if link is None:
            return False
        data = link["linkinfo"]["info_data"]
        return (
            (link["address"], link["mtu"]) == (self.mac, self.mtu)
            and (data["stp_state"], data["mcast_snooping"]) == (0, 0)
            and "UP" in link["flags"]
            and iproute.without_ipv6(self.name)
        )

    def make(self) -> None:
        if iproute.link(self.name) is None:
            # In one process, so that a module that is killed in between leaves no bridge without its mark.
            iproute.change(f"link add {self.name} type bridge", f"link set dev {self.name} alias {self.alias}")
        iproute.forbid_ipv6(self.name)
        iproute.change(
            f"link set dev {self.name} address {self.mac} mtu {self.mtu} addrgenmode none",
            f"link set dev {self.name} type bridge stp_state 0 mcast_snooping 0",
            f"link set dev {self.name} up",
        )


def _mtu(item: Item, installation: str) -> int:
    """What is wanted, or the uplink's when it is plugged in and that is less (role vlan_uplink)."""
    uplink = iproute.link(names.uplink_inside(item["id"])) or iproute.link(names.untagged(installation, item["id"]))
    return min(int(item.get("mtu") or MTU), uplink["mtu"] if uplink else sys.maxsize)


def bridge_mac(network: str) -> str:
    """Locally administered. Another on each host: else a bridge would take its like on another host for itself."""
    host = Path("/etc/machine-id").read_text().strip()
    digest = hashlib.sha256(f"{host} {network}".encode()).digest()
    return bytes([digest[0] & 0xFC | 0x02, *digest[1:6]]).hex(":")
