#!/usr/bin/python
"""qcow2 volumes from a list, in one task."""

from __future__ import annotations

from ansible.module_utils import virtgraph_base as base
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import argument_spec, predicted, run_batch
from ansible.module_utils.virtgraph_libvirt import connected, watched
from ansible.module_utils.virtgraph_volumes import Volumes, unsound

DOCUMENTATION = """
module: virtgraph_volume
short_description: Makes, grows and removes volumes of libvirt storage pools
description:
  - Takes the whole list under the fence of a Run. community.libvirt.virt_volume takes one, 0.9 s each in a loop, has no
    check mode and cannot resize.
  - A volume grows while its VM runs; it never shrinks.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/volume/defaults/main.yml tells.}
  sources: {type: dict, default: {}, description: "What stat says of each source's file on the controller."}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(sources={"type": "dict", "default": {}}),
        supports_check_mode=True,
    )
    items, lease = module.params["resources"], module.params["lease"]
    try:
        with connected(module) as connection:
            volumes = Volumes(connection, module.params["sources"], lease, predicted(module), module.check_mode)
            realize = volumes.realize if module.params["state"] == "present" else volumes.remove
            run_batch(module, "volume", watched(connection, realize), unsound, volumes.predicted)
    finally:
        if not module.check_mode:
            base.remove_copies({item["pool_path"] for item in items if "pool_path" in item}, lease)


if __name__ == "__main__":
    main()
