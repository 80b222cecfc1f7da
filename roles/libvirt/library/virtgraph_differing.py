#!/usr/bin/python
"""What of a host's resources, of all kinds, is not as it is wanted: asked in one task, before the roles are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils import virtgraph_domains as domains
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

DOCUMENTATION = """
module: virtgraph_differing
short_description: Says which resources of a list of lists are not as they are wanted
description:
  - A task on a host costs 0.4 s, whatever it does. Where nothing differs, this one is all that there is to do.
  - Looks as the modules of the kinds do in check mode, and changes nothing. What cannot be looked at differs.
  - What one of these modules would refuse to begin with, of whatever kind, is refused here, before any of them is run.
options:
  doc: {type: dict, required: true, description: "Lists of resources, as roles/virtgraph/tasks/present.yml takes them."}
  lease: {type: dict, description: "The installation whose mark they bear."}
"""


@dataclass(frozen=True)
class Look:
    """How the module of a kind looks at an item."""

    kind: str
    realize: Callable[[Item], Done]
    unsound: Unsound


def main() -> None:
    module = AnsibleModule(
        argument_spec={"doc": {"type": "dict", "required": True}, "lease": {"type": "dict", "options": LEASE}},
        supports_check_mode=True,
    )
    doc, predicted = module.params["doc"], Predicted()
    with connected(module) as connection:
        looks = looks_of(connection, installation(module), doc, predicted)
        if refused := list(refusals(looks, doc)):
            module.fail_json(msg=" ".join(refused))
        differing = {name: list(differ(look, doc.get(name, ()), predicted)) for name, look in looks.items()}
    module.exit_json(changed=False, doc={**doc, **differing})


def looks_of(connection: Any, installation: str, doc: dict[str, Any], predicted: Predicted) -> dict[str, Look]:
    """By the names of the lists, in the order in which things are needed."""
    reservations = doc.get("reservations", [])
    served = serving.Serving(reservations, installation, predicted, True).realize

    def unsound(item: Item, present: bool) -> Iterator[str]:
        return serving.unsound(item, present, reservations)

    network = networks.Networks(connection, installation, predicted, True).realize
    uplink = uplinks.Uplinks(installation, predicted, True).realize
    volume = volumes.Volumes(connection, {}, None, predicted, True).realize
    vm = domains.Domains(connection, installation, {}, predicted, True).realize
    return {
        "pools": Look("pool", pools.Pools(connection, predicted, True).realize, pools.unsound),
        "networks": Look("network", network, networks.unsound),
        "uplinks": Look("uplink", uplink, uplinks.unsound),
        "dhcp_servers": Look("dhcp", served, unsound),
        "reservations": Look("reservation", served, unsound),
        "volumes": Look("volume", volume, volumes.unsound),
        "vms": Look("vm", vm, domains.unsound),
    }


def refusals(looks: dict[str, Look], doc: dict[str, Any]) -> Iterator[str]:
    for name, look in looks.items():
        for item in doc.get(name, ()):
            if error := refused_by(look.kind, item, True, look.unsound):
                yield f"{error} {error.cure}"


def differ(look: Look, items: list[Item], predicted: Predicted) -> Iterator[Item]:
    """What a kind would make counts as there for the next."""
    for item in items:
        try:
            done = foresee(look.kind, item, True, look.realize, predicted)
        except Exception:  # its role says what is wrong with it
            yield item
        else:
            if done.changed:
                yield item


if __name__ == "__main__":
    main()
