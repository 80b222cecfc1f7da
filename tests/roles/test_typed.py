"""What roles make of items whose values are text: of `-e`, of templates, of YAML that a person wrote."""

from typing import Any

import module_utils  # noqa: F401
import pytest
import yaml
from ansible.module_utils.virtgraph_mark import digest
from ansible.module_utils.virtgraph_typed import TEXT, TYPES, mistyped, typed
from plays import ROOT

ROLES = ("dhcp", "network", "pool", "vlan_uplink", "vm", "volume")


def test_text_of_a_number_or_of_a_truth_is_what_it_says() -> None:
    disk = {"id": "a", "path": "/p", "boot_order": "1", "read_only": "false"}
    given = {"title": 101, "mtu": "1400", "vlan_id": "100", "addresses": "10.0.0.7", "disks": [disk], "source": None}
    assert typed(given) == {
        "title": "101",
        "mtu": 1400,
        "vlan_id": 100,
        "addresses": ["10.0.0.7"],
        "disks": [{**disk, "boot_order": 1, "read_only": False}],
        "source": None,
    }
    assert digest(typed(given)) == digest(typed(typed(given))), "so that the next run finds it as it is"


def test_a_path_is_one_however_it_is_written() -> None:
    given = {"pool_path": "//srv/./vms/", "path": "/", "disks": [{"path": "/srv//vms/a"}]}
    assert typed(given) == {"pool_path": "/srv/vms", "path": "/", "disks": [{"path": "/srv/vms/a"}]}
    assert typed({"path": "/a/../b", "pool_path": "a/"}) == {"path": "/a/../b", "pool_path": "a/"}, "they are refused"


def test_what_has_its_types_stays() -> None:
    given = {
        "id": "a",
        "mtu": 1400,
        "needs": [],
        "interfaces": [{"mac": "x"}],
        "source": {"file": "/f"},
        "kernel": None,
    }
    assert typed(given) == given and list(mistyped(given)) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mtu": "many"}, "mtu is 'many', and must be a whole number"),
        ({"title": ["a"]}, "title is ['a'], and must be text"),
        ({"disks": [{}, {"read_only": "perhaps"}]}, "disks[1].read_only is 'perhaps', and must be true or false"),
        ({"source": {"file": {}}}, "source.file is {}, and must be text"),
        ({"interfaces": 5}, "interfaces is 5, and must be a list"),
        ({"needs": {"a": 1}}, "needs is {'a': 1}, and must be a list"),
    ],
)
def test_what_cannot_be_read_is_said_of_its_field(given: dict[str, Any], said: str) -> None:
    assert typed(given) == given
    (reason,) = mistyped(typed(given))
    assert reason.startswith(said)


@pytest.mark.parametrize("role", ROLES)
def test_the_types_are_those_of_the_roles(role: str) -> None:
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    for option in specs["argument_specs"]["main"]["options"].values():
        if option.get("elements") == "dict":
            agrees(option["options"])


def agrees(fields: dict[str, Any]) -> None:
    for name, field in fields.items():
        assert TYPES.get(name, TEXT).name == field["type"], name
        if "options" in field:
            agrees(field["options"])
