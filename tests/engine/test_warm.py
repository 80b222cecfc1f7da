"""The warm process's contract. After a kill -9 of any process nothing of the Run is left on this machine."""

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from lab_hosts import LabHosts
from processes import Process, descendants, marked

from virtgraph.dispatch import Dispatcher, HostAccess, Order, Outcome
from virtgraph.warm import process as warm_process

PLAYBOOKS = Path(__file__).with_name("dispatch") / "playbooks"
WORKER = Path(__file__).with_name("dispatch") / "worker.py"
LOCAL = HostAccess("here", None, "root", 22, None, None, local=True)
CANARY = "correct-horse-battery"
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def warm(tmp_path: Path) -> AsyncIterator[Dispatcher]:
    """Its playbooks are a copy, which tests may change."""
    shutil.copytree(PLAYBOOKS, tmp_path / "playbooks")
    dispatcher = Dispatcher(tmp_path, playbooks=tmp_path / "playbooks")
    await dispatcher.start()
    yield dispatcher
    await dispatcher.close()


def servers() -> list[int]:
    return [p.pid for p in descendants().values() if "warm/server.py" in p.arguments and p.parent == os.getpid()]


def forks() -> list[Process]:
    """Guards, plays and Ansible's workers of the warm process, oldest first."""
    own = set(servers())
    found = [p for p in descendants().values() if "warm/server.py" in p.arguments and p.pid not in own]
    return sorted(found, key=lambda p: p.pid)


async def until(true: Callable[[], object], seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, "it did not come"
        await asyncio.sleep(0.02)


def start(dispatcher: Dispatcher, host: HostAccess = LOCAL, **doc: object) -> asyncio.Task[Outcome]:
    order = Order("run-1", host, "report", doc, {"vm": {"vnc_password": CANARY}}, 60)
    return asyncio.create_task(dispatcher.run(order, lambda _: None, asyncio.Event()))


async def test_runs_are_forks_of_one_process(warm: Dispatcher) -> None:
    (server,) = servers()
    running = [start(warm, delay=4) for _ in range(3)]
    await until(lambda: len(forks()) == 9)  # a guard, a play and a worker each
    assert {outcome.status for outcome in await asyncio.gather(*running)} == {"successful"}
    await until(lambda: not forks())
    assert servers() == [server]


async def test_the_process_knows_no_secret_of_a_run(warm: Dispatcher) -> None:
    assert (await start(warm, items=[])).status == "successful"
    (server,) = servers()
    maps = [line.split() for line in Path(f"/proc/{server}/maps").read_text().splitlines()]
    writable = [fields[0].split("-") for fields in maps if fields[1].startswith("rw")]
    with Path(f"/proc/{server}/mem").open("rb", 0) as memory:
        for first, last in writable:
            memory.seek(int(first, 16))
            assert CANARY.encode() not in memory.read(int(last, 16) - int(first, 16))
    limits = Path(f"/proc/{server}/limits").read_text().splitlines()
    assert next(line.split()[4:6] for line in limits if line.startswith("Max core")) == ["0", "0"]


async def test_settings_and_secrets_of_the_service_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTGRAPH_GRAPH_PASSWORD", CANARY)
    dispatcher = Dispatcher(tmp_path, playbooks=PLAYBOOKS)
    await dispatcher.start()
    running = start(dispatcher, delay=1)
    await until(lambda: len(forks()) == 3)
    assert not list(marked(CANARY))
    assert (await running).status == "successful"
    await dispatcher.close()


async def test_a_changed_module_is_not_run_from_memory(warm: Dispatcher, tmp_path: Path) -> None:
    assert (await start(warm)).status == "successful"
    (server,) = servers()
    module = tmp_path / "playbooks" / "library" / "report.py"
    module.write_text(module.read_text().replace("as asked", "as changed"))
    outcome = await start(warm)
    assert outcome.status == "successful"
    await until(lambda: server not in servers())
    await warm.start()
    assert servers() and servers() != [server]


async def test_another_process_after_many_runs(warm: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_process, "RENEW_AFTER", 2)
    (first,) = servers()
    long = start(warm, delay=4)
    for _ in range(2):
        assert (await start(warm)).status == "successful"
    await warm.start()
    assert (await start(warm)).status == "successful"
    assert len(servers()) == 2  # the first one still has a Run
    assert (await long).status == "successful"
    await until(lambda: first not in servers())


async def test_without_it_runs_go_the_cold_way(warm: Dispatcher) -> None:
    (server,) = servers()
    os.kill(server, signal.SIGSTOP)  # it is there, and does not answer
    assert (await start(warm)).status == "successful"
    os.kill(server, signal.SIGKILL)
    assert (await start(warm)).status == "successful"
    await warm.start()
    assert servers() and servers() != [server]
    assert (await start(warm)).status == "successful"


@pytest.mark.parametrize("victim", ["server", "guard", "play", "worker", "client"])
async def test_a_kill_in_the_middle_is_lost(warm: Dispatcher, lab: LabHosts, victim: str) -> None:
    running = start(warm, lab.access("host1"), delay=30)
    await until(lambda: any(p.name == "ssh" and p.parent in {f.pid for f in forks()} for p in descendants().values()))
    guard, play, worker = forks()
    (client,) = [p for p in descendants().values() if "warm/client.py" in p.arguments]
    victims = {
        "server": servers()[0],
        "guard": guard.pid,
        "play": play.pid,
        "worker": worker.pid,
        "client": client.pid,
    }
    os.kill(victims[victim], signal.SIGKILL)
    outcome = await asyncio.wait_for(running, 60)
    assert outcome.status == "lost", outcome
    assert "host1" in outcome.message
    await until(lambda: not {guard.pid, play.pid, worker.pid, client.pid} & set(descendants(1)))
    assert (await start(warm, lab.access("host1"))).status == "successful"


@pytest.mark.parametrize("which", ["-N", "/bin/sh -c"])
async def test_a_killed_ssh_is_no_failure_of_the_play(warm: Dispatcher, lab: LabHosts, which: str) -> None:
    """The shared master, and the Run's own ssh."""
    running = start(warm, lab.access("host1"), delay=30)

    def ssh(which: str) -> list[int]:
        return [p.pid for p in descendants().values() if p.name == "ssh" and which in p.arguments]

    await until(lambda: ssh("-N") and ssh("/bin/sh -c") and len(forks()) == 3)
    await asyncio.sleep(3)  # until the one goes through the other
    os.kill(ssh(which)[0], signal.SIGKILL)
    outcome = await asyncio.wait_for(running, 60)
    assert outcome.status in {"lost", "unreachable"}, outcome
    assert (await start(warm, lab.access("host1"))).status == "successful"


@pytest.mark.parametrize("way", ["warm", "cold"])
async def test_a_killed_worker_takes_everything_with_it(tmp_path: Path, lab: LabHosts, way: str) -> None:
    mark = f"VG_TEST_MARK={tmp_path}"
    worker = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            str(WORKER),
            str(tmp_path),
            way,
            json.dumps(dataclasses.asdict(lab.access("host1"))),
        ),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "VG_TEST_MARK": str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    assert worker.stdout
    assert await asyncio.wait_for(worker.stdout.readline(), 120) == b"running\n"
    await asyncio.sleep(0.5)
    assert len(list(marked(mark))) >= 5
    worker.kill()
    await until(lambda: not list(marked(mark)), 25)
    await worker.wait()
    left = subprocess.run(["grep", "-rl", "canary", "/dev/shm"], capture_output=True, text=True).stdout
    assert not left
