#!/usr/bin/python
"""Which sources of volumes have yet to be copied to this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_base as base
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_base import Source
from ansible.module_utils.virtgraph_batch import LEASE, RESOURCES

DOCUMENTATION = """
module: virtgraph_missing_bases
short_description: Finds which sources of volumes are to be copied to a host
description:
  - Names each pair of a pool and a source once. What does not fit into its pool is left out, for virtgraph_volume to
    refuse in words. Changes nothing.
  - Names the folder that Ansible is to copy them to first, which virtgraph_volume removes.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/volume/defaults/main.yml tells.}
  sources: {type: dict, required: true, description: "What stat says of each file on the controller."}
  lease: {type: dict, description: The claim of a Run.}
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "resources": RESOURCES,
            "sources": {"type": "dict", "required": True},
            "lease": {"type": "dict", "options": LEASE},
        },
        supports_check_mode=True,
    )
    missing = list(_missing(module.params).values())
    module.exit_json(changed=False, missing=missing, folder=base.folder(module.params["lease"]))


def _missing(params: dict[str, Any]) -> dict[str, dict[str, str]]:
    missing = {}
    for item in params["resources"]:
        source = Source.of(item, params["sources"])
        if source is None or base.path(item["pool_path"], source).exists():
            continue
        if _free(item["pool_path"]) >= source.size:
            part = str(base.part(item["pool_path"], source, params["lease"]))
            missing[part] = {"file": source.file, "part": part}
    return missing


def _free(pool_path: str) -> int:
    """Bytes; 0 where there is no such pool."""
    if not Path(pool_path).is_dir():
        return 0
    space = os.statvfs(pool_path)
    return space.f_bavail * space.f_frsize


if __name__ == "__main__":
    main()
