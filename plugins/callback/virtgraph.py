"""Tells a running service what role virtgraph did without it, so that both have one history.

Each host's part is told at the end of the play, failures too, and nothing that the run did not come to: the service would
do that. A service that is away, or that refuses, is a warning: what was done on the hosts is done, and the next run tells
it again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import inventory_loader

DOCUMENTATION = """
name: virtgraph
type: notification
short_description: Tells a virtgraph service what role virtgraph did on each host
version_added: "0.1.0"
author: virtgraph
description:
  - Enable it with C(ANSIBLE_CALLBACKS_ENABLED=virtgraph), in the collection C(virtgraph.libvirt) by its full name,
    C(ANSIBLE_CALLBACKS_ENABLED=virtgraph.libvirt.virtgraph). Hosts are known to the service by their names in the
    inventory, and I(virtgraph_installation) is the service's own (C(virtgraph export) writes it).
  - What a run made, took away, failed at, or found as it is listed is told, each use of the role by itself. What it did not
    come to is not told, because of C(--tags) or since something failed before; nor is a VM without its networks and volumes,
    or a volume of whose source nothing is known but its name.
  - The service goes on to serve each network where the run does, and what it knows to be used by others stays in it.
  - The service takes what a host can do and it would not, such as other memory of a running VM. It names what it cannot
    take, such as a VLAN that another network of its has, and takes the rest.
  - VNC passwords are not told. The service goes on to have those that it has; a VM that has one which it does not know is
    not taken. What is done in check mode is not told.
options:
  url:
    description: Where the service is; else as the file of settings says, else V(http://127.0.0.1:8000/graphql).
    type: str
    env: [{name: VIRTGRAPH_URL}]
  token:
    description: A token of the service; else as the file of settings says, else that of the file C(token) in O(home).
    type: str
    env: [{name: VIRTGRAPH_TOKEN}]
  home:
    description: The service's folder; else as the file of settings says, else V(/var/lib/virtgraph) or the XDG state folder.
    type: path
    env: [{name: VIRTGRAPH_HOME}]
  config:
    description: The file of settings; else V(/etc/virtgraph/config.toml) or that in the XDG configuration folder.
    type: path
    env: [{name: VIRTGRAPH_CONFIG}]
"""

REPORT = """
mutation ($input: ReportRunInput!) {
  page: reportRun(input: $input) {
    __typename
    ... on RunReported { operations { id } refused { path reason } }
    ... on Invalid { problems { path reason } }
    ... on Conflict { message }
    ... on NoHost { hosts { name reason } }
    ... on NotFound { message }
    ... on Forbidden { message }
  }
}
"""
KINDS = ("networks", "volumes", "vms")
MODULES = frozenset(f"virtgraph_{kind}" for kind in ("pool", "network", "uplink", "dhcp", "volume", "vm"))
ATTACHED = "n0stack/n0core/vm/attachments"
Item = dict[str, Any]


@dataclass(eq=False)
class Told:
    """What one host's part of a play said, of one use of the role."""

    host: str
    filled: Item
    installation: str
    stack: str
    steps: Counter[str]  # by id: how many results it has once nothing of it is left to do
    results: list[Item] = field(default_factory=list)
    bases: Item = field(default_factory=dict)  # by id of a volume that was there: SHA-256 of what it was made from

    @property
    def removed(self) -> bool:
        return bool(self.filled["state"] == "absent")

    @property
    def serves(self) -> int:
        """How many networks: what is on other hosts needs the reservations here."""
        return sum(bool(one["served"]) and one["served"]["host"] == self.host for one in self.filled["networks"])

    def left_out(self) -> set[str]:
        """Ids of what the run did not come to, or not with all of the roles that have to do with it."""
        said = Counter(one["id"] for one in self.results)
        failed = {one["id"] for one in self.results if one.get("failed") or one.get("skipped")}
        return {id for id, steps in self.steps.items() if said[id] < steps} - failed

    def done(self) -> Item:
        """Of what is listed, what there is to tell. A VM needs all that it is made of, and nothing once it is gone."""
        left = self.left_out()
        if self.removed:
            done = {kind: [one for one in self.filled[kind] if one["id"] not in left] for kind in KINDS}
            volumes = [{**one, "source": None, "size": one["size"] or 1} for one in done["volumes"]]
            return {**done, "volumes": volumes, "vms": [{**vm, "volumes": []} for vm in done["vms"]]}
        known = [self.with_hash(volume) for volume in self.filled["volumes"]]
        left |= {volume["id"] for volume in known if volume.get("source") and not volume["source"]["sha256"]}
        listed = {**self.filled, "volumes": known}
        done = {kind: [one for one in listed[kind] if one["id"] not in left] for kind in KINDS}
        volumes = {volume["name"]: volume["id"] for volume in self.filled["volumes"]}
        return {**done, "vms": [vm for vm in done["vms"] if left.isdisjoint(needs(vm, volumes))]}

    def with_hash(self, volume: Item) -> Item:
        """Of what it was made from, or would have been. The file may be another one since."""
        if not volume.get("source"):
            return volume
        made = {one["id"]: (one.get("facts") or {}).get("source_sha256") for one in self.results}
        found = made.get(volume["id"]) or self.bases.get(volume["id"]) or volume["source"].get("sha256")
        file = volume["source"]["file"]
        return {**volume, "source": {"file": file, "sha256": found or sha256(file)}}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "virtgraph"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None) -> None:
        super().__init__(display=display)
        self._told: list[Told] = []
        self._now: dict[str, Told] = {}  # by host what is under way

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._now = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        self._take(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._take(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._take(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._take(result)

    def _take(self, result: Any) -> None:
        if result.task.check_mode:  # of --check, or of a play, role or task
            return
        said, host = result.result, result.host.get_name()
        action = result.task.action.rpartition(".")[2]
        if "filled" in said and action == "virtgraph_layout":
            told = Told(host, said["filled"], said["installation"], said["stack"], steps(said["doc"]))
            self._told.append(told)
            self._now[host] = told
        elif action == "virtgraph_play_hosts":
            self._take_together(said)
        elif host in self._now and action == "virtgraph_differing":
            self._now[host].bases = said.get("bases") or {}
        elif host in self._now and action in MODULES:
            self._now[host].results += said.get("resources") or ()

    def _take_together(self, said: Any) -> None:
        """Of all hosts: what was refused was not begun, and what others use is not taken away.

        Those that serve networks are told of first. Else the service would begin with what others need of them.
        """
        before = [told for told in self._told if told not in self._now.values()]
        if "docs" not in said:
            self._now = {}
        self._told = [*before, *sorted(self._now.values(), key=lambda told: told.serves, reverse=True)]
        for host, told in self._now.items():
            if host in said["docs"]:  # what is no longer in it is as it is listed; a host that could not look has none
                told.steps = steps(said["docs"][host])
            for kind in ("networks", "volumes"):
                told.filled[kind] = [one for one in told.filled[kind] if one["id"] not in said["kept"]]

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for told in self._told:
            host, done, listed = told.host, told.done(), count(told.filled)
            if left := listed - count(done):
                self._display.display(
                    f"virtgraph: not told of {left} of {listed} resources on {host}, which were left out"
                )
            if left == listed:
                continue
            try:
                answer = self._service().ask(REPORT, input=report(told, done))
            except AnsibleError as error:
                self._display.warning(f"The service was not told what was done on {host}. {error}")
                continue
            if answer["__typename"] == "RunReported":
                self._display.display(f"virtgraph: told of {len(answer['operations'])} operations on {host}")
                if answer["refused"]:
                    said = refusal({"problems": answer["refused"]})
                    self._display.warning(f"The service does not take all of what was done on {host}: {said}")
            else:
                self._display.warning(f"The service does not take what was done on {host}: {refusal(answer)}")

    def _service(self) -> Any:
        """As the inventory plugin beside this one asks it."""
        place, *collection = type(self).__module__.split(".")[:3]
        name = ".".join([*collection, "virtgraph"] if place == "ansible_collections" else ["virtgraph"])
        inventory = sys.modules[inventory_loader.get(name, class_only=True).__module__]
        options = {option: self.get_option(option) for option in ("url", "token", "home", "config")}
        return inventory.Service(inventory.Settings(options.get))


def steps(doc: Item) -> Counter[str]:
    """Each of the lists is some role's, which gives a result for each item; a network is in several."""
    return Counter(item["id"] for items in doc.values() if isinstance(items, list) for item in items)


def count(listed: Item) -> int:
    return sum(len(listed[kind]) for kind in KINDS)


def needs(vm: Item, volumes: Item) -> Iterator[str]:
    for nic in vm["nics"]:
        yield from (nic["id"], nic["network_id"])
    yield from (volumes[attached["name"]] for attached in vm.get("volumes") or ())


def report(told: Told, done: Item) -> Item:
    results = [
        {name: one[name] for name in ("failed", "skipped", "error", "cure", "facts") if one.get(name)}
        | {"resource": one["id"]}
        for one in told.results
    ]
    return {
        "host": told.host,
        "stack": told.stack,
        "installation": told.installation,
        "document": json.dumps(document(done)),
        "results": results,
        "servers": [{"network": one["id"], **one["served"]} for one in done["networks"] if one["served"]],
        "removed": told.removed,
    }


def document(done: Item) -> Item:
    """As `virtgraph apply` takes it. Keys are made of kinds, since a network and a VM may have one name."""
    spec = {f"network {one['name']}": network(one) for one in done["networks"]}
    spec |= {f"volume {one['name']}": volume(one) for one in done["volumes"]}
    spec |= {f"vm {one['name']}": vm(one) for one in done["vms"]}
    return {"version": 0, "spec": spec}


def network(given: Item) -> Item:
    type_ = given.get("type") or "vlan"
    parameters = {name: given[name] for name in ("vlan_id", "segment", "mtu") if given.get(name) is not None}
    made = {"type": f"resource/network/{type_}", "id": given["id"], "name": given["name"], "parameters": parameters}
    if subnet := given.get("subnet"):
        told = subnet.get("dhcp") or {}
        dhcp = {name: told[name] for name in ("range", "gateway", "nameservers") if told.get(name)}
        made["subnets"] = [{"cidr": subnet["cidr"], **({"dhcp": dhcp} if dhcp else {})}]
    return made


def volume(given: Item) -> Item:
    kept = {name: given[name] for name in ("id", "name", "size", "source") if given.get(name) is not None}
    return {"type": "resource/volume/file", **kept}


@cache
def sha256(file: str) -> str | None:
    if not Path(file).is_file():
        return None
    with Path(file).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def vm(given: Item) -> Item:
    fields = ("id", "name", "state", "arch", "vcpus", "memory", "kernel", "initrd", "cmdline", "vnc_password")
    kept = {name: given[name] for name in fields if given.get(name) is not None}
    nics = [{"object": nic(one), "property": {"r": ATTACHED}} for one in given["nics"]]
    volumes = [attachment(one) for one in given.get("volumes") or ()]
    return {"type": "resource/vm/kvm", **kept, "dependencies": [*nics, *volumes]}


def nic(given: Item) -> Item:
    on = {"object": {"id": given["network_id"]}, "property": {"r": "n0stack/n0core/port/network"}}
    addresses = {"ip_addresses": given["ip"]} if given["ip"] else {}
    return {"type": "resource/nic", "id": given["id"], "hw_addr": given["mac"], **addresses, "relations": [on]}


def attachment(given: Item) -> Item:
    property_: Item = {"r": ATTACHED}
    if given.get("boot_priority") is not None:
        property_["n0stack/n0core/vm/boot_priority"] = given["boot_priority"]
    if given.get("read_only"):
        property_["n0stack/n0core/vm/read_only"] = True
    return {"object": {"variable": f"volume {given['name']}"}, "property": property_}


def refusal(answer: Item) -> str:
    problems = [f"{one['path']}: {one['reason']}" for one in answer.get("problems") or ()]
    hosts = [f"{one['name']}: {one['reason']}" for one in answer.get("hosts") or ()]
    return answer.get("message") or "; ".join([*problems, *hosts])
