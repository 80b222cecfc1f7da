#!/usr/bin/python
"""What connects the bridges of networks with the world outside of the host, in one task."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import argument_spec, installation, predicted, run_batch
from ansible.module_utils.virtgraph_uplinks import Uplinks, unsound

DOCUMENTATION = """
module: virtgraph_uplink
short_description: Plugs bridges of networks into an uplink, and unplugs them
description:
  - Takes the whole list. Driver C(ovs) is a veth pair from the bridge to an access port of an Open vSwitch bridge, made
    by one transaction; community.general has nothing that makes the pair, its tag and its offloads one step.
  - Driver C(8021q) is a VLAN interface of the uplink, or the uplink itself for a network without a tag, as a port of
    the bridge.
  - Driver C(none) plugs nothing, and unplugs what another driver had plugged.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/vlan_uplink/defaults/main.yml tells.}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    uplinks = Uplinks(installation(module), predicted(module), module.check_mode)
    realize = uplinks.realize if module.params["state"] == "present" else uplinks.remove
    run_batch(module, "uplink", realize, unsound, uplinks.predicted)


if __name__ == "__main__":
    main()
