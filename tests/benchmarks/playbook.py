"""`python tests/benchmarks/playbook.py [N]`: N VMs by playbooks/site.yml alone, made and looked at again, beside an empty play
and beside a loop of libvirt-python over ssh on the same host. Each VM has a volume and a NIC. Needs root, as the lab does."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.halt_kernel import write_halt_kernel
from benchmarks.libvirt_loop import Loop
from benchmarks.timing import seconds, spread, table
from direct import NETWORK, Direct
from lab_hosts import LabHosts, lab_hosts

ROUNDS = 3
LAB = (Path("/var/tmp/virtgraph-lab-bench"), "vgb", "10.99.48")


def vms(kernel: Path, count: int, name: str) -> dict[str, Any]:
    """On a network that is there already, so that what is measured are the VMs."""
    names = [f"{name}{n}" for n in range(count)]
    return {
        "virtgraph_networks": [NETWORK],
        "virtgraph_volumes": [{"name": one, "size": "10mb"} for one in names],
        "virtgraph_vms": [
            {
                "name": one, "memory": "16mb", "kernel": str(kernel),
                "nics": [{"network": "net"}], "volumes": [{"name": one}],
            }
            for one in names
        ],
    }  # fmt: skip


def measure(lab: LabHosts, folder: Path, count: int) -> list[list[str]]:
    kernel = lab.folder / "halt"
    write_halt_kernel(kernel)
    first = Direct(lab, folder, **vms(kernel, 1, "first"))
    first.change()
    many = Direct(lab, folder, installation=first.installation, **vms(kernel, count, "vm"))
    loop = Loop.beside(lab, "host1", f"vg-{first.id('VM/first0')}")
    empty = folder / "empty.yml"
    empty.write_text(json.dumps([{"hosts": "libvirt_hosts", "gather_facts": False, "tasks": []}]))
    times: dict[str, list[float]] = {"create": [], "loop": [], "again": [], "empty": []}
    for _ in range(ROUNDS):
        times["loop"].append(seconds(lambda: loop.create(count)))
        loop.destroy(count)
        times["create"].append(seconds(many.change))
        times["again"].append(seconds(many.change))
        times["empty"].append(seconds(lambda: many.run(playbook=empty)))
        many.variables |= {
            "virtgraph_networks": [],
            "virtgraph_vms": [{**vm, "nics": []} for vm in many.variables["virtgraph_vms"]],
        }
        many.remove()
        many.variables |= vms(kernel, count, "vm")
    create, floor = median(times["create"]), median(times["loop"])
    again, least = median(times["again"]), median(times["empty"])
    return [
        [
            f"create {count}",
            spread(times["create"]),
            spread(times["loop"]),
            f"{create / floor:.2f}",
            f"{create - floor:+.2f} s",
        ],
        [f"the same again {count}", spread(times["again"]), spread(times["empty"]), "", f"{again - least:+.2f} s"],
    ]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with lab_hosts(*LAB, count=1) as lab, tempfile.TemporaryDirectory() as folder:
        print(
            table(
                ("", "site.yml", "libvirt loop, or an empty play", "ratio", "more"), measure(lab, Path(folder), count)
            )
        )


main()
