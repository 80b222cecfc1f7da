"""The seed's document in, and what the graph then holds: exactly this."""

from __future__ import annotations

import json
import re

import invariants
import pytest_asyncio
import yaml
from applying import SEED, SEED_HOST, put, values
from playing import a_host, work

from virtgraph.store.graph import Graph

IDS = {
    "web": "56410722-d507-472a-a800-c89211b7c261",
    "nic": "a1f6a79b-7ad0-499e-b912-44eb73ea0f81",
    "volume": "d99163ed-0093-40a0-a61b-365a1aece509",
    "network": "8451da31-5e3a-4c46-aa3a-2a557382a6cd",
}
# section 1.2 of the seed, as printed
ANSWERED = f"""
id: 100
created_at: 1990/1/1 00:00
version: 0
annotations:
  n0stack/scheduling/same_host: true
  n0stack/scheduling/host_id: {SEED_HOST}
spec:
  web:
    type: resource/vm/kvm
    id: {IDS["web"]}
    status: running
    name: web
    arch: amd64
    vcpus: 2
    memory: 4gb
    vnc_password: hogehoge
    dependencies:
      - object:
          type: resource/nic
          id: {IDS["nic"]}
          status: attached
          ip_addresses:
            - 192.168.0.1
          relatioins:
            - object:
                variable: var_network
              property:
                r: n0stack/n0core/port/network
        property:
          r: n0stack/n0core/vm/attachments
      - object:
          type: resource/volume/file
          id: {IDS["volume"]}
          status: allocated
          name: new_volume
          size: 10gb
        property:
          r: n0stack/n0core/vm/attachments
          n0stack/n0core/vm/boot_prority: 1
  var_network:
    type: resource/network/vlan
    id: {IDS["network"]}
    state: applied
    name: vlan_network
    subnets:
      - cidr: 192.168.0.0/24
        dhcp:
          range: 192.168.0.1-192.168.0.127
          nameservers:
            - 192.168.0.254
          gateway: 192.168.0.254
    parameters:
      vlan_id: 100
"""
GIB = 1 << 30

# between resources, hosts and the like: from, arrow, to
ARROWS = """
    MATCH (a)-[r]->(b)
    WHERE NOT a:Operation AND NOT a:Version AND NOT a:Run AND NOT b:Token
    RETURN coalesce(a.name, a.key, a.cidr, labels(a)[0]) AS one, type(r) AS arrow,
           coalesce(b.name, b.key, b.cidr, labels(b)[0]) AS other
"""


@pytest_asyncio.fixture
async def host(graph: Graph) -> str:
    return await a_host(graph, id=SEED_HOST)


async def arrows(graph: Graph) -> set[tuple[str, str, str]]:
    """Ids of Bindings, subnets and stacks by what they are of."""
    rows = await graph.read(ARROWS)
    names = {row["id"]: row["name"] for row in await graph.read(NAMES)}

    def readable(text: str) -> str:
        return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], text)

    return {(readable(row["one"]), row["arrow"], readable(row["other"])) for row in rows}


NAMES = """
    MATCH (n) WHERE n.id IS NOT NULL AND NOT n:Operation AND NOT n:Run AND NOT n:Revision AND NOT n:Meta
    RETURN n.id AS id, CASE WHEN n:Pool THEN 'pool' ELSE coalesce(n.name, n.key, n.cidr) END AS name
"""


async def test_the_graph_holds_exactly_this(graph: Graph, host: str) -> None:
    await put(graph, SEED, "n0core")
    nic = "VM/web/NIC/0"
    assert await arrows(graph) == {
        ("n0core", "OWNS", "web"),
        ("n0core", "OWNS", nic),
        ("n0core", "OWNS", "new_volume"),
        ("n0core", "OWNS", "vlan_network"),
        ("n0core/1", "REVISION_OF", "n0core"),
        ("web", "HAS_NIC", nic),
        ("web", "ATTACHES", "new_volume"),
        ("web", "PLACED_ON", "host1"),
        ("web", "RESERVES", "host1"),
        ("new_volume", "RESERVES", "host1"),
        ("new_volume", "IN", "default"),
        (nic, "ON", "vlan_network"),
        (nic, "USES", "192.168.0.0/24/192.168.0.1"),
        ("192.168.0.0/24/192.168.0.1", "IN", "192.168.0.0/24"),
        ("vlan_network", "HAS_SUBNET", "192.168.0.0/24"),
        ("vlan_network", "CARRIED_BY", "default"),
        ("default", "ON", "host1"),
        ("host1", "UPLINK", "default"),
        *((f"{name}@host1", "ON", "host1") for name in ("web", nic, "new_volume", "vlan_network", "pool", "host1")),
        *((f"{name}@host1", "OF", name) for name in ("web", nic, "new_volume", "vlan_network", "host1")),
        ("pool@host1", "OF", "default"),
    }
    await invariants.check(graph)


async def test_what_is_stored_of_each_resource(graph: Graph, host: str) -> None:
    await put(graph, SEED, "n0core")
    rows = await graph.read(
        """
        MATCH (r:Resource) WHERE r.spec IS NOT NULL
        RETURN r.kind AS kind, r.key AS key, r.state AS state, r.wanted AS wanted, r.generation AS generation,
               r.vcpus AS vcpus, r.memory AS memory, r.size AS size, r.vlanId AS vlan, r.ipAddresses AS ips
        """
    )
    assert {row["key"]: {k: v for k, v in row.items() if v is not None and k != "key"} for row in rows} == {
        "VM/web": common("VM", "running") | {"vcpus": 2, "memory": 4 * GIB},
        "VM/web/NIC/0": common("NIC", "attached") | {"ips": ["192.168.0.1"]},
        "Volume/new_volume": common("Volume", "allocated") | {"size": 10 * GIB},
        "Network/vlan_network": common("Network", "applied") | {"vlan": 100},
    }
    counters = await graph.read(
        "MATCH (h:Host) RETURN h.reservedVcpus AS vcpus, h.reservedMemory AS memory, h.reservedDisk AS disk"
    )
    assert counters == [{"vcpus": 2, "memory": 4 * GIB, "disk": 10 * GIB}]


def common(kind: str, wanted: str) -> dict[str, object]:
    return {"kind": kind, "state": "VIRTUAL", "wanted": wanted, "generation": 1}


async def test_operations_and_their_order(graph: Graph, host: str) -> None:
    done = await put(graph, SEED, "n0core")
    rows = await graph.read(
        """
        MATCH (o:Operation)-[:OF_REVISION]->(v:Revision {number: 1})
        RETURN o.id AS id, o.kind AS kind, o.action AS action, o.state AS state, o.readyOn AS ready, o.actor AS actor,
               [(o)-[:AFTER]->(p:Operation) | p.kind] AS after
        ORDER BY o.ordinal
        """
    )
    assert {row["kind"]: sorted(row["after"]) for row in rows} == {
        "Network": [],
        "NIC": ["Network"],
        "Pool": [],
        "Volume": ["Pool"],
        "VM": ["NIC", "Network", "Volume"],
    }
    assert {(row["action"], row["state"], row["ready"], row["actor"]) for row in rows} == {
        ("realize", "PENDING", host, "tester")
    }
    assert set(done.applied.operations) == {row["id"] for row in rows}


async def test_versions_and_the_revision(graph: Graph, host: str) -> None:
    done = await put(graph, SEED, "n0core")
    versions = await graph.read(
        "MATCH (v:Version)-[:VERSION_OF]->(r) RETURN r.key AS key, v.fromRevision AS begin, v.toRevision AS end, v.spec AS spec"
    )
    assert {(row["key"], row["begin"], row["end"]) for row in versions} == {
        (key, 1, None) for key in ("VM/web", "VM/web/NIC/0", "Volume/new_volume", "Network/vlan_network")
    }
    assert "hogehoge" not in json.dumps([dict(row) for row in versions])
    [stored] = await values(graph, "MATCH (v:Revision) RETURN v.document AS document")
    assert json.loads(stored) == yaml.safe_load(done.document)


async def test_the_story(graph: Graph, host: str) -> None:
    await put(graph, SEED, "n0core")
    rows = await graph.read(
        "MATCH (e:Event {stack: 'n0core'}) RETURN e.type AS type, e.message AS message ORDER BY e.number"
    )
    assert [(row["type"], row["message"]) for row in rows] == [
        ("SCHEDULED", "VM web goes to host host1."),
        ("SCHEDULED", "Volume new_volume goes to host host1."),
        ("WAITING", "NIC VM/web/NIC/0 on host1 waits for the bridge of Network vlan_network on host1."),
        ("WAITING", "Volume new_volume on host1 waits for the path of Pool default on host1."),
        (
            "WAITING",
            "VM web on host1 waits for the bridge of Network vlan_network on host1, the address of NIC VM/web/NIC/0 "
            "on host1, the url of Volume new_volume on host1.",
        ),
    ]


async def test_the_answer_given_back_creates_nothing(graph: Graph, host: str) -> None:
    first = await put(graph, SEED, "n0core")
    for _ in range(2):
        again = await put(graph, first.document, "n0core")
        assert (again.applied.changed, again.applied.operations, again.document) == (False, (), first.document)
        await work(graph)  # and neither does it once all is made
    assert await values(graph, "MATCH (v:Revision) RETURN v.number AS number") == [1]
    assert await values(graph, "MATCH (o:Operation) WHERE o.action = 'realize' RETURN count(o) AS count") == [5]


async def test_the_request_again_changes_nothing_but_the_password(graph: Graph, host: str) -> None:
    """The same password is the same; the document says so without the mask."""
    await put(graph, SEED, "n0core")
    assert not (await put(graph, SEED, "n0core")).applied.changed
    assert (await put(graph, SEED.replace("hogehoge", "other"), "n0core")).applied.changed


async def test_the_seeds_answer_on_an_empty_graph_creates_with_its_ids(graph: Graph, host: str) -> None:
    done = await put(graph, ANSWERED, "n0core")
    assert set(done.applied.ids.values()) == set(IDS.values())
    document = yaml.safe_load(done.document)
    assert (document["id"], document["version"]) == (1, 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["created_at"])
    assert not (await put(graph, done.document, "n0core")).applied.changed
    assert not (await put(graph, ANSWERED, "n0core")).applied.changed
    await work(graph)
    await invariants.check(graph)


async def test_the_hardware_address_may_be_given_without_colons(graph: Graph, host: str) -> None:
    done = await put(graph, SEED, "n0core")
    mac = yaml.safe_load(done.document)["spec"]["web"]["dependencies"][0]["object"]["hw_addr"]
    assert re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", mac)
    assert not (await put(graph, done.document.replace(mac, mac.replace(":", "")), "n0core")).applied.changed


async def test_work_brings_it_to_its_end(graph: Graph, host: str) -> None:
    await put(graph, SEED, "n0core")
    assert await work(graph) == 1, "one Run for all that a stack has on a host"
    assert set(await values(graph, "MATCH (r:Resource) WHERE r.spec IS NOT NULL RETURN r.state AS state")) == {
        "RUNNING",
        "ATTACHED",
        "ALLOCATED",
        "APPLIED",
    }
    assert await values(graph, "MATCH (v:Revision) RETURN v.state AS state") == ["APPLIED"]
    await invariants.check(graph)
