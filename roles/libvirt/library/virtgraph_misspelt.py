#!/usr/bin/python
"""Refuses variables that are nearly a role's."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_misspelt import UNKNOWN, refuse_misspelt

DOCUMENTATION = """
module: virtgraph_misspelt
short_description: Refuses variables whose names are nearly those of a role's inputs
description: For roles whose first module does not look itself, as those of lists of resources do. Changes nothing.
options:
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(argument_spec={"unknown": UNKNOWN}, supports_check_mode=True)
    refuse_misspelt(module)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
