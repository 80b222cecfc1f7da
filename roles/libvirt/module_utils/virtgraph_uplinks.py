"""What joins the bridges of networks with other hosts: what there is, and what a list wants."""

from __future__ import annotations

from collections.abc import Iterator

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_8021q import Tagged, Untagged
from ansible.module_utils.virtgraph_batch import (
    Done,
    Item,
    ResourceError,
)
from ansible.module_utils.virtgraph_input import MTUS, one_of, problems, whole
from ansible.module_utils.virtgraph_ovs import Switched
from ansible.module_utils.virtgraph_predicted import Predicted

Plug = type[Switched] | type[Tagged] | type[Untagged]
PLUGS: tuple[Plug, ...] = (Switched, Tagged, Untagged)


def unsound(item: Item, present: bool) -> Iterator[str]:
    checks = {"driver": one_of("ovs", "8021q", "none"), "vlan_id": whole(1, 4094), "mtu": MTUS}
    yield from problems(item, checks, ["driver"] if present else [])
    if present and item.get("driver") in ("ovs", "8021q") and not item.get("interface"):
        yield f"the driver {item['driver']} needs an interface"


class Uplinks:
    def __init__(self, installation: str, predicted: Predicted, check: bool) -> None:
        self.installation = installation
        self.predicted = predicted
        self.check = check
        self.taken: dict[tuple[str, int | None], str] = {}  # by interface and tag: the network of this list

    def realize(self, item: Item) -> Done:
        wanted = plug_of(item)
        if wanted is None:
            return Done(self.remove(item).changed, {"uplink": "none"})
        plug = wanted(item, self.installation)
        refuse_own_address(plug.interface())
        plug.refuse()
        if wanted is not Switched:
            self._take(item, plug.interface())
        bridge = names.bridge(item["id"])
        has = iproute.bridge_mtu(item["id"], self.installation, self.predicted)
        mtu = min(item.get("mtu") or has, plug.most())
        others = [kind(item, self.installation) for kind in PLUGS if kind is not wanted]
        others = [other for other in others if other.there()]
        right = has == mtu and not others and plug.right(mtu)
        if not self.check and not right:
            for other in others:
                other.unplug()
            plug.make(mtu)
            iproute.change(f"link set dev {bridge} mtu {mtu}")
        tag = "untagged" if item.get("vlan_id") is None else f"tag {item['vlan_id']}"
        return Done(not right, {"uplink": f"{plug.text} {tag}"}, {"mtu": mtu})

    def _take(self, item: Item, interface: str) -> None:
        """What a run finds when it comes to the second of two, is known in check mode too."""
        other = self.taken.setdefault((interface, item.get("vlan_id")), item["id"])
        if other != item["id"]:
            lane = "the untagged network" if item.get("vlan_id") is None else f"VLAN {item['vlan_id']} for network"
            raise ResourceError(
                f"The uplink {interface} carries {lane} {other}, and can carry one only.",
                "Give this network another vlan_id or another uplink.",
            )

    def remove(self, item: Item) -> Done:
        there = [plug for kind in PLUGS if (plug := kind(item, self.installation)).there()]
        if not self.check:
            for plug in there:
                plug.unplug()
        return Done(bool(there))


def plug_of(item: Item) -> Plug | None:
    """What an uplink is made as; None for none."""
    if item["driver"] == "none":
        return None
    if item["driver"] == "ovs":
        return Switched
    return Untagged if item.get("vlan_id") is None else Tagged


def refuse_own_address(interface: str) -> None:
    if carried := iproute.carries(interface):
        raise ResourceError(
            f"The uplink {interface} carries {carried}: plugging networks into it could cut the host off.",
            f"Give the host another uplink interface, or move the address from {interface} to one of its own.",
        )
