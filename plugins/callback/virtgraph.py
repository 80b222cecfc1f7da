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
from pathlib import Path
from typing import Any

from ansible import context
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
  - What a run made, took away, failed at, or found as it is listed is told. What it did not come to is not told, because of
    C(--tags) or since something failed before; nor is a VM without its networks and volumes.
  - The service goes on to serve each network where the run does, and what it knows to be used by others stays in it.
  - VNC passwords are not told. A run with C(--check) tells nothing.
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
    ... on RunReported { operations { id } }
    ... on Invalid { problems { path reason } }
    ... on Conflict { message }
    ... on NoHost { hosts { name reason } }
    ... on NotFound { message }
  }
}
"""
KINDS = ("networks", "volumes", "vms")
ATTACHED = "n0stack/n0core/vm/attachments"
Item = dict[str, Any]


@dataclass
class Told:
    """What one host's part of the play said."""

    filled: Item
    installation: str
    stack: str
    steps: Counter[str]  # by id: how many results it has once nothing of it is left to do
    results: list[Item] = field(default_factory=list)

    @property
    def removed(self) -> bool:
        return bool(self.filled["state"] == "absent")

    def left_out(self) -> set[str]:
        """Ids of what the run did not come to, or not with all of the roles that have to do with it."""
        said = Counter(one["id"] for one in self.results)
        failed = {one["id"] for one in self.results if one.get("failed") or one.get("skipped")}
        return {id for id, steps in self.steps.items() if said[id] < steps} - failed

    def done(self) -> Item:
        """Of what is listed, what there is to tell. A VM needs all that it is made of, and nothing once it is gone."""
        left = self.left_out()
        done = {kind: [one for one in self.filled[kind] if one["id"] not in left] for kind in KINDS}
        if self.removed:
            return {**done, "vms": [{**vm, "volumes": []} for vm in done["vms"]]}
        volumes = {volume["name"]: volume["id"] for volume in self.filled["volumes"]}
        return {**done, "vms": [vm for vm in done["vms"] if left.isdisjoint(needs(vm, volumes))]}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "virtgraph"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None) -> None:
        super().__init__(display=display)
        self._told: dict[str, Told] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        self._take(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._take(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._take(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._take(result)

    def _take(self, result: Any) -> None:
        said, host = result.result, result.host.get_name()
        action = result.task.action.rpartition(".")[2]
        if "filled" in said and action == "virtgraph_layout":
            self._told[host] = Told(said["filled"], said["installation"], said["stack"], steps(said["doc"]))
        elif action == "virtgraph_play_hosts":
            self._take_together(said)
        elif host in self._told and isinstance(said.get("resources"), list):
            self._told[host].results += said["resources"]

    def _take_together(self, said: Any) -> None:
        """Of all hosts: what was refused was not begun, and what others use is not taken away."""
        if "docs" not in said:
            self._told.clear()
        for host, told in self._told.items():
            if host in said["docs"]:  # what is no longer in it is as it is listed; a host that could not look has none
                told.steps = steps(said["docs"][host])
            for kind in ("networks", "volumes"):
                told.filled[kind] = [one for one in told.filled[kind] if one["id"] not in said["kept"]]

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if context.CLIARGS.get("check"):
            return
        for host in sorted(self._told):
            told = self._told[host]
            done, listed = told.done(), count(told.filled)
            if left := listed - count(done):
                self._display.display(
                    f"virtgraph: not told of {left} of {listed} resources on {host}, which were left out"
                )
            if left == listed:
                continue
            try:
                answer = self._service().ask(REPORT, input=report(host, told, done))
            except AnsibleError as error:
                self._display.warning(f"The service was not told what was done on {host}. {error}")
                continue
            if answer["__typename"] == "RunReported":
                self._display.display(f"virtgraph: told of {len(answer['operations'])} operations on {host}")
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


def report(host: str, told: Told, done: Item) -> Item:
    results = [
        {name: one[name] for name in ("failed", "skipped", "error", "cure", "facts") if one.get(name)}
        | {"resource": one["id"]}
        for one in told.results
    ]
    return {
        "host": host,
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
    if "source" in kept:
        kept["source"] = {"file": kept["source"]["file"], "sha256": sha256(kept["source"])}
    return {"type": "resource/volume/file", **kept}


def sha256(source: Item) -> str | None:
    """The given one, or that of the file as it is now: the service takes no file of another folder without it."""
    if source.get("sha256") or not Path(source["file"]).is_file():
        return source.get("sha256")
    with Path(source["file"]).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def vm(given: Item) -> Item:
    fields = ("id", "name", "state", "arch", "vcpus", "memory", "kernel", "initrd", "cmdline")
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
