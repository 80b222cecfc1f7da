#!/usr/bin/python
"""What of a host's resources, of all kinds, is not as it is wanted: asked in one task, before the roles are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import LEASE, Done, Item, foresee, installation
from ansible.module_utils.virtgraph_domains import Domains
from ansible.module_utils.virtgraph_libvirt import connected
from ansible.module_utils.virtgraph_networks import Networks
from ansible.module_utils.virtgraph_pools import Pools
from ansible.module_utils.virtgraph_predicted import Predicted
from ansible.module_utils.virtgraph_serving import Serving, kind
from ansible.module_utils.virtgraph_uplinks import Uplinks
from ansible.module_utils.virtgraph_volumes import Volumes

DOCUMENTATION = """
module: virtgraph_differing
short_description: Says which resources of a list of lists are not as they are wanted
description:
  - A task on a host costs 0.4 s, whatever it does. Where nothing differs, this one is all that there is to do.
  - Looks as the modules of the kinds do in check mode, and changes nothing. What cannot be looked at differs.
options:
  doc: {type: dict, required: true, description: "Lists of resources, as roles/virtgraph/tasks/present.yml takes them."}
  lease: {type: dict, description: "The installation whose mark they bear."}
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={"doc": {"type": "dict", "required": True}, "lease": {"type": "dict", "options": LEASE}},
        supports_check_mode=True,
    )
    doc = module.params["doc"]
    with connected(module) as connection:
        looks = Looks(connection, installation(module), doc)
        differing = {name: list(looks.differing(name, items)) for name, items in doc.items() if name in looks.realize}
    module.exit_json(changed=False, doc={**doc, **differing})


class Looks:
    """Each kind's own realizing, in check mode; what a kind would make counts as there for the next."""

    def __init__(self, connection: Any, installation: str, doc: dict[str, Any]) -> None:
        self.predicted = Predicted()
        served = [*doc.get("dhcp_servers", ()), *doc.get("reservations", ())]
        serving = Serving(served, installation, self.predicted, True)
        self.realize: dict[str, Callable[[Item], Done]] = {
            "pools": Pools(connection, self.predicted, True).realize,
            "networks": Networks(connection, installation, self.predicted, True).realize,
            "uplinks": Uplinks(installation, self.predicted, True).realize,
            "dhcp_servers": serving.realize,
            "reservations": serving.realize,
            "volumes": Volumes(connection, {}, None, self.predicted, True).realize,
            "vms": Domains(connection, installation, {}, self.predicted, True).realize,
        }

    def differing(self, name: str, items: list[Item]) -> Iterator[Item]:
        for item in items:
            try:
                done = foresee(KINDS.get(name) or kind(item), item, True, self.realize[name], self.predicted)
            except Exception:  # its role says what is wrong with it
                yield item
            else:
                if done.changed:
                    yield item


KINDS = {"pools": "pool", "networks": "network", "uplinks": "uplink", "volumes": "volume", "vms": "vm"}

if __name__ == "__main__":
    main()
