"""The callback plugin by itself: what it makes of what a playbook's tasks said, and what it tells a service of that."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLUnionType, build_schema, parse, validate

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "plugins" / "callback" / "virtgraph.py"
NET, DISK, VM = (f"5b0e4a4e-9f4c-4f0e-8d0c-00000000000{n}" for n in range(3))
SHA = "1" * 64


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("virtgraph_callback", FILE)
    assert spec is not None and spec.loader is not None
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


virtgraph = loaded()


class Service:
    """That takes everything, or answers as it is told to."""

    def __init__(self, **answer: Any) -> None:
        self.told: list[Any] = []
        self.answer = {"__typename": "RunReported", "operations": [], "refused": [], **answer}

    def ask(self, _: str, *, input: Any) -> Any:
        self.told.append({**input, "document": json.loads(input["document"])})
        return self.answer


class Shown:
    """What a person sees."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display(self, line: str) -> None:
        self.lines.append(line)

    warning = display


class Playbook(virtgraph.CallbackModule):  # type: ignore[misc, name-defined]
    """One whose tasks say what a test has them say."""

    def __init__(self, service: Service) -> None:
        super().__init__(display=SimpleNamespace(verbosity=0))
        self.service, self._display = service, Shown()
        self.check_mode = False  # of the tasks that follow

    def _service(self) -> Any:
        return self.service

    def play(self) -> None:
        self.v2_playbook_on_play_start(SimpleNamespace(name="play"))

    def task(self, action: str, host: str = "host1", **said: Any) -> None:
        task = SimpleNamespace(action=action, check_mode=self.check_mode)
        result = SimpleNamespace(result=said, host=SimpleNamespace(get_name=lambda: host), task=task)
        self.v2_runner_on_ok(result)

    def use(
        self, host: str = "host1", *, bases: Any = None, doc: Any = None, state: str = "present", **has: Any
    ) -> None:
        """Role virtgraph as far as nothing is done yet. `doc`: what there is to do."""
        filled = {"networks": [], "volumes": [], "vms": [], "state": state, **has}
        self.task("virtgraph_layout", host, filled=filled, installation=NET, stack="default", doc={})
        self.task("virtgraph_differing", host, bases=bases or {})
        self.task("virtgraph_play_hosts", docs={host: doc or {}}, kept=[])

    def end(self) -> list[Any]:
        self.v2_playbook_on_stats(None)
        return self.service.told


@pytest.fixture
def playbook() -> Playbook:
    return Playbook(Service())


def volume(**more: Any) -> Any:
    return {"name": "disk", "id": DISK, "size": None, **more}


def network(name: str = "net", **more: Any) -> Any:
    return {"name": name, "id": NET, "vlan_id": 7, "served": None, **more}


def vm(**more: Any) -> Any:
    return {"name": "web", "id": VM, "nics": [], "vnc_password": None, **more}


def test_each_use_of_the_role_is_told_in_its_order(playbook: Playbook) -> None:
    """A playbook that takes away one list and makes another one, or two lists of one play."""
    playbook.play()
    playbook.use(networks=[network("old")], state="absent", doc={"networks": [{"id": NET}]})
    playbook.task("virtgraph_network", resources=[{"id": NET, "changed": True}])
    playbook.play()
    for name in ("one", "two"):
        playbook.use(networks=[network(name)])
    told = playbook.end()
    assert [next(iter(one["document"]["spec"])) for one in told] == ["network old", "network one", "network two"]
    assert [(one["removed"], len(one["results"])) for one in told] == [(True, 1), (False, 0), (False, 0)]


def test_what_is_done_in_check_mode_is_not_told(playbook: Playbook) -> None:
    """Of one play of several, or of one use of the role."""
    playbook.play()
    playbook.use(networks=[network("one")])
    playbook.check_mode = True
    playbook.use(networks=[network("two")], doc={"networks": [{"id": NET}]})
    playbook.task("virtgraph_network", resources=[{"id": NET, "changed": True}])
    (told,) = playbook.end()
    assert list(told["document"]["spec"]) == ["network one"] and told["results"] == []


def test_the_host_that_serves_is_told_of_first(playbook: Playbook) -> None:
    """Whichever was ready first."""
    served = [network(served={"host": "host1", "address": "10.0.0.2", "mac": "52:56:00:00:00:02"})]
    playbook.play()
    for host in ("host2", "host1", "host3"):
        filled = {"networks": served, "volumes": [], "vms": [], "state": "present"}
        playbook.task("virtgraph_layout", host, filled=filled, installation=NET, stack="default", doc={})
    playbook.task("virtgraph_play_hosts", docs={}, kept=[])
    assert [one["host"] for one in playbook.end()] == ["host1", "host2", "host3"]


def test_what_a_play_refuses_is_not_told_and_what_was_before_it_is(playbook: Playbook) -> None:
    playbook.play()
    playbook.use(networks=[network("one")])
    playbook.play()
    playbook.use(networks=[network("two")])
    playbook.task("virtgraph_play_hosts", msg="VM web is on host2, and the list has it on host1.")
    playbook.play()
    playbook.use("host2", networks=[network("three")])
    assert [next(iter(one["document"]["spec"])) for one in playbook.end()] == ["network one", "network three"]


def test_other_modules_are_not_about_resources_of_ours(playbook: Playbook) -> None:
    """amazon.aws.cloudformation and kubernetes.core.k8s_info have `resources` too; virtgraph_observe has them of its own."""
    playbook.play()
    playbook.use(networks=[network()])
    playbook.task("kubernetes.core.k8s_info", resources=[{"kind": "Pod"}])
    playbook.task("virtgraph_observe", resources=[{"id": NET, "failed": True}])
    playbook.task("virtgraph.libvirt.virtgraph_network", resources=[{"id": NET, "changed": False}])
    (told,) = playbook.end()
    assert told["results"] == [{"resource": NET}]


def test_a_volume_is_of_what_it_was_made_from(playbook: Playbook, tmp_path: Path) -> None:
    """Not of what its file has become."""
    file = tmp_path / "image.qcow2"
    file.write_text("rebuilt")
    source = {"file": str(file)}
    playbook.play()
    playbook.use(volumes=[volume(source=source)], bases={DISK: SHA})
    playbook.use(volumes=[volume(source=source)], doc={"volumes": [{"id": DISK}]})
    playbook.task("virtgraph_volume", resources=[{"id": DISK, "facts": {"source_sha256": SHA}}])
    for one in playbook.end():
        assert one["document"]["spec"]["volume disk"]["source"] == {**source, "sha256": SHA}


def test_a_source_of_which_nothing_is_known_is_not_told(playbook: Playbook, tmp_path: Path) -> None:
    """Of a volume that could not be made. Its file is read once, whoever else has it."""
    file, gone = tmp_path / "image.qcow2", {"file": str(tmp_path / "none")}
    file.write_text("here")
    playbook.play()
    vms = [vm(volumes=[{"name": "disk"}])]
    playbook.use(volumes=[volume(source=gone)], vms=vms)
    playbook.use(volumes=[volume(source={"file": str(file)})], vms=vms)
    virtgraph.sha256(str(file))
    file.write_text("rebuilt")
    playbook.use(volumes=[volume(source={"file": str(file)})], state="absent")
    playbook.use(volumes=[volume(source=gone)], state="absent")
    made, *removed = playbook.end()
    assert made["document"]["spec"]["volume disk"]["source"]["sha256"].startswith("fcec91")
    assert "not told of 2 of 2 resources on host1, which were left out" in playbook._display.lines[0]
    assert [one["document"]["spec"]["volume disk"]["id"] for one in removed] == [DISK] * 2


def test_that_there_is_a_password_is_told(playbook: Playbook) -> None:
    playbook.play()
    playbook.use(vms=[vm(vnc_password="********")])
    (told,) = playbook.end()
    assert told["document"]["spec"]["vm web"]["vnc_password"] == "********"


def test_each_refusal_is_asked_for_its_reason() -> None:
    schema, asked = build_schema((ROOT / "schema.graphql").read_text()), parse(virtgraph.REPORT)
    assert validate(schema, asked) == []
    result = schema.get_type("ReportResult")
    assert isinstance(result, GraphQLUnionType)
    assert {one.name for one in result.types} == set(re.findall(r"\.\.\. on (\w+)", virtgraph.REPORT))


def test_what_a_service_does_not_take_is_named() -> None:
    playbook = Playbook(Service(refused=[{"path": 'spec["network net"]', "reason": "VLAN 7 is taken"}]))
    playbook.play()
    playbook.use(networks=[network()])
    playbook.end()
    assert playbook._display.lines == [
        "virtgraph: told of 0 operations on host1",
        'The service does not take all of what was done on host1: spec["network net"]: VLAN 7 is taken',
    ]
