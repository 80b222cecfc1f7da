#!/usr/bin/python
"""What connects the bridges of networks with the world outside of the host, in one task."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, argument_spec, installation, run_batch
from ansible.module_utils.virtgraph_iproute import End

DOCUMENTATION = """
module: virtgraph_uplink
short_description: Plugs bridges of networks into an uplink, and unplugs them
description:
  - Takes the whole list. Driver C(ovs) is a veth pair from the bridge to an access port of an Open vSwitch bridge, made
    by one transaction; community.general has nothing that makes the pair, its tag and its offloads one step.
  - Driver C(none) plugs nothing, and unplugs what another driver had plugged.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/vlan_uplink/defaults/main.yml tells.}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
"""

ID, INSTALLATION = "virtgraph-network", "virtgraph-installation"  # external_ids of our ports


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    uplinks = Uplinks(installation(module), module.check_mode)
    realize = uplinks.realize if module.params["state"] == "present" else uplinks.remove
    run_batch(module, module.params["resources"], realize)


class Uplinks:
    def __init__(self, installation: str, check: bool) -> None:
        self.installation = installation
        self.check = check

    def realize(self, item: Item) -> Done:
        driver = item["driver"]
        if driver == "none":
            return Done(self.remove(item).changed, {"uplink": "none"})
        if driver != "ovs":
            raise ResourceError(f"There is no uplink driver {driver!r}.", "Use ovs or none.")
        tag = "untagged" if item.get("vlan_id") is None else f"tag {item['vlan_id']}"
        return Done(self._plug(item), {"uplink": f"ovs {item['interface']} {tag}"})

    def _plug(self, item: Item) -> bool:
        """Whether something had to be done."""
        refuse_own_address(item["interface"])
        switch = Switch.read(item["interface"], names.uplink_outside(item["id"]))
        self._refuse_another_owner(switch.port)
        bridge, own = names.bridge(item["id"]), iproute.alias(self.installation, item["id"])
        has = iproute.bridge_mtu(bridge, own)
        mtu = min(item.get("mtu") or has, switch.most() or sys.maxsize)
        inside = End(names.uplink_inside(item["id"]), own, mtu, master=bridge)
        outside = End(names.uplink_outside(item["id"]), own, mtu)
        wanted = {**lanes(item.get("vlan_id")), "external_ids": {ID: item["id"], INSTALLATION: self.installation}}
        paired, plugged = inside.right() and outside.right() and has == mtu, switch.holds(wanted)
        if not self.check and not paired:
            remade = iproute.make_veth(inside, outside)
            iproute.change(f"link set dev {bridge} mtu {mtu}")
            plugged = plugged and not remade
        if not self.check and not plugged:
            switch.plug(wanted)
        return not (paired and plugged)

    def remove(self, item: Item) -> Done:
        inside, outside = names.uplink_inside(item["id"]), names.uplink_outside(item["id"])
        port = find_port(outside) if has_switch() else None
        if port is not None and port["external_ids"].get(ID, item["id"]) != item["id"]:
            return Done(False)  # of a network whose id begins alike, beside which this one was never plugged in
        self._refuse_another_owner(port)
        paired = iproute.is_ours(inside, iproute.alias(self.installation, item["id"]), going=True)
        if not self.check:
            if port is not None:
                vsctl("--if-exists", "del-port", outside)
            if paired:
                iproute.delete(inside)
        return Done(paired or port is not None)

    def _refuse_another_owner(self, port: dict[str, Any] | None) -> None:
        if port is not None and port["external_ids"].get(INSTALLATION) != self.installation:
            raise ResourceError(
                f"The switch port {port['name']} exists and carries no mark of this installation: it is left as it is.",
                f"Remove it by hand if nobody needs it (ovs-vsctl del-port {port['name']}), then apply again.",
            )


def refuse_own_address(interface: str) -> None:
    """Guests' frames on it could cut off the host, and the host would sit in their networks."""
    own = json.loads(iproute.run("ip", "-json", "address", "show", "scope", "global"))
    routes = json.loads(iproute.run("ip", "-json", "route", "show", "default"))
    if any(link.get("ifname") == interface and link["addr_info"] for link in own):
        carries = "an address of the host itself"
    elif any(route.get("dev") == interface for route in routes):
        carries = "the host's default route"
    else:
        return
    raise ResourceError(
        f"The uplink {interface} carries {carries}: plugging networks into it could cut the host off.",
        f"Give the host another uplink interface, or move the address from {interface} to one of its own.",
    )


def lanes(vlan: int | None) -> dict[str, Any]:
    """Columns of the port. Untagged is a trunk of lane 0 alone: a port with neither column carries every VLAN."""
    return {"tag": None, "trunks": 0} if vlan is None else {"tag": int(vlan), "trunks": None}


class Switch:
    """An Open vSwitch bridge, and our port if it has it."""

    def __init__(self, name: str, port_name: str, port: dict[str, Any] | None, ports: list[str]) -> None:
        self.name = name
        self.port_name = port_name
        self.port = port
        self.ports = ports

    @classmethod
    def read(cls, name: str, port: str) -> Switch:
        if name not in vsctl("list-br").split():
            raise ResourceError(
                f"The uplink {name} is not an Open vSwitch bridge of this host.",
                f"Make it (ovs-vsctl add-br {name}) and add the trunk's interface to it, or name another uplink.",
            )
        return cls(name, port, find_port(port), vsctl("list-ports", name).split())

    def most(self) -> int | None:
        """The greatest MTU of its ports that are not ours; None when it has no such ports."""
        others = [Path(f"/sys/class/net/{port}/mtu") for port in self.ports if not port.startswith("vgo-")]
        return max((int(file.read_text()) for file in others if file.exists()), default=None)

    def holds(self, wanted: dict[str, Any]) -> bool:
        return (
            self.port is not None
            and self.port_name in self.ports
            and all(self.port[column] == value for column, value in wanted.items())
        )

    def plug(self, wanted: dict[str, Any]) -> None:
        """In one transaction, anew: as after a start of the host, when the switch knows a port whose link is gone."""
        settings = [f"{column}={wanted[column]}" for column in ("tag", "trunks") if wanted[column] is not None]
        marks = [f"external_ids:{key}={value}" for key, value in wanted["external_ids"].items()]
        vsctl(
            *("--if-exists", "del-port", self.port_name, "--"),
            *("add-port", self.name, self.port_name, *settings, "--"),
            *("set", "Port", self.port_name, *marks),
        )


def has_switch() -> bool:
    return Path("/run/openvswitch/db.sock").exists()


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


if __name__ == "__main__":
    main()
