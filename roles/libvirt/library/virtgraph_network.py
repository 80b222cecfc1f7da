#!/usr/bin/python
"""Bridges, and the libvirt networks that show them to domains, from a list of networks, in one task."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import argument_spec, installation, predicted, run_batch
from ansible.module_utils.virtgraph_libvirt import connected, watched
from ansible.module_utils.virtgraph_networks import THREADS, Networks, unsound

DOCUMENTATION = """
module: virtgraph_network
short_description: Makes, completes and removes Linux bridges and their libvirt networks
description:
  - Takes the whole list. A loop over community.libvirt.virt_net costs 0.9 s an item, changes nothing on a network that
    exists with other XML, and undefines in check mode; the bridge would be one more loop.
  - Each network is a Linux bridge of its own, which libvirt knows as a network with forward mode C(bridge). The bridge
    outlives changes to the libvirt network, so that no guest is ever cut off by one.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/network/defaults/main.yml tells.}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    with connected(module) as connection:
        networks = Networks(connection, installation(module), predicted(module), module.check_mode)
        realize = networks.realize if module.params["state"] == "present" else networks.remove
        run_batch(module, "network", watched(connection, realize), unsound, networks.predicted, THREADS)


if __name__ == "__main__":
    main()
