"""DHCP servers and their reservations: what there is, and what a list wants."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

from ansible.module_utils import virtgraph_iproute as iproute
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, described
from ansible.module_utils.virtgraph_dhcp_text import options, reservation, served, server_address
from ansible.module_utils.virtgraph_dnsmasq import NIC, Dnsmasq
from ansible.module_utils.virtgraph_input import MTUS, addresses, ipv4, mac, problems, uuid, whole
from ansible.module_utils.virtgraph_iproute import End
from ansible.module_utils.virtgraph_predicted import Predicted

MTU = 1500


def kind(item: Item) -> str:
    return "reservation" if "network" in item else "dhcp"


def unsound(item: Item, present: bool, beside: list[Item]) -> Iterator[str]:
    if kind(item) == "dhcp":
        checks = {
            "address": ipv4, "prefix": whole(1, 30), "mac": mac, "gateway": addresses, "nameservers": addresses,
            "mtu": MTUS,
        }  # fmt: skip
        yield from problems(item, checks, ["address", "prefix", "mac"] if present else [])
        return
    yield from problems(
        item, {"network": uuid, "mac": mac, "addresses": addresses}, ["mac", "addresses"] if present else []
    )
    for other in beside if present and served(item) else []:
        if other is not item and other.get("network") == item["network"] and served(other):
            if str(other.get("mac")).lower() == str(item.get("mac")).lower():
                yield f"mac is that of {described(other)} in the same network too"
            if served(other) == served(item):
                yield f"address {served(item)} is that of {described(other)} in the same network too"


class Serving:
    def __init__(self, resources: list[Item], installation: str, predicted: Predicted, check: bool) -> None:
        self.reservations = [item for item in resources if "network" in item]
        self.installation = installation
        self.predicted = predicted
        self.check = check
        self.changed: dict[str, set[str]] = {}  # by network: NICs whose reservations changed

    def realize(self, item: Item) -> Done:
        return self._reserve(item) if "network" in item else self._serve(item)

    def remove(self, item: Item) -> Done:
        return self._release(item) if "network" in item else self._unserve(item)

    def _serve(self, item: Item) -> Done:
        dnsmasq, address = Dnsmasq(item["id"], self.installation), server_address(item)
        own, facts = iproute.alias(self.installation, item["id"]), {"dhcp": item["address"]}
        _refuse_foreign(dnsmasq)
        mtu = min(item.get("mtu") or MTU, iproute.bridge_mtu(item["id"], self.installation, self.predicted))
        ends = cable(item, own, mtu)
        running, wanted = dnsmasq.running(), dnsmasq.command(address)
        plugged = is_plugged(dnsmasq, ends, address)
        right = [pid for pid, command in running.items() if plugged and command == wanted][:1]
        told, behind = (dnsmasq.text(dnsmasq.options), options(item, mtu)), dnsmasq.is_behind()
        if self.check:
            return Done(not right or told[0] != told[1] or behind, facts, diff=told)
        if not plugged:
            plug(dnsmasq, ends, address)
        rewritten = dnsmasq.write_options(told[1])
        reserved = self._write(dnsmasq)  # before the start: one that has only just started may miss a SIGHUP
        dnsmasq.end(*(pid for pid in running if pid not in right))
        if not right:
            dnsmasq.start(wanted)
        dnsmasq.read_again()
        self.changed[item["id"]] = reserved
        return Done(rewritten or not right or behind, facts, diff=told)

    def _unserve(self, item: Item) -> Done:
        dnsmasq, own = Dnsmasq(item["id"], self.installation), iproute.alias(self.installation, item["id"])
        plugged = iproute.is_ours(dnsmasq.netns, own, going=True)
        if not plugged and not dnsmasq.exists():
            return Done(False)
        told = dnsmasq.text(dnsmasq.options)
        if not self.check:
            dnsmasq.end(*dnsmasq.running())
            if plugged:
                iproute.delete(dnsmasq.netns)
            if dnsmasq.has_namespace():
                iproute.run("ip", "netns", "delete", dnsmasq.netns)
            if not item.get("reservations_stay"):
                dnsmasq.forget()
        return Done(True, diff=(told, ""))

    def _reserve(self, item: Item) -> Done:
        wanted = reservation(item) or ""  # one that is not valid fails alone
        dnsmasq = Dnsmasq(item["network"], self.installation)
        told = dnsmasq.text(dnsmasq.reservation(item["id"])), wanted
        if item["network"] not in self.changed:
            predicted = self.predicted.made("dhcp", item["network"])  # its turn tells it all
            if not predicted:
                self._need_server(dnsmasq, item)
            behind = not predicted and dnsmasq.is_behind()
            if self.check:
                return Done(told[0] != told[1] or behind, diff=told)
            written = self._write(dnsmasq)
            self.changed[item["network"]] = self._of(dnsmasq) if behind else written
            dnsmasq.read_again()
        return Done(item["id"] in self.changed[item["network"]], diff=told)

    def _need_server(self, dnsmasq: Dnsmasq, item: Item) -> None:
        if self.predicted.gone("dhcp", dnsmasq.network) or not dnsmasq.exists() or not dnsmasq.running():
            raise ResourceError(
                f"Network {dnsmasq.network} has no DHCP server on this host that could serve NIC {described(item)}.",
                f"Apply the network {dnsmasq.network} again, which starts its server.",
            )

    def _of(self, dnsmasq: Dnsmasq) -> set[str]:
        """NICs of the network: which of them a server that is behind does not know of, nobody can tell."""
        return {nic["id"] for nic in self.reservations if nic["network"] == dnsmasq.network}

    def _write(self, dnsmasq: Dnsmasq) -> set[str]:
        """All that are given of the network, so that dnsmasq is told once; those that changed."""
        changed = set()
        for nic in self.reservations:
            if nic["network"] == dnsmasq.network:
                with contextlib.suppress(ValueError, KeyError):  # its own turn says so
                    line = reservation(nic)
                    if dnsmasq.reserve(nic["id"], line) if line else dnsmasq.release(nic["id"]):
                        changed.add(nic["id"])
        return changed

    def _release(self, item: Item) -> Done:
        dnsmasq = Dnsmasq(item["network"], self.installation)
        told = dnsmasq.text(dnsmasq.reservation(item["id"]))
        if item["network"] not in self.changed:
            behind = dnsmasq.is_behind()
            if self.check:
                return Done(bool(told) or behind, diff=(told, ""))
            nics = self._of(dnsmasq)
            gone = {nic for nic in nics if dnsmasq.release(nic)}
            self.changed[item["network"]] = nics if behind else gone
            dnsmasq.read_again()
        return Done(item["id"] in self.changed[item["network"]], diff=(told, ""))


def _refuse_foreign(dnsmasq: Dnsmasq) -> None:
    """The folder is made before the namespace, and removed after it."""
    if dnsmasq.has_namespace() and not dnsmasq.exists():
        raise ResourceError(
            f"The network namespace {dnsmasq.netns} exists on this host already and is not of network"
            f" {dnsmasq.network} of this installation: it is left as it is.",
            f"Remove it by hand if nobody needs it (ip netns delete {dnsmasq.netns}), then apply again.",
        )


def cable(item: Item, own: str, mtu: int) -> tuple[End, End]:
    """From the bridge into the namespace."""
    name = names.dhcp(item["id"])
    return (
        End(name, own, mtu, master=names.bridge(item["id"])),
        End(NIC, own, mtu, mac=item["mac"].lower(), netns=name),
    )


def is_plugged(dnsmasq: Dnsmasq, ends: tuple[End, End], address: IPv4Interface) -> bool:
    return (
        dnsmasq.has_namespace()
        and all(end.right() for end in ends)
        and iproute.addresses(NIC, dnsmasq.netns) == [str(address)]
    )


def plug(dnsmasq: Dnsmasq, ends: tuple[End, End], address: IPv4Interface) -> None:
    dnsmasq.make_folders()
    if not dnsmasq.has_namespace():
        Path("/run/netns", dnsmasq.netns).unlink(missing_ok=True)  # what a killed `ip netns add` leaves
        iproute.run("ip", "netns", "add", dnsmasq.netns)
    iproute.make_veth(*ends)
    iproute.change(f"address flush dev {NIC}", f"address add {address} dev {NIC}", netns=dnsmasq.netns)
