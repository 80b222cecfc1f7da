"""What of a whole list is on this host, whichever host it is listed for, and who else uses its networks and volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Item
from ansible.module_utils.virtgraph_dhcp_text import read
from ansible.module_utils.virtgraph_dnsmasq import Dnsmasq
from ansible.module_utils.virtgraph_libvirt import files_of, pools
from ansible.module_utils.virtgraph_mark import read as read_mark
from ansible.module_utils.virtgraph_networks import ports


def seen(connection: Any, installation: str, listed: dict[str, list[Item]]) -> dict[str, Any]:
    """Ids of VMs and volumes; by volume where else it is; by network and volume who uses it; by network the reservations of
    its server where one is here."""
    roots = [fromstring(domain.XMLDesc()) for domain in connection.listAllDomains()]
    files = [files_of(connection, root) for root in roots]
    marks = [(read_mark(root), those) for root, those in zip(roots, files, strict=True)]
    ours = [(mark.id, those) for mark, those in marks if mark is not None and mark.installation == installation]
    here, networks = {id for id, _ in ours}, [one["id"] for one in listed["networks"]]
    users = {
        **{network: list(users_of(network, roots, installation)) for network in networks},
        **users_of_volumes(listed["volumes"], roots, files),
    }
    return {
        "vms": [one["id"] for one in listed["vms"] if one["id"] in here],
        "volumes": [one["id"] for one in listed["volumes"] if Path(one["path"]).exists()],
        "moved": dict(moved(listed["volumes"], [those for _, those in ours], [path for _, path in pools(connection)])),
        "users": {id: those for id, those in users.items() if those},
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
            yield {**user(root), "macs": macs}
    for port in sorted(ports(network, installation) - taps):
        yield {"id": port, "title": f"the interface {port}", "macs": []}


def user(root: Element) -> Item:
    return {"id": root.findtext("uuid"), "title": f"VM {root.findtext('title') or root.findtext('name')}"}


def users_of_volumes(volumes: list[Item], roots: list[Element], files: list[set[str]]) -> dict[str, list[Item]]:
    by_path = {one["path"]: one["id"] for one in volumes}
    users: dict[str, list[Item]] = {}
    for root, its in zip(roots, files, strict=True):
        for path in its & by_path.keys():
            users.setdefault(by_path[path], []).append(user(root))
    return users


def moved(volumes: list[Item], ours: list[set[str]], folders: list[str]) -> Iterator[tuple[str, Item]]:
    """By volume {is, listed}: another directory where a VM of ours, or a pool, has it, and that of the list.

    One that is where it is listed may have a copy in a pool, which nobody uses.
    """
    disks: dict[str, set[Path]] = {}
    for file in (Path(path) for its in ours for path in its):
        disks.setdefault(file.name, set()).add(file.parent)
    for one in volumes:
        listed = Path(one["path"])
        there = disks.get(listed.name, set())
        if not listed.exists():
            there = there | {Path(folder) for folder in folders if Path(folder, listed.name).exists()}
        for folder in sorted(there - {listed.parent})[:1]:
            yield one["id"], {"is": str(folder), "listed": str(listed.parent)}


def source_of(nic: Element) -> set[str]:
    return {
        value for source in nic.iterfind("source") for value in (source.get("network"), source.get("bridge")) if value
    }


def served_here(network: str, installation: str) -> dict[str, Item] | None:
    """Its reservations by NIC; None where no server of ours is."""
    dnsmasq = Dnsmasq(network, installation)
    return {nic: read(line) for nic, line in dnsmasq.reservations().items()} if dnsmasq.exists() else None
