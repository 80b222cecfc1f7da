#!/usr/bin/python
"""What keeps a machine from being a good libvirt host, in sentences with their cures."""

from __future__ import annotations

from dataclasses import asdict

from ansible.module_utils import virtgraph_preflight as preflight
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_preflight import Machine, Wanted

DOCUMENTATION = """
module: virtgraph_preflight
short_description: Checks a machine that is or is to be a libvirt host
description: Changes nothing. Needs no libvirt; that it is missing is one of its findings.
options:
  uplink: {type: str, description: The interface or switch for traffic to other hosts.}
  pool_path: {type: str, description: Where volumes will lie.}
  clock: {type: float, description: "The controller's, in seconds of the epoch; without, it is not compared."}
  others: {type: list, elements: dict, description: "Other hosts, each {name, machine_id, host_uuid}: none may be the same."}
  strict: {type: bool, default: true, description: Whether the module fails where the host must be refused.}
"""

OTHER = {
    "name": {"type": "str", "required": True},
    "machine_id": {"type": "str"},
    "host_uuid": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "uplink": {"type": "str"},
            "pool_path": {"type": "str"},
            "clock": {"type": "float"},
            "others": {"type": "list", "elements": "dict", "options": OTHER, "default": []},
            "strict": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    connection, why_none = preflight.connect()
    machine = preflight.this_machine(connection)
    wanted = Wanted(given["uplink"], given["pool_path"], given["clock"])
    found = preflight.checks(wanted, connection, why_none, [Machine(**other) for other in given["others"]])
    answer(module, machine, found)


def answer(module: AnsibleModule, machine: Machine, found: list[preflight.Finding]) -> None:
    host = {"machine_id": machine.machine_id, "findings": [asdict(finding) for finding in found]}
    for warning in preflight.warnings(found):
        module.warn(preflight.sentence(warning))
    refused = " ".join(preflight.sentence(finding) for finding in preflight.refusals(found))
    if refused and module.params["strict"]:
        module.fail_json(msg=refused, code="preflight", host=host, machine=asdict(machine))
    module.exit_json(changed=False, host=host, machine=asdict(machine))


if __name__ == "__main__":
    main()
