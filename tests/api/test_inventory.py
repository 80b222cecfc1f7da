"""The inventory plugin: what the graph holds, as Ansible sees it. tests/lab reaches hosts and guests by it."""

from __future__ import annotations

import os
import re
import runpy
import signal
import threading
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from ansible_commands import INVENTORY, listed, ran, run, told
from engines import ON_ONE_GRAPH
from processes import descendants
from served import NOWHERE, Api
from serving import ROOT, serving
from showing import a_network
from test_hostile_text import HOSTILE, TOUCHED

GIVEN = """
plugin: virtgraph
strict: true
compose:
  from_file: lookup('ansible.builtin.env', 'GREETING') ~ ' ' ~ virtgraph.name
groups:
  large: virtgraph.vcpus | default(0) > 1
keyed_groups:
  - {key: virtgraph.state, prefix: my}
"""
CACHING = """
plugin: virtgraph
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: %s
"""


@pytest.fixture(scope="module")
def filled(running: Api) -> Iterator[Api]:
    """A guest with two NICs on a host, and one whose names are all hostile."""
    running.clear()
    running.host()
    net, other = a_network(running, stack="shop"), a_network(running, "back-end", 101, stack="shop")
    running.make("createVM", name="web", stack="shop", vcpus=2, nics=[{"network": net}, {"network": other}])
    for number, text in enumerate(HOSTILE.values()):
        network = a_network(running, text, 200 + number, stack=text)
        running.make("createVM", name=text, stack=text, nics=[{"network": network, "name": text}])
    running.work()
    yield running


def written(folder: Path, text: str) -> Path:
    file = folder / "virtgraph.yml"
    file.write_text(text)
    return file


def test_groups_and_variables_say_what_the_graph_holds(filled: Api) -> None:
    found = listed(filled.service)
    groups = {name for name, group in found.items() if "web.shop" in group.get("hosts", ())}
    assert groups == {
        "kind_vm",
        "state_running",
        "stack_shop",
        "host_host1",
        "network_shop_net",
        "network_shop_back_end",
    }
    assert found["kind_host"]["hosts"] == found["state_ready"]["hosts"] == ["host1"]
    web = found["_meta"]["hostvars"]["web.shop"]
    assert web["ansible_host"] == "10.0.0.10"
    assert {key: web["virtgraph"][key] for key in ("kind", "name", "stack", "host", "vcpus", "state")} == {
        "kind": "vm", "name": "web", "stack": "shop", "host": "host1", "vcpus": 2, "state": "RUNNING",
    }  # fmt: skip
    assert [(nic["network"], nic["vlan"]) for nic in web["virtgraph"]["nics"]] == [("net", 100), ("back-end", 101)]
    host = found["_meta"]["hostvars"]["host1"]
    assert (host["ansible_host"], host["ansible_port"], host["ansible_user"]) == (NOWHERE, 22, "root")


def test_what_users_wrote_is_text(filled: Api) -> None:
    """Names in variables, of hosts and of groups; in expressions of the file too, which do run."""
    TOUCHED.unlink(missing_ok=True)
    names = told(filled.service, INVENTORY, "kind_vm", "[virtgraph.name, virtgraph.stack, virtgraph.nics[0].network]")
    assert sorted(names.values()) == sorted([[text] * 3 for text in HOSTILE.values()] + [["web", "shop", "net"]])
    assert not [name for name in names if not re.fullmatch(r"\w[\w.-]*", name)]
    assert not TOUCHED.exists()


def test_expressions_of_the_file_are_templated(filled: Api, tmp_path: Path) -> None:
    TOUCHED.unlink(missing_ok=True)
    inventory = written(tmp_path, GIVEN)
    found = listed(filled.service, inventory, GREETING="hello")
    assert found["_meta"]["hostvars"]["web.shop"]["from_file"] == "hello web"
    assert found["large"]["hosts"] == ["web.shop"]
    assert "web.shop" in found["my_RUNNING"]["hosts"]
    composed = told(filled.service, inventory, "kind_vm", "from_file | split(' ', 1) | last")
    assert sorted(composed.values()) == sorted([*HOSTILE.values(), "web"])
    assert not TOUCHED.exists()


def test_strict_refuses_an_expression_that_fails(filled: Api, tmp_path: Path) -> None:
    text = "plugin: virtgraph\ncompose: {wrong: virtgraph.nothing.at_all}\n"
    assert "wrong" not in listed(filled.service, written(tmp_path, text))["_meta"]["hostvars"]["web.shop"]
    refused = run(filled.service, "ansible-inventory", "-i", written(tmp_path, text + "strict: true\n"), "--graph")
    assert refused.returncode != 0
    assert "Could not set wrong for host host1" in refused.stderr


def test_guests_that_are_routed_here_need_no_host_between(filled: Api, tmp_path: Path) -> None:
    between, direct = (
        listed(filled.service, inventory)["_meta"]["hostvars"]["web.shop"]
        for inventory in (INVENTORY, written(tmp_path, "plugin: virtgraph\nthrough_host: false\n"))
    )
    assert between["virtgraph"]["through"]["host"] == "host1"
    assert "ProxyCommand" in between["ansible_ssh_common_args"]
    assert direct["virtgraph"]["through"] is None
    assert "ProxyCommand" not in direct["ansible_ssh_common_args"]


def test_the_cache_answers_without_the_service(filled: Api, tmp_path: Path) -> None:
    inventory = written(tmp_path, CACHING % (tmp_path / "cache"))
    fresh = listed(filled.service, inventory)
    gone = {"VIRTGRAPH_TOKEN": "no longer valid"}
    assert listed(filled.service, inventory, **gone) == fresh == listed(filled.service, INVENTORY)
    flushed = run(filled.service, "ansible-inventory", "-i", inventory, "--graph", "--flush-cache", **gone)
    assert "does not know this token" in flushed.stderr


@ON_ONE_GRAPH
def test_a_list_of_many_pages_is_whole(api: Api) -> None:
    """Read from both ends: each guest is there once."""
    api.host(vcpus=4000, memory=4000 << 30)
    resources = {f"vm{n:04}": {"type": "resource/vm/kvm", "memory": "16mb"} for n in range(1100)}
    assert api.apply(resources, stack="many")["__typename"] == "Applied"
    found = listed(api.service)
    assert found["kind_vm"]["hosts"] == sorted(f"{name}.many" for name in resources)


def test_a_guest_without_an_address_is_reached_nowhere(api: Api, tmp_path: Path) -> None:
    """Else Ansible would connect to its name, which may be another machine's address or name."""
    api.host()
    made = [("10.0.0", "5"), ("db", "prod.example.com")]
    ids = {f"{name}.{stack}": api.make("createVM", name=name, stack=stack) for name, stack in made}
    for inventory in (INVENTORY, written(tmp_path, "plugin: virtgraph\nthrough_host: false\n")):
        variables = listed(api.service, inventory)["_meta"]["hostvars"]
        assert {name: variables[name]["ansible_host"] for name in ids} == {n: f"{id}.invalid." for n, id in ids.items()}


def test_what_would_share_a_group_does_not(api: Api, tmp_path: Path) -> None:
    """Stacks and networks; from the cache they are in the same groups."""
    api.host()
    nets = [("a-b", "net"), ("a b", "net"), ("a_b", "c"), ("a", "b_c"), ("x-y", "net")]
    for number, (stack, name) in enumerate(nets):
        network = a_network(api, name, 100 + number, stack=stack)
        api.make("createVM", name="vm", stack=stack, nics=[{"network": network}])
    members = {name: group["hosts"] for name, group in listed(api.service).items() if "hosts" in group}
    assert members["stack_a_b"] == ["vm.a_b"]
    assert members["stack_x_y"] == members["network_x_y_net"] == ["vm.x-y"]
    assert "network_a_b_net" not in members and "network_a_b_c" not in members
    assert [hosts for name, hosts in members.items() if re.match("stack_|network_", name) and len(hosts) != 1] == []
    assert len([name for name in members if name.startswith("stack_")]) == len(nets)
    assert len([name for name in members if name.startswith("network_")]) == len(nets)
    caching = written(tmp_path, CACHING % (tmp_path / "cache"))
    fresh = listed(api.service, caching)
    assert listed(api.service, caching, VIRTGRAPH_TOKEN="no longer valid") == fresh == listed(api.service)


def test_group_names_do_not_depend_on_who_came_first() -> None:
    plugin = runpy.run_path(str(ROOT / "plugins" / "inventory" / "virtgraph.py"))
    keys = [("stack", "a b"), ("stack", "a-b"), ("stack", "a_b"), ("network", "a", "b_c"), ("network", "a_b", "c")]
    taken = plugin["group_names"](keys)[keys[0]].removeprefix("stack_")
    keys.append(("stack", taken))  # spelt as the name that another one got
    names = plugin["group_names"](keys)
    assert len(set(names.values())) == len(keys)
    assert (names["stack", "a_b"], names["stack", taken]) == ("stack_a_b", f"stack_{taken}")
    assert all(re.fullmatch(r"network_a_b_c_[0-9a-f]{8}", name) for key, name in names.items() if key[0] == "network")
    for order in permutations(keys):
        assert plugin["group_names"](order) == names


REFUSED = {
    "no service": ({"VIRTGRAPH_URL": "http://127.0.0.1:1/graphql"}, "http://127.0.0.1:1/graphql does not answer"),
    "no address": ({"VIRTGRAPH_URL": "nonsense"}, "The service at nonsense does not answer"),
    "no token": ({"VIRTGRAPH_HOME": "/nowhere"}, "/nowhere/token does not exist. Start the service on this machine"),
    "a wrong token": ({"VIRTGRAPH_TOKEN": "wrong"}, "does not know this token. Set VIRTGRAPH_TOKEN"),
}


@pytest.mark.parametrize(("environment", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_missing_is_said(running: Api, environment: dict[str, str], sentence: str) -> None:
    refused = run(running.service, "ansible-inventory", "-i", INVENTORY, "--graph", **environment)
    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_something_else_at_the_address(running: Api) -> None:
    address = {"VIRTGRAPH_URL": f"{running.service.base}/healthz"}
    refused = run(running.service, "ansible-inventory", "-i", INVENTORY, "--graph", **address)
    assert refused.returncode != 0
    assert "is no GraphQL service" in refused.stderr


def test_an_answer_that_is_an_error(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as service:
        (graph,) = (process.pid for process in descendants(service.pid).values() if process.name == "java")
        os.kill(graph, signal.SIGKILL)
        refused = run(service, "ansible-inventory", "-i", INVENTORY, "--graph")
    assert refused.returncode != 0
    assert "answers with an error: The graph does not answer now. Ask again in a moment." in refused.stderr


def test_the_file_of_settings_counts(running: Api, tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'url = "{running.service.url}"\ntoken = "{running.service.token}"\n')
    named = {"VIRTGRAPH_CONFIG": str(settings), "VIRTGRAPH_URL": "", "VIRTGRAPH_HOME": ""}
    assert "@all" in ran(running.service, "ansible-inventory", "-i", INVENTORY, "--graph", **named)
    settings.write_text("url: nothing\n")
    refused = run(running.service, "ansible-inventory", "-i", INVENTORY, "--graph", **named)
    assert refused.returncode != 0
    assert f"{settings} cannot be read" in refused.stderr


def test_a_page_that_both_readers_hold_at_one_time_is_listed_once() -> None:
    both = threading.Barrier(2)

    class Node(dict[str, str]):
        """The reader that has it waits for the other one to have it too."""

        def __getitem__(self, field: str) -> str:
            if not self.get("waited"):
                self["waited"] = "yes"
                both.wait(10)
            return super().__getitem__(field)

    class Met(runpy.run_path(str(ROOT / "plugins" / "inventory" / "virtgraph.py"))["Service"]):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        def ask(self, query: str, **variables: Any) -> Any:
            ends = dict.fromkeys(("startCursor", "endCursor", "hasPreviousPage", "hasNextPage"))
            return {"nodes": [{"id": "first"}, Node(id="last")], "pageInfo": ends}

    assert [node["id"] for node in Met().from_both_ends("")] == ["first", "last"]
