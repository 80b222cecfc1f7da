"""`python tests/benchmarks/realize.py [N…]`: N VMs made, applied again and removed through the service, beside a loop of
libvirt-python over ssh on the same host. Each has a volume and a NIC and halts at once. Needs root, as the lab does."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.halt_kernel import write_halt_kernel
from benchmarks.libvirt_loop import Loop
from benchmarks.timing import seconds, spread, table
from follow import Subscriber, until
from lab_hosts import LabHosts, lab_hosts
from labs import add_host, apply, empty, remove_stack, succeed, vm
from serving import Service, serving

ROUNDS = 3
LAB = (Path("/var/tmp/virtgraph-lab-bench"), "vgb", "10.99.48")
ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED")


def document(kernel: Path, count: int, network: str) -> str:
    vms = "".join(vm(f"vm{n}", kernel, network, empty(f"disk{n}")) for n in range(count))
    return f"version: 0\nspec:\n{vms}"


NETWORK = """
  net:
    type: resource/network/vlan
    parameters: {vlan_id: 200}
    subnets: [{cidr: 10.20.0.0/24, dhcp: {range: 10.20.0.10-10.20.0.200}}]
"""


class Benchmark:
    """A service with one host, on which a first VM has its network up: what is measured are the VMs."""

    def __init__(self, served: Service, lab: LabHosts) -> None:
        self.served = served
        self.kernel = lab.folder / "halt"
        write_halt_kernel(self.kernel)
        add_host(served, lab, "host1", cpus=100)
        first = apply(served, document(self.kernel, 1, "variable: net") + NETWORK, "first")
        succeed(served, first)
        found = served.graphql("{ vms { nodes { id nics { network { id } } } } }")["vms"]["nodes"][0]
        self.network = f"id: {found['nics'][0]['network']['id']}"
        self.loop = Loop.beside(lab, "host1", f"vg-{found['id']}")
        self.loop.create(1)
        self.loop.destroy(1)
        self.seen = 0

    def measure(self, count: int) -> list[list[str]]:
        text = document(self.kernel, count, self.network)
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, work in (
                ("loop create", lambda: self.loop.create(count)),
                ("loop destroy", lambda: self.loop.destroy(count)),
                ("create", lambda: self.until_applied(apply(self.served, text, "bench"))),
                ("again", lambda: self.nothing_to_do(apply(self.served, text, "bench"))),
                ("destroy", lambda: self.until_applied(remove_stack(self.served, "bench"))),
            ):
                times.setdefault(name, []).append(seconds(work))
        return [
            [f"{what} {count}", spread(times[what]), spread(times[f"loop {what}"]), *self.compared(times, what)]
            for what in ("create", "destroy")
        ] + [[f"the same again {count}", spread(times["again"]), "", "", ""]]

    def compared(self, times: dict[str, list[float]], what: str) -> list[str]:
        ours, floor = median(times[what]), median(times[f"loop {what}"])
        return [f"{ours / floor:.2f}", f"{ours - floor:+.2f} s"]

    def until_applied(self, answer: Any) -> None:
        """Waits for the answer's work as a client does, by the events; one Run has done it."""
        assert answer.get("operations"), answer
        asyncio.run(self.hear_of({operation["id"] for operation in answer["operations"]}))
        runs = {
            self.served.graphql("query ($id: ID!) { operation(id: $id) { run { id } } }", {"id": o["id"]})["operation"][
                "run"
            ]["id"]
            for o in answer["operations"][:: len(answer["operations"]) // 4 or 1]
        }
        assert len(runs) == 1, runs

    async def hear_of(self, operations: set[str]) -> None:
        """Waits until each has succeeded."""
        subscriber = Subscriber(self.served, self.seen)

        def over() -> bool:
            ended = {event["operation"]: event for event in subscriber.heard if event["type"] in ENDED}
            assert all(event["type"] == "SUCCEEDED" for event in ended.values()), ended
            return operations <= ended.keys()

        following = asyncio.create_task(subscriber.follow())
        await until(over)
        following.cancel()
        self.seen = subscriber.numbers[-1]

    def nothing_to_do(self, answer: Any) -> None:
        assert answer["operations"] == [], answer


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [1, 50]
    with (
        lab_hosts(*LAB, count=1) as lab,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        serving(Path(folder) / "home") as served,
    ):
        benchmark = Benchmark(served, lab)
        rows = [row for count in counts for row in benchmark.measure(count)]
        print(table(("", "virtgraph", "libvirt loop over ssh", "ratio", "more"), rows))


main()
