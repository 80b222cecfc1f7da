"""A VM's password is nowhere but in its domain. A canary that is no secret shows for each place that it would be seen there."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j
import pytest
from engines import ON_ONE_GRAPH, Engine
from follow import events, wait_for
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from lab_hosts import LabHosts
from labs import apply, at_work, clear, domains, settle, succeed
from searching import Search, Watch
from serving import ROOT, Service

pytestmark = ON_ONE_GRAPH

STACK = "canary"
STACKS = (STACK, "broken", "typed")
FIRST, SECOND = "c4n4ry77", "c4n4ry88"
PLANTED = "pl4nt3d9"
HOSTS = ("host1", "host2")
CANCEL = "mutation ($id: ID!) { cancelOperation(id: $id) { __typename } }"
CREATE = """
mutation ($input: CreateVMInput!) {
  createVM(input: $input, idempotencyKey: "twice") { __typename ... on Changed { operations { id } } }
}
"""


def document(kernel: str, password: str, state: str = "running") -> str:
    return f"""
version: 0
annotations: {{n0stack/scheduling/host_id: host1}}
spec:
  vm:
    type: resource/vm/kvm
    name: {PLANTED}
    memory: 16mb
    kernel: {kernel}
    status: {state}
    vnc_password: {password}
"""


@pytest.fixture(autouse=True)
def clean(served: Service, lab: LabHosts) -> Iterator[None]:
    yield
    clear(served, lab, *STACKS)


def test_a_password_is_nowhere_but_in_libvirt(served: Service, lab: LabHosts, kernel: Path, engine: Engine) -> None:
    passwords, planted = Search(FIRST, SECOND), Search(PLANTED)
    with Watch((passwords, planted), lambda: folders_of_runs(lab)) as watch:
        answers = life(served, lab, str(kernel))
        answers += [everything(served), json.dumps(events(served))]
        on_hosts = [path for host in HOSTS for path in disk(lab, host)]
        exceptions = [path for host in HOSTS for path in libvirts(lab, host)]
        assert passwords.files(*on_hosts, besides=exceptions) == []
        assert passwords.files(*exceptions) != [] and planted.files(*exceptions) != [], "there it is, and can be found"
        clear(served, lab, *STACKS)
        lab.sh("host2", "env", f"SAID={PLANTED}", "sleep", "2")
    print(f"{watch.times} looks at all processes")
    assert watch.hits[0] == set()
    assert any("/environ: " in hit for hit in watch.hits[1]) and any("/cmdline: " in hit for hit in watch.hits[1])
    assert passwords.files(*on_hosts) == [], "with the domain it is gone"
    machine = [served.home, served.log, engine.folder, *map(Path, ("/dev/shm", "/run/virtgraph", "/var/log"))]
    assert passwords.files(*machine) == []
    if engine.name == "embedded":
        assert planted.files(served.home / "graph") != []
    for told in (*answers, everything(served), json.dumps(events(served)), export(served, engine)):
        assert not passwords.finds(told), told
    for shown in (everything(served), json.dumps(events(served)), export(served, engine)):
        assert planted.finds(shown)


def life(served: Service, lab: LabHosts, kernel: str) -> list[str]:
    """A VM is made, changed, fails, is cancelled, is refused; what was answered to all that."""
    made = apply(served, document(kernel, FIRST), STACK, key="once")
    succeed(served, made)
    (domain,) = domains(lab, "host1")
    assert FIRST in password_of(lab, domain)
    again = apply(served, document(kernel, FIRST), STACK, key="once")
    changed = served.virtgraph("apply", "-", "--stack", STACK, "--wait", input=document(kernel, SECOND))
    assert changed.returncode == 0, changed.stderr
    assert SECOND in password_of(lab, domain)
    typed = {"name": "typed", "stack": "typed", "host": "host2", "memory": "16mb", "kernel": kernel}
    created = served.graphql(CREATE, {"input": {**typed, "vncPassword": FIRST}})["createVM"]
    succeed(served, created)
    failed = settle(served, apply(served, document("/nowhere", FIRST), "broken"))
    assert "FAILED" in {operation["state"] for operation in failed}
    stopping = apply(served, document(kernel, FIRST, "stopped"), STACK)
    wait_for(lambda: len(at_work(lab, "host1")) > 0)
    served.graphql(CANCEL, {"id": stopping["operations"][0]["id"]})
    cancelled = settle(served, stopping)
    assert [operation["state"] for operation in cancelled] == ["CANCELLED"]
    refused = apply(served, document(kernel, f"{FIRST}9"), "refused")
    assert refused["__typename"] == "Invalid"
    answers = (made, again, created, failed, stopping, cancelled, refused)
    return [*map(json.dumps, answers), changed.stdout, changed.stderr]


def password_of(lab: LabHosts, domain: str) -> str:
    return lab.sh("host1", "virsh", "dumpxml", "--security-info", domain)


def root(lab: LabHosts, host: str) -> Path:
    """A host's file system, as its processes see it."""
    return Path("/proc", (lab.folder / host / "pid").read_text().strip(), "root")


def folders_of_runs(lab: LabHosts) -> Iterator[Path]:
    """Where something may lie while a play runs, besides the Run's own folder in memory: artifacts, temporary files."""
    for memory in ("/run/virtgraph", "/dev/shm/virtgraph-0"):
        yield from map(
            Path, glob.iglob(f"{memory}/d-*/runs/r-*/artifacts")
        )  # Path.glob fails when a folder goes meanwhile
    for host in HOSTS:
        yield from (root(lab, host) / place for place in ("tmp", "root/.ansible", "dev/shm"))
        yield from (root(lab, host) / "var/tmp").glob("ansible*")


def disk(lab: LabHosts, host: str) -> list[Path]:
    places = ("etc", "root", "run", "tmp", "dev/shm", "var/log", "var/lib/libvirt", "var/cache/libvirt")
    return [root(lab, host) / place for place in places]


def libvirts(lab: LabHosts, host: str) -> list[Path]:
    """Where libvirt has its domains' XML."""
    return [root(lab, host) / place for place in ("etc/libvirt", "run/libvirt")]


def everything(served: Service) -> str:
    """What all queries answer, two relations deep."""
    schema = build_schema((ROOT / "schema.graphql").read_text())
    assert schema.query_type
    asked = [
        f"{name}(first: 100) {selection(field, 3)}"
        for name, field in schema.query_type.fields.items()
        if "first" in field.args
    ]
    return "".join(json.dumps(served.graphql(f"{{ {query} }}")) for query in asked)


def selection(field: GraphQLField, depth: int) -> str:
    """All that can be asked of a field without an argument, once; empty where that is nothing."""
    kind: Any = get_named_type(field.type)
    if is_leaf_type(kind) or depth == 0:
        return ""
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        return "{ __typename }"
    assert isinstance(kind, GraphQLObjectType)
    parts = [
        f"{name} {below}"
        for name, part in kind.fields.items()
        if name != "edges"  # whose nodes are those of `nodes`
        and not any(is_required_argument(argument) for argument in part.args.values())
        and ((below := selection(part, depth - 1)) or is_leaf_type(get_named_type(part.type)))
    ]
    return f"{{ {' '.join(parts)} }}"


def export(served: Service, engine: Engine) -> str:
    """Every property in the graph."""
    url, user, password = engine.url, engine.user, engine.password
    if engine.name == "embedded":  # the service's own, not the one that other tests share
        folder = served.home / "graph"
        port = json.loads((folder / "server.json").read_text())["port"]
        url, user, password = f"bolt://127.0.0.1:{port}", "root", (folder / "password").read_text()
    with neo4j.GraphDatabase.driver(url, auth=(user, password)) as driver:
        found = [
            driver.execute_query(statement, database_="neo4j").records
            for statement in ("MATCH (n) RETURN n", "MATCH ()-[r]->() RETURN r")
        ]
    return repr([dict(record[0].items()) for records in found for record in records])
