"""Tells a running service what role virtgraph did without it, so that both have one history.

Each host's part is told at the end of the play, failures too. A service that is away, or that refuses, is a warning: what
was done on the hosts is done, and the next run tells it again.
"""

from __future__ import annotations

import hashlib
import json
import sys
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
  - Enable it with C(ANSIBLE_CALLBACKS_ENABLED=virtgraph). Hosts are known to the service by their names in the inventory,
    and I(virtgraph_installation) is the service's own (C(virtgraph export) writes it).
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
ATTACHED = "n0stack/n0core/vm/attachments"
Item = dict[str, Any]


@dataclass
class Told:
    """What one host's part of the play said."""

    filled: Item
    installation: str
    stack: str
    results: list[Item] = field(default_factory=list)


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
        if "filled" in said and result.task.action.rpartition(".")[2] == "virtgraph_layout":
            self._told[host] = Told(said["filled"], said["installation"], said["stack"])
        elif result.task.action.rpartition(".")[2] == "virtgraph_play_hosts":
            self._take_together(said)
        elif host in self._told and isinstance(said.get("resources"), list):
            self._told[host].results += said["resources"]

    def _take_together(self, said: Any) -> None:
        """Of all hosts: what was refused was not begun, and a network that others use is not taken away."""
        if "kept" not in said:
            self._told.clear()
        for told in self._told.values():
            told.filled["networks"] = [one for one in told.filled["networks"] if one["id"] not in said["kept"]]

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if context.CLIARGS.get("check"):
            return
        leave_networks_to_the_last([self._told[host] for host in sorted(self._told)])
        for host in sorted(self._told):
            told = self._told[host]
            try:
                answer = self._service().ask(REPORT, input=report(host, told))
            except AnsibleError as error:
                self._display.warning(f"The service was not told what was done on {host}. {error}")
                continue
            if answer["__typename"] == "RunReported":
                self._display.display(f"virtgraph: told of {len(answer['operations'])} operations on {host}")
            else:
                self._display.warning(f"The service does not take what was done on {host}: {refusal(answer)}")

    def _service(self) -> Any:
        """As the inventory plugin beside this one asks it."""
        name = f"{self._load_name.rpartition('.')[0]}.virtgraph".lstrip(".")
        inventory = sys.modules[inventory_loader.get(name, class_only=True).__module__]
        options = {option: self.get_option(option) for option in ("url", "token", "home", "config")}
        return inventory.Service(inventory.Settings(options.get))


def leave_networks_to_the_last(told: list[Told]) -> None:
    """Of those who removed them: while a host's VMs are there for the service, it keeps their networks."""
    gone = [one.filled for one in told if one.filled["state"] == "absent"]
    networks = {network["id"]: network for filled in gone for network in filled["networks"]}
    for filled in gone:
        filled["networks"] = list(networks.values()) if filled is gone[-1] else []


def report(host: str, told: Told) -> Item:
    results = [
        {name: one[name] for name in ("failed", "skipped", "error", "cure", "facts") if one.get(name)}
        | {"resource": one["id"]}
        for one in told.results
    ]
    return {
        "host": host,
        "stack": told.stack,
        "installation": told.installation,
        "document": json.dumps(document(told.filled)),
        "results": results,
        "removed": told.filled["state"] == "absent",
    }


def document(filled: Item) -> Item:
    """As `virtgraph apply` takes it. Keys are made of kinds, since a network and a VM may have one name."""
    spec = {f"network {one['name']}": network(one) for one in filled["networks"]}
    spec |= {f"volume {one['name']}": volume(one) for one in filled["volumes"]}
    spec |= {f"vm {one['name']}": vm(one) for one in filled["vms"]}
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
