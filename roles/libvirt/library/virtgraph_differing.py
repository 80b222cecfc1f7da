#!/usr/bin/python
"""What of a host's resources, of all kinds, is not as it is wanted: asked in one task, before the roles are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_base as base
from ansible.module_utils import virtgraph_domains as domains
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils import virtgraph_networks as networks
from ansible.module_utils import virtgraph_pools as pools
from ansible.module_utils import virtgraph_serving as serving
from ansible.module_utils import virtgraph_uplinks as uplinks
from ansible.module_utils import virtgraph_volumes as volumes
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import LEASE, Done, Item, foresee, installation, refused_by
from ansible.module_utils.virtgraph_input import Unsound
from ansible.module_utils.virtgraph_libvirt import connected
from ansible.module_utils.virtgraph_predicted import Predicted
from ansible.module_utils.virtgraph_seen import seen

DOCUMENTATION = """
module: virtgraph_differing
short_description: Says which resources of a list of lists are not as they are wanted
description:
  - A task on a host costs 0.4 s, whatever it does. Where nothing differs, this one is all that there is to do.
  - Looks as the modules of the kinds do in check mode, and changes nothing. What cannot be looked at differs.
  - What one of these modules would refuse to begin with, of whatever kind, is in C(refused), before any of them is run.
    The module does not fail then, so that the hosts can refuse it together.
  - Says as C(seen) what of the whole play's list is on this host, which only all hosts together can judge, and as C(bases)
    the SHA-256 of the source that each volume which is there was made from.
  - In check mode all of it is as the play would have left it by then, of which C(predicted) tells. That is handed on.
options:
  doc: {type: dict, required: true, description: "Lists of resources, as roles/virtgraph/tasks/present.yml takes them."}
  listed: {type: dict, required: true, description: "Networks, volumes and VMs of all hosts."}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  lease: {type: dict, description: "The installation whose mark they bear."}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
"""


@dataclass(frozen=True)
class Look:
    """How the module of a kind looks at an item."""

    kind: str
    act: Callable[[Item], Done]  # realizes, or removes
    unsound: Unsound


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "doc": {"type": "dict", "required": True},
            "listed": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "lease": {"type": "dict", "options": LEASE},
            "predicted": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    doc, listed, present = module.params["doc"], module.params["listed"], module.params["state"] == "present"
    before = (module.params["predicted"] if module.check_mode else None) or {}
    predicted = Predicted(before)
    with connected(module) as connection:
        looks = looks_of(connection, installation(module), doc, present, predicted)
        refused = list(refusals(looks, doc, present))
        differing = {
            name: [] if refused else list(differ(look, doc.get(name, ()), present, predicted))
            for name, look in looks.items()
        }
        found = by_then(seen(connection, installation(module), listed), listed, Predicted(before))
        made_from = {} if refused else bases(doc.get("volumes", ()))
    told = {"predicted": before} if before else {}
    module.exit_json(changed=False, doc={**doc, **differing}, seen=found, bases=made_from, refused=refused, **told)


def by_then(seen: dict[str, Any], listed: dict[str, list[Item]], predicted: Predicted) -> dict[str, Any]:
    """What would be there once the play has come so far."""

    def here(kind: str, now: list[str], items: list[Item]) -> list[str]:
        ids = [item["id"] for item in items]
        return [id for id in ids if predicted.made(kind, id) or (id in now and not predicted.gone(kind, id))]

    users = {
        id: [user for user in those if not predicted.gone("vm", user["id"])] for id, those in seen["users"].items()
    }
    return {
        "vms": here("vm", seen["vms"], listed["vms"]),
        "volumes": here("volume", seen["volumes"], listed["volumes"]),
        "moved": {id: place for id, place in seen["moved"].items() if not predicted.gone("volume", id)},
        "users": {id: those for id, those in users.items() if those},
        "served": {
            network: {nic: of for nic, of in served.items() if not predicted.gone("reservation", nic)}
            for network, served in seen["served"].items()
            if not predicted.gone("dhcp", network)
        },
    }


def bases(items: Iterable[Item]) -> dict[str, str | None]:
    files = {item["id"]: Path(item["pool_path"]) / names.volume(item["id"]) for item in items}
    return {id: base.made_from(file) for id, file in files.items() if file.is_file()}


def looks_of(
    connection: Any, installation: str, doc: dict[str, Any], present: bool, predicted: Predicted
) -> dict[str, Look]:
    """By the names of the lists, in the order in which things are needed; for a removal the other way round."""
    reservations = doc.get("reservations", [])
    serve = serving.Serving(reservations, installation, predicted, True)

    def unsound(item: Item, present: bool) -> Iterator[str]:
        return serving.unsound(item, present, reservations)

    kinds = {
        "pools": ("pool", pools.Pools(connection, predicted, True), pools.unsound),
        "networks": ("network", networks.Networks(connection, installation, predicted, True), networks.unsound),
        "uplinks": ("uplink", uplinks.Uplinks(installation, predicted, True), uplinks.unsound),
        "dhcp_servers": ("dhcp", serve, unsound),
        "reservations": ("reservation", serve, unsound),
        "volumes": ("volume", volumes.Volumes(connection, {}, None, predicted, True), volumes.unsound),
        "vms": ("vm", domains.Domains(connection, installation, {}, predicted, True), domains.unsound),
    }
    if present:
        return {name: Look(kind, those.realize, checks) for name, (kind, those, checks) in kinds.items()}
    return {name: Look(kind, those.remove, checks) for name, (kind, those, checks) in reversed(kinds.items())}


def refusals(looks: dict[str, Look], doc: dict[str, Any], present: bool) -> Iterator[str]:
    for name, look in looks.items():
        for item in doc.get(name, ()):
            if error := refused_by(look.kind, item, present, look.unsound):
                yield f"{error} {error.cure}"


def differ(look: Look, items: list[Item], present: bool, predicted: Predicted) -> Iterator[Item]:
    """What a kind would make counts as there for the next, and what it would take away as gone."""
    for item in items:
        try:
            done = foresee(look.kind, item, present, look.act, predicted)
        except Exception:  # its role says what is wrong with it
            yield item
        else:
            if done.changed:
                yield item


if __name__ == "__main__":
    main()
