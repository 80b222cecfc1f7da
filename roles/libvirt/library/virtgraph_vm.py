#!/usr/bin/python
"""Domains from a list of VMs, in one task."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import Item, argument_spec, installation, predicted, run_batch
from ansible.module_utils.virtgraph_domains import SHUTDOWN, THREADS, Domains, unsound, unsound_password
from ansible.module_utils.virtgraph_libvirt import connected, watched

DOCUMENTATION = """
module: virtgraph_vm
short_description: Defines, starts, changes and removes libvirt domains
description:
  - Takes the whole list, on four threads of one connection. A loop over community.libvirt.virt costs 0.9 s an item,
    reports a change for each define, returns from a shutdown before the domain is off, and has no attach or detach.
  - A domain is defined over its UUID, never undefined first, which would lose its NVRAM.
  - A running domain is changed without a restart where libvirt can; the fact C(pending_restart) tells whether it could not.
options:
  resources: {type: list, elements: dict, required: true, description: As roles/vm/defaults/main.yml tells.}
  secrets: {type: str, description: "Base64 of JSON {vm id: {vnc_password: text}}."}
  shutdown_timeout: {type: int, default: 60, description: Seconds for a guest to power off before its power is cut.}
  lease: {type: dict, description: The claim of a Run.}
  blocked: {type: list, elements: str, description: Ids that failed earlier; what needs one of them is skipped.}
  strict: {type: bool, default: true, description: Whether the module fails when a resource fails.}
  state: {type: str, choices: [present, absent], default: present, description: Of all resources given.}
  predicted: {type: dict, description: "In check mode, what roles before would have made and removed."}
  unknown: {type: dict, description: "{role, inputs, names}: variables that begin with the role's name and are none of its."}
"""


def main() -> None:
    module = AnsibleModule(
        # Base64, because Ansible blanks out each value in it wherever it occurs: of a password "a", each letter a.
        argument_spec=argument_spec(
            secrets={"type": "str", "no_log": True}, shutdown_timeout={"type": "int", "default": SHUTDOWN}
        ),
        supports_check_mode=True,
    )
    secrets = _secrets(module)

    def unsound_with_password(item: Item, present: bool) -> Iterator[str]:
        yield from unsound(item, present)
        if present:
            yield from unsound_password(secrets.get(item.get("id", ""), {}).get("vnc_password"))

    with connected(module) as connection:
        domains = Domains(
            connection,
            installation(module),
            secrets,
            predicted(module),
            module.check_mode,
            module.params["shutdown_timeout"],
        )
        realize = domains.realize if module.params["state"] == "present" else domains.remove
        run_batch(module, "vm", watched(connection, realize), unsound_with_password, domains.predicted, THREADS)


def _secrets(module: AnsibleModule) -> dict[str, dict[str, str]]:
    given = module.params["secrets"]
    secrets: dict[str, dict[str, str]] = json.loads(base64.b64decode(given)) if given else {}
    return secrets


if __name__ == "__main__":
    main()
