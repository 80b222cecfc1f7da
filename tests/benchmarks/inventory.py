"""`python tests/benchmarks/inventory.py [VMS]`: `ansible-inventory --graph` of many guests, cold and cached, beside that
of an empty inventory and beside the pages themselves, read through the API."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import neo4j
from benchmarks import large_graph
from benchmarks.timing import seconds, spread, table
from engines import neo4j as start_neo4j
from serving import ROOT, Service, on, serving

ROUNDS = 9
EMPTY = "all: {}\n"
CACHED = "plugin: virtgraph\ncache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {folder}/cache\n"


def compare(served: Service, folder: Path, vms: int) -> list[list[str]]:
    empty, cold, cached = folder / "empty.yml", ROOT / "inventory/virtgraph.yml", folder / "virtgraph.yml"
    empty.write_text(EMPTY)
    cached.write_text(CACHED.format(folder=folder))
    assert graph(served, cached).count("|--vm") >= vms  # fills the cache
    ways = {
        "an empty inventory": lambda: graph(served, empty),
        "cached": lambda: graph(served, cached),
        "cold": lambda: graph(served, cold),
        "the pages alone": lambda: pages(served),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return [[name, spread(of)] for name, of in times.items()]


def graph(served: Service, inventory: Path) -> str:
    ansible = Path(sys.executable).with_name("ansible-inventory")
    environment = {**served.environment, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command: list[str | Path] = [ansible, "-i", inventory, "--graph"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return str(done.stdout)


def pages(served: Service) -> None:
    """What the plugin asks, in a Python that is started for it too."""
    program = (
        "import os, runpy;"
        f"plugin = runpy.run_path({str(ROOT / 'plugins/inventory/virtgraph.py')!r});"
        "service = plugin['Service'](plugin['Settings'](lambda name: os.environ.get('VIRTGRAPH_' + name.upper())));"
        "[list(service.pages(plugin[query])) for query in ('HOSTS', 'NETWORKS')], service.from_both_ends(plugin['VMS'])"
    )
    subprocess.run([sys.executable, "-c", program], env=served.environment, check=True)


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
        print(table(("", "time"), compare(served, Path(folder), vms)))


main()
