#!/usr/bin/python3
"""Answers like a module of virtgraph's: a result per item, after `delay` seconds, or a
failure with `code`."""

import time

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        {
            "items": {"type": "list", "elements": "dict", "default": []},
            "secrets": {"type": "dict", "no_log": True, "default": {}},
            "delay": {"type": "float", "default": 0.0},
            "code": {"type": "str"},
            "host": {"type": "dict", "default": {}},
        }
    )
    time.sleep(module.params["delay"])
    if module.params["code"]:
        module.fail_json(msg="as asked", code=module.params["code"])
    resources = [{"changed": True, "facts": {"item": item}, **item} for item in module.params["items"]]
    module.exit_json(changed=bool(resources), resources=resources, host=module.params["host"])


if __name__ == "__main__":
    main()
