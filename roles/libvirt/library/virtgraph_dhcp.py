#!/usr/bin/python
"""DHCP servers of networks and their reservations for NICs, in one task."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import argument_spec, installation, predicted, run_batch
from ansible.module_utils.virtgraph_serving import Serving, kind, unsound

DOCUMENTATION = """
module: virtgraph_dhcp
short_description: Serves reserved addresses in networks
description:
  - Takes the whole list, in its order, servers before their reservations; when they are removed the other way round.
  - Each server is a dnsmasq in a network namespace on the network's bridge, so that networks may use the same range,
    and a server may move to another host with its address and MAC. libvirt's own dnsmasq can do neither.
  - A dnsmasq that is right is left alone. New reservations and other options reach it by SIGHUP; only where an
    address was taken from a NIC it is started anew.
options:
  resources:
    type: list
    elements: dict
    required: true
    description: What has a C(network) is a reservation; see roles/dhcp/defaults/main.yml.
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    resources = module.params["resources"]
    serving = Serving(resources, installation(module), predicted(module), module.check_mode)
    realize = serving.realize if module.params["state"] == "present" else serving.remove
    run_batch(module, kind, realize, lambda item, present: unsound(item, present, resources), serving.predicted)


if __name__ == "__main__":
    main()
