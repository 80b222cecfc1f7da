"""50 connections of 5 processes ask at once for what only some can have: exactly those get it, the others are told why.

tests/graph/test_concurrency.py has more rounds, within one process.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import invariants
import pytest
from served import Answer, Api, mutation, refused
from showing import shown

PROCESSES = 5
CONNECTIONS = 10
CLIENTS = PROCESSES * CONNECTIONS
ROUNDS = 4
PROGRAM = Path(__file__).with_name("clients.py")


class Clients:
    """The processes; `ask` is one round."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def ask(self, field: str, inputs: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Every client's answer to its own input, sent when all have been told."""
        bodies = [{"query": mutation(field), "variables": {"input": input}} for input in inputs]
        for number, process in enumerate(self._processes):
            assert process.stdin
            process.stdin.write(json.dumps(bodies[number::PROCESSES]) + "\n")
            process.stdin.flush()
        answers = [answer for process in self._processes for answer in json.loads(line(process))]
        assert not [answer for answer in answers if "errors" in answer]
        return [answer["data"]["answer"] for answer in answers]


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


@pytest.fixture(scope="module")
def clients(running: Api) -> Iterator[Clients]:
    command = [sys.executable, str(PROGRAM), running.service.url, str(CONNECTIONS)]
    environment = running.service.environment | {"VIRTGRAPH_TOKEN": running.service.token}
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True))
            for _ in range(PROCESSES)
        ]
        assert [line(process) for process in processes] == ["ready\n"] * PROCESSES
        yield Clients(processes)


@pytest.fixture
def chances() -> list[int]:
    """How many can win, round by round."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    return [chance.randrange(2, 8) for _ in range(ROUNDS)]


def parted(answers: Sequence[Answer], refusal: str) -> tuple[list[Answer], list[Answer]]:
    """Who won, and who was refused; there is nobody else."""
    won = [answer for answer in answers if answer["__typename"] == "Changed"]
    lost = [answer for answer in answers if answer["__typename"] == refusal]
    assert len(won) + len(lost) == len(answers) == CLIENTS, {answer["__typename"] for answer in answers}
    return won, lost


def test_room_on_two_hosts(api: Api, clients: Clients, chances: list[int]) -> None:
    for room in chances:
        api.clear()
        rooms = {"host1": 1, "host2": room - 1}
        for name, vcpus in rooms.items():
            api.host(name, vcpus=vcpus)
        inputs = [{"name": "web", "vcpus": 1, "stack": f"stack{n}"} for n in range(CLIENTS)]
        won, lost = parted(clients.ask("createVM", inputs), "NoHost")
        assert len(won) == room
        full = {name: f"1 vcpus wanted, 0 of {vcpus} free" for name, vcpus in rooms.items()}
        assert all({host["name"]: host["reason"] for host in answer["hosts"]} == full for answer in lost)
        placed = {name: shown(api, "host", name=name) for name in rooms}
        assert {name: len(host["vms"]["nodes"]) for name, host in placed.items()} == rooms
        assert {vm["id"] for host in placed.values() for vm in host["vms"]["nodes"]} == {vm["id"] for vm in won}
        api.play(invariants.check)


def test_one_address(api: Api, clients: Clients, chances: list[int]) -> None:
    """Asked for by name in even rounds; in odd ones the next free of a range."""
    for number, size in enumerate(chances):
        api.clear()
        dhcp = {"range": f"10.0.0.1-10.0.0.{size}"}
        network = api.make("createNetwork", name="net", vlanId=1, subnets=[{"cidr": "10.0.0.0/24", "dhcp": dhcp}])
        asked = {"ipAddresses": ["10.0.0.77"]} if number % 2 == 0 else {}
        inputs = [{"network": network, "stack": f"stack{n}", **asked} for n in range(CLIENTS)]
        won, lost = parted(clients.ask("createNIC", inputs), "Invalid")
        given = [address for nic in won for address in shown(api, "nic", nic["id"])["ipAddresses"]]
        (winner, *_) = won
        if asked:
            assert given == ["10.0.0.77"]
            why = ("input.ipAddresses[0]", f"10.0.0.77 is taken by NIC {winner['id']}")
        else:
            assert sorted(given) == [f"10.0.0.{n}" for n in range(1, size + 1)]
            why = ("input.ipAddresses", "no address is free in the range of 10.0.0.0/24")
        assert all(refused(answer) == [why] for answer in lost)
        api.play(invariants.check)


def test_one_vlan_id(api: Api, clients: Clients, chances: list[int]) -> None:
    for tags in chances:
        api.clear()
        inputs = [{"name": "net", "vlanId": 1 + n % tags, "stack": f"stack{n}"} for n in range(CLIENTS)]
        won, lost = parted(clients.ask("createNetwork", inputs), "Invalid")
        holders = {shown(api, "network", network["id"])["vlanId"]: network["id"] for network in won}
        assert len(won) == tags and set(holders) == set(range(1, tags + 1))
        whys = {
            ("input.vlanId", f"VLAN {tag} of the segment default is taken by network {id}")
            for tag, id in holders.items()
        }
        assert {why for answer in lost for why in refused(answer)} <= whys
        api.play(invariants.check)
