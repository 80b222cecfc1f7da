"""Variables that are misspelt, of all roles. Others with a role's name before them may be somebody else's."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# What a role says of variables that begin with its name and are none of its inputs, whose names are without it here.
UNKNOWN: dict[str, Any] = {
    "type": "dict",
    "options": {
        "role": {"type": "str", "required": True},
        "inputs": {"type": "list", "elements": "str", "required": True},
        "names": {"type": "list", "elements": "str", "required": True},
    },
}


def refuse_misspelt(module: AnsibleModule) -> None:
    unknown = module.params["unknown"] or {"role": "", "inputs": [], "names": []}
    if said := misspelt(unknown["role"], unknown["inputs"], unknown["names"]):
        module.fail_json(msg=said)


def misspelt(role: str, inputs: Iterable[str], names: Iterable[str]) -> str | None:
    """Of the first of `names` that is nearly, and not, an input. Inputs are compared whole: a word may be anybody's."""
    for name in names:
        if meant := get_close_matches(name.removeprefix(f"{role}_"), list(inputs), n=1, cutoff=0.85):
            return f"The role {role} has no variable {name}: did you mean {role}_{meant[0]}?"
    return None
