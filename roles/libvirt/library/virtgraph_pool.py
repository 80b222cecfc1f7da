#!/usr/bin/python
"""Storage pools that are directories, from a list, in one task."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import argument_spec, predicted, run_batch
from ansible.module_utils.virtgraph_libvirt import connected, watched
from ansible.module_utils.virtgraph_pools import Pools, unsound

DOCUMENTATION = """
module: virtgraph_pool
short_description: Defines, starts and removes libvirt storage pools
description:
  - Takes the whole list under the fence of a Run, and answers with one result for each pool.
    community.libvirt.virt_pool does neither, needs four tasks for one pool (define, build, start, facts), and its
    undefine in check mode undefines.
  - A pool of the same directory that virtgraph made under another id is used as it is.
  - A pool is not started by libvirt itself; after a restart of the host this starts it again.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/pool/defaults/main.yml tells.}
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
        pools = Pools(connection, predicted(module), module.check_mode)
        realize = pools.realize if module.params["state"] == "present" else pools.remove
        run_batch(module, "pool", watched(connection, realize), unsound, pools.predicted)


if __name__ == "__main__":
    main()
