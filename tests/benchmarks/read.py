"""`python tests/benchmarks/read.py [VMS]`: reads over HTTP on Neo4j beside hand-written Cypher through the driver, with
the same answers: one VM with everything nested, and a page of 500 at three levels."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import neo4j
import orjson
from benchmarks import large_graph
from benchmarks.timing import seconds, spread, table
from engines import neo4j as start_neo4j
from serving import Service, on, serving

ONE = """
query ($id: ID!) { vm(id: $id) {
  id name state vcpus memory arch power vncPort acceleration stackName
  host { id name state cpus memory }
  nics { id name state hwAddr ipAddresses network { id name type vlanId mtu segment subnets { cidr nameservers } } }
  attachments { bootPriority bus readOnly volume { id name state size url allocation pool { id name path } } }
} }
"""
ONE_BY_HAND = """
MATCH (vm:VM:Resource {id: $id})<-[:OWNS]-(stack:Stack)
MATCH (vm)<-[:OF]-(seen:Binding)
MATCH (vm)-[:PLACED_ON]->(host:Host)
RETURN vm {
  .id, .name, .state, .vcpus, .memory, .arch,
  power: seen.power, vncPort: seen.vncPort, acceleration: seen.acceleration,
  stackName: stack.name,
  host: host {.id, .name, .state, .cpus, .memory},
  nics: COLLECT {
    MATCH (vm)-[r:HAS_NIC]->(nic:NIC)-[:ON]->(network:Network)-[:CARRIED_BY]->(segment:Segment)
    RETURN nic {.id, .name, .state, .hwAddr, .ipAddresses, network: network {
      .id, .name, type: toUpper(network.type), .vlanId, .mtu, segment: segment.name,
      subnets: COLLECT {
        MATCH (network)-[s:HAS_SUBNET]->(subnet:Subnet) RETURN subnet {.cidr, .nameservers} ORDER BY s.order
      }
    }} ORDER BY r.order
  },
  attachments: COLLECT {
    MATCH (vm)-[r:ATTACHES]->(volume:Volume)-[:IN]->(pool:Pool)
    MATCH (volume)<-[:OF]-(copy:Binding)
    WITH r, volume, pool, copy ORDER BY r.order
    RETURN r {.bootPriority, .bus, .readOnly, volume: volume {
      .id, .name, .state, .size, url: copy.url, allocation: copy.allocation, pool: pool {.id, .name, .path}
    }}
  }
} AS vm
"""
PAGE = """
{ vms(first: 500) { nodes { id name state nics { id hwAddr ipAddresses network { id name vlanId } } } } }
"""
PAGE_BY_HAND = """
MATCH (vm:VM)
WHERE vm.deletedAt IS NULL
WITH vm ORDER BY vm.name, vm.id LIMIT 500
RETURN vm {.id, .name, .state, nics: COLLECT {
  MATCH (vm)-[r:HAS_NIC]->(nic:NIC)-[:ON]->(network:Network)
  RETURN nic {.id, .hwAddr, .ipAddresses, network: network {.id, .name, .vlanId}} ORDER BY r.order
}} AS vm ORDER BY vm.name, vm.id
"""


class Benchmark:
    """Both ways to the same graph, each with a connection that stays open."""

    def __init__(self, served: Service, driver: neo4j.Driver) -> None:
        self.session = driver.session(database="neo4j")
        self.url = served.url
        self.client = httpx.Client(headers={"Authorization": f"Bearer {served.token}"}, timeout=60, trust_env=False)

    def api(self, query: str, **variables: Any) -> Any:
        response = self.client.post(self.url, json={"query": query, "variables": variables})
        answer = orjson.loads(response.content)
        assert "errors" not in answer, answer
        return answer["data"]

    def cypher(self, statement: str, **parameters: Any) -> list[Any]:
        return [record["vm"] for record in self.session.run(statement, parameters)]

    def compare(self, name: str, rounds: int, api: Any, cypher: Any) -> list[str]:
        """The two in turn."""
        assert api() == cypher(), name
        ours, floor = [], []
        for _ in range(rounds):
            floor.append(seconds(cypher))
            ours.append(seconds(api))
        return [name, spread(ours), spread(floor), f"{median(ours) / median(floor):.2f}"]


def compare(served: Service, driver: neo4j.Driver, vms: int) -> list[list[str]]:
    benchmark = Benchmark(served, driver)
    id = large_graph.id_of("VM", vms // 2)
    return [
        benchmark.compare(
            "one VM with everything nested",
            300,
            lambda: benchmark.api(ONE, id=id)["vm"],
            lambda: benchmark.cypher(ONE_BY_HAND, id=id)[0],
        ),
        benchmark.compare(
            "a page of 500 at three levels",
            40,
            lambda: benchmark.api(PAGE)["vms"]["nodes"],
            lambda: benchmark.cypher(PAGE_BY_HAND),
        ),
    ]


def main() -> None:
    vms = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        start_neo4j(Path(folder) / "neo4j") as engine,
        serving(Path(folder) / "home", **on(engine)) as served,
        neo4j.GraphDatabase.driver(
            engine.url, auth=(engine.user, engine.password), notifications_min_severity="OFF"
        ) as driver,
    ):
        large_graph.load(driver, vms)
        print(table(("", "virtgraph over HTTP", "Cypher by hand", "ratio"), compare(served, driver, vms)))


main()
