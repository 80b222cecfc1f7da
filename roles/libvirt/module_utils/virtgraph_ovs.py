"""An uplink that is an Open vSwitch bridge: a veth pair from the network's bridge to an access port."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Item, ResourceError
from ansible.module_utils.virtgraph_iproute import End

ID, INSTALLATION = "virtgraph-network", "virtgraph-installation"  # external_ids of our ports


class Switched:
    """The veth pair and the port of one network."""

    def __init__(self, item: Item, installation: str) -> None:
        self.item = item
        self.installation = installation
        self.own = iproute.alias(installation, item["id"])
        self.inside = names.uplink_inside(item["id"])
        self.outside = names.uplink_outside(item["id"])

    @property
    def text(self) -> str:
        return f"ovs {self.item['interface']}"

    def interface(self) -> str:
        return str(self.item["interface"])

    def refuse(self) -> None:
        if not is_bridge(self.item["interface"]):
            raise ResourceError(
                f"The uplink {self.item['interface']} is not an Open vSwitch bridge of this host.",
                f"Make it (ovs-vsctl add-br {self.item['interface']}) and add the trunk's interface to it, or name another"
                " uplink.",
            )
        self._port()

    def most(self) -> int:
        """The greatest MTU of the switch's ports that are not ours, as far as there are any."""
        others = [Path(f"/sys/class/net/{port}/mtu") for port in self._ports() if not port.startswith("vgo-")]
        return max((int(file.read_text()) for file in others if file.exists()), default=sys.maxsize)

    def right(self, mtu: int) -> bool:
        return all(end.right() for end in self._ends(mtu)) and self._plugged()

    def make(self, mtu: int) -> None:
        plugged = self._plugged()
        remade = iproute.make_veth(*self._ends(mtu))
        if remade or not plugged:
            self._plug()

    def there(self) -> bool:
        port, pair = self._port(), iproute.ours(self.inside, self.own)
        return port is not None or (pair is not None and iproute.kind(pair) == "veth")

    def unplug(self) -> None:
        if self._port() is not None:
            vsctl("--if-exists", "del-port", self.outside)
        if iproute.ours(self.inside, self.own):
            iproute.delete(self.inside)

    def _ends(self, mtu: int) -> tuple[End, End]:
        inside = End(self.inside, self.own, mtu, master=names.bridge(self.item["id"]))
        return inside, End(self.outside, self.own, mtu)

    def _port(self) -> dict[str, Any] | None:
        """Of this network; raises ResourceError when it is a stranger's."""
        port = find_port(self.outside) if has_switch() else None
        if port is None:
            return None
        if port["external_ids"].get(INSTALLATION) != self.installation:
            raise ResourceError(
                f"The switch port {self.outside} exists and carries no mark of this installation: it is left as it is.",
                f"Remove it by hand if nobody needs it (ovs-vsctl del-port {self.outside}), then apply again.",
            )
        # Of a network whose id begins alike, beside which this one was never plugged in.
        return port if port["external_ids"].get(ID, self.item["id"]) == self.item["id"] else None

    def _ports(self) -> list[str]:
        return vsctl("list-ports", self.item["interface"]).split()

    def _wanted(self) -> dict[str, Any]:
        marks = {ID: self.item["id"], INSTALLATION: self.installation}
        return {**lanes(self.item.get("vlan_id")), "external_ids": marks}

    def _plugged(self) -> bool:
        port = self._port()
        return (
            port is not None
            and self.outside in self._ports()
            and all(port[column] == value for column, value in self._wanted().items())
        )

    def _plug(self) -> None:
        """In one transaction, anew: as after a start of the host, when the switch knows a port whose link is gone."""
        wanted = self._wanted()
        settings = [f"{column}={wanted[column]}" for column in ("tag", "trunks") if wanted[column] is not None]
        marks = [f"external_ids:{key}={value}" for key, value in wanted["external_ids"].items()]
        vsctl(
            *("--if-exists", "del-port", self.outside, "--"),
            *("add-port", self.item["interface"], self.outside, *settings, "--"),
            *("set", "Port", self.outside, *marks),
        )


def lanes(vlan: int | None) -> dict[str, Any]:
    """Columns of the port. Untagged is a trunk of lane 0 alone: a port with neither column carries every VLAN."""
    return {"tag": None, "trunks": 0} if vlan is None else {"tag": int(vlan), "trunks": None}


def has_switch() -> bool:
    return Path("/run/openvswitch/db.sock").exists()


def is_bridge(name: str) -> bool:
    return has_switch() and name in vsctl("list-br").split()


def bridge_of(port: str) -> str | None:
    """The switch that an interface is a port of."""
    if not has_switch():
        return None
    return next((name for name in vsctl("list-br").split() if port in vsctl("list-ports", name).split()), None)


def find_port(name: str) -> dict[str, Any] | None:
    columns = "name,tag,trunks,external_ids"
    table = json.loads(vsctl("--format=json", f"--columns={columns}", "--if-exists", "list", "Port", name))
    for row in table["data"]:
        return {heading: _plain(value) for heading, value in zip(table["headings"], row, strict=True)}
    return None


def _plain(value: Any) -> Any:
    """A value in OVSDB's JSON (RFC 7047 section 5.1): a map as a dict, an empty set as None."""
    if isinstance(value, list) and value[0] == "map":
        return dict(value[1])
    if isinstance(value, list) and value[0] == "set":
        return value[1] or None
    return value


def vsctl(*arguments: str) -> str:
    return iproute.run("ovs-vsctl", "--timeout=20", *arguments)
