"""What of a whole list is on this host, whichever host it is listed for, and who else uses the list's networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Item
from ansible.module_utils.virtgraph_dhcp_text import read
from ansible.module_utils.virtgraph_dnsmasq import Dnsmasq
from ansible.module_utils.virtgraph_mark import read as read_mark
from ansible.module_utils.virtgraph_networks import ports


def seen(connection: Any, installation: str, listed: dict[str, list[Item]]) -> dict[str, Any]:
    """Ids of VMs and volumes, and by network who uses it, and the reservations of its server where one is here."""
    roots = [fromstring(domain.XMLDesc()) for domain in connection.listAllDomains()]
    marks = [mark for root in roots if (mark := read_mark(root)) is not None and mark.installation == installation]
    here, networks = {mark.id for mark in marks}, [one["id"] for one in listed["networks"]]
    return {
        "vms": [one["id"] for one in listed["vms"] if one["id"] in here],
        "volumes": [one["id"] for one in listed["volumes"] if Path(one["path"]).exists()],
        "users": {network: users for network in networks if (users := list(users_of(network, roots, installation)))},
        "served": {
            network: served for network in networks if (served := served_here(network, installation)) is not None
        },
    }


def users_of(network: str, roots: list[Element], installation: str) -> Iterator[Item]:
    """Domains, running or not, whoever made them; then what else is plugged into its bridge."""
    sources, taps = {names.libvirt_network(network), names.bridge(network)}, set()
    for root in roots:
        nics = [nic for nic in root.iterfind("devices/interface") if sources.intersection(source_of(nic))]
        taps |= {target.get("dev", "") for nic in nics for target in nic.iterfind("target")}
        if nics:
            macs = [found.get("address", "").lower() for nic in nics for found in nic.iterfind("mac")]
            title = root.findtext("title") or root.findtext("name")
            yield {"id": root.findtext("uuid"), "title": f"VM {title}", "macs": macs}
    for port in sorted(ports(network, installation) - taps):
        yield {"id": port, "title": f"the interface {port}", "macs": []}


def source_of(nic: Element) -> set[str]:
    return {
        value for source in nic.iterfind("source") for value in (source.get("network"), source.get("bridge")) if value
    }


def served_here(network: str, installation: str) -> dict[str, Item] | None:
    """Its reservations by NIC; None where no server of ours is."""
    dnsmasq = Dnsmasq(network, installation)
    return {nic: read(line) for nic, line in dnsmasq.reservations().items()} if dnsmasq.exists() else None
