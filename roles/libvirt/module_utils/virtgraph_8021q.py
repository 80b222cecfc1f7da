"""An uplink that is an interface of the host: a VLAN of it, or the interface itself, as a port of the network's bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils import virtgraph_ovs as ovs
from ansible.module_utils.virtgraph_batch import Item, ResourceError


def has_8021q() -> bool:
    """Whether the kernel makes VLANs: tried in a network namespace that ends with the command."""
    if Path("/proc/net/vlan").exists():
        return True
    lines = "link add vt0 type veth peer name vt1\nlink add link vt0 name vt0.5 type vlan id 5\n"
    return iproute.succeeds("unshare", "--net", "ip", "-batch", "-", given=lines)


class _Interface:
    """What both ways have in common."""

    def __init__(self, item: Item, installation: str) -> None:
        self.item = item
        self.bridge = names.bridge(item["id"])
        self.own = iproute.alias(installation, item["id"])
        self.installation = installation

    @property
    def text(self) -> str:
        return f"8021q {self.item['interface']}"

    def interface(self) -> str:
        """Its name in the kernel: what was given may be another of its names."""
        return str(self._interface()["ifname"])

    def most(self) -> int:
        return int(self._interface()["mtu"])

    def _interface(self) -> dict[str, Any]:
        found = iproute.link(self.item["interface"])
        if found is None:
            raise ResourceError(
                f"The uplink {self.item['interface']} is not an interface of this host.",
                "Name the interface that is connected to the trunk (ip link).",
            )
        switch = found["ifname"] if ovs.is_bridge(found["ifname"]) else ovs.bridge_of(found["ifname"])
        if switch:
            raise ResourceError(
                f"The uplink {self.item['interface']} belongs to Open vSwitch, whose VLANs the driver 8021q cannot carry.",
                f"Use the driver ovs with the interface {switch}.",
            )
        return found


class Tagged(_Interface):
    """A VLAN interface, whose link carries the mark of the network."""

    def __init__(self, item: Item, installation: str) -> None:
        super().__init__(item, installation)
        self.name = names.uplink_inside(item["id"])

    def refuse(self) -> None:
        parent, tag = self.interface(), self.item["vlan_id"]
        if not has_8021q():
            raise ResourceError(
                f"The kernel of this host makes no VLANs: it has no module 8021q, which {parent} needs for VLAN {tag}.",
                "Load it (modprobe 8021q); where the kernel has none, use an Open vSwitch bridge and the driver ovs.",
            )
        iproute.is_ours(self.name, self.own)
        vlans = json.loads(iproute.run("ip", "-json", "-details", "link", "show", "type", "vlan"))
        for vlan in vlans:
            if is_vlan(vlan, parent, tag) and vlan.get("ifalias") != self.own:
                raise ResourceError(
                    f"VLAN {tag} of {parent} has the interface {vlan['ifname']} on this host already, which is not of"
                    f" network {self.item['id']}: it is left as it is.",
                    f"Remove it if nobody needs it (ip link delete {vlan['ifname']}), or use another VLAN.",
                )

    def right(self, mtu: int) -> bool:
        found = iproute.link(self.name)
        return (
            found is not None
            and is_vlan(found, self.interface(), self.item["vlan_id"])
            and (found.get("ifalias"), found["mtu"], found.get("master")) == (self.own, mtu, self.bridge)
            and "UP" in found["flags"]
            and iproute.without_ipv6(self.name)
        )

    def make(self, mtu: int) -> None:
        parent, found = self.interface(), iproute.link(self.name)
        kept = found is not None and is_vlan(found, parent, self.item["vlan_id"])
        if not kept:
            # In one process, so that a module that is killed in between leaves no link without its mark.
            iproute.change(*([] if found is None else [f"link delete dev {self.name}"]), *self.made_by(parent))
        iproute.forbid_ipv6(self.name)
        iproute.change(
            f"link set dev {parent} up",
            f"link set dev {self.name} mtu {mtu} addrgenmode none master {self.bridge}",
            f"link set dev {self.name} up",
        )

    def made_by(self, parent: str) -> list[str]:
        """Lines as `ip` takes them."""
        return [
            f"link add link {parent} name {self.name} type vlan id {self.item['vlan_id']}",
            f"link set dev {self.name} alias {self.own}",
        ]

    def there(self) -> bool:
        found = iproute.ours(self.name, self.own)
        return found is not None and iproute.kind(found) == "vlan"

    def unplug(self) -> None:
        iproute.delete(self.name)


class Untagged(_Interface):
    """The interface itself, which has one more name while it is a port of the network's bridge. That is its mark: an
    alias, which an administrator may have given it, there can be one of only.
    """

    def __init__(self, item: Item, installation: str) -> None:
        super().__init__(item, installation)
        self.mark = names.untagged(installation, item["id"])

    def refuse(self) -> None:
        found = self._interface()
        name, master = found["ifname"], found.get("master")
        others = [mark for mark in found.get("altnames", ()) if names.is_untagged(mark) and mark != self.mark]
        if others:
            raise ResourceError(
                f"The uplink {name} carries the untagged network {others[0][-36:]}, and can carry one only.",
                "Give this network a vlan_id or another uplink, or remove the other one first.",
            )
        if master is not None and (master != self.bridge or self.mark not in found.get("altnames", ())):
            raise ResourceError(
                f"The uplink {name} is a port of {master} already: it is left as it is.",
                f"Take it out if nobody needs it there (ip link set dev {name} nomaster), or name another uplink.",
            )
        if iproute.kind(found) == "bridge":
            raise ResourceError(
                f"The uplink {name} is a bridge, and no bridge can be a port of another.",
                "Name the interface that is connected to the trunk.",
            )

    def right(self, mtu: int) -> bool:
        found, bridge = self._interface(), iproute.link(self.bridge)
        return (
            self.mark in found.get("altnames", ())
            and found.get("master") == self.bridge
            and "UP" in found["flags"]
            and bridge is not None
            and filters(bridge) in (None, True)
        )

    def make(self, mtu: int) -> None:
        found, marked = self._interface(), iproute.link(self.mark)
        name = found["ifname"]
        if marked is not None and marked["ifname"] != name:
            self.unplug()
            marked = None
        iproute.change(
            *([] if marked else [f"link property add dev {name} altname {self.mark}"]),
            f"link set dev {name} master {self.bridge}",
            f"link set dev {name} up",
        )
        self._filter(True)

    def there(self) -> bool:
        return iproute.link(self.mark) is not None

    def unplug(self) -> None:
        found = iproute.link(self.mark)
        if found is None:
            return
        iproute.change(
            *([f"link set dev {found['ifname']} nomaster"] if found.get("master") == self.bridge else []),
            f"link property del dev {found['ifname']} altname {self.mark}",
        )
        self._filter(False)

    def _filter(self, wanted: bool) -> None:
        """Whether the bridge drops what comes with a tag: guests would reach every VLAN of the trunk."""
        bridge = iproute.link(self.bridge)
        if bridge is not None and filters(bridge) not in (None, wanted):
            iproute.change(f"link set dev {self.bridge} type bridge vlan_filtering {int(wanted)}")


def is_vlan(found: dict[str, Any], parent: str, tag: int) -> bool:
    """`found`: an interface as `ip -json -details link` shows it."""
    data = found.get("linkinfo", {}).get("info_data", {})
    return (
        iproute.kind(found) == "vlan"
        and (found.get("link"), data.get("protocol"), data.get("id")) == (parent, "802.1Q", int(tag))
    )  # fmt: skip


def filters(bridge: dict[str, Any]) -> bool | None:
    """Whether a bridge drops tagged frames; None where the kernel has no such filter, and shows no VLAN of the ports."""
    data = bridge["linkinfo"]["info_data"]
    return bool(data["vlan_filtering"]) if "vlan_default_pvid" in data else None
