"""Runs on real hosts: results, refusals in words, cancel, and what is left behind. Everything both ways."""

import asyncio
import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import PLAYBOOKS
from lab_hosts import LabHosts
from processes import descendants
from test_warm import until

from virtgraph.dispatch import Dispatcher, HostAccess, Order, Outcome, ResourceResult

CANARY = "correct-horse-battery"
pytestmark = pytest.mark.asyncio

LOCAL = HostAccess("here", None, "root", 22, None, None, local=True)


async def run(
    dispatcher: Dispatcher,
    host: HostAccess,
    /,
    playbook: str = "report",
    timeout: float = 60,
    on_results: Callable[[list[ResourceResult]], None] = lambda _: None,
    cancel: asyncio.Event | None = None,
    **doc: Any,
) -> Outcome:
    order = Order("run-1", host, playbook, doc, {"vm": {"vnc_password": CANARY}}, timeout)
    return await dispatcher.run(order, on_results, cancel or asyncio.Event())


async def test_each_resource_reports_once_with_its_facts(dispatcher: Dispatcher, lab: LabHosts) -> None:
    seen: list[ResourceResult] = []
    items = [{"id": "a"}, {"id": "b", "failed": True, "error": "The pool is full.", "cure": "Make room."}]
    outcome = await run(dispatcher, lab.access("host1"), on_results=seen.extend, items=items, host={"cpus": 2})
    assert outcome == Outcome("successful", f"Done on {lab.access('host1').where}.", {"cpus": 2})
    assert [result.id for result in seen] == ["a", "b"]
    assert seen[0].changed and seen[0].facts == {"item": {"id": "a"}}
    assert (seen[1].failed, seen[1].error, seen[1].cure) == (True, "The pool is full.", "Make room.")


async def test_results_arrive_chunk_by_chunk_while_it_runs(dispatcher: Dispatcher, lab: LabHosts) -> None:
    seen: list[tuple[float, str]] = []

    def note(results: list[ResourceResult]) -> None:
        seen.extend((time.monotonic(), result.id) for result in results)

    items = [{"id": name} for name in "abcd"]
    outcome = await run(dispatcher, lab.access("host1"), "chunks", on_results=note, items=items, delay=1.0)
    ended = time.monotonic()
    assert outcome.status == "successful", outcome.message
    assert [name for _, name in seen] == list("abcd")
    assert all(ended - at > 0.9 for at, _ in seen)
    assert seen[0][0] < seen[2][0]


async def test_runs_side_by_side_keep_their_results_apart(dispatcher: Dispatcher, lab: LabHosts) -> None:
    seen: dict[str, list[str]] = {}

    async def one(name: str, host: str) -> Outcome:
        note = seen.setdefault(name, [])
        return await run(
            dispatcher,
            lab.access(host),
            on_results=lambda got: note.extend(r.id for r in got),
            items=[{"id": name}],
        )

    outcomes = await asyncio.gather(*(one(f"r{n}", f"host{1 + n % 2}") for n in range(6)))
    assert {outcome.status for outcome in outcomes} == {"successful"}
    assert seen == {f"r{n}": [f"r{n}"] for n in range(6)}


async def test_on_this_machine(dispatcher: Dispatcher) -> None:
    seen: list[ResourceResult] = []
    outcome = await run(dispatcher, LOCAL, on_results=seen.extend, items=[{"id": "a"}])
    assert (outcome.status, [result.id for result in seen]) == ("successful", ["a"])


async def test_an_empty_play_is_no_failure(dispatcher: Dispatcher, lab: LabHosts) -> None:
    assert (await run(dispatcher, lab.access("host1"), "empty")).status == "successful"


async def test_a_rescued_failure_is_none(dispatcher: Dispatcher, lab: LabHosts) -> None:
    seen: list[ResourceResult] = []
    outcome = await run(dispatcher, lab.access("host1"), "rescued", on_results=seen.extend)
    assert (outcome.status, [result.id for result in seen]) == ("successful", ["rescued"])


async def test_text_of_users_is_data(dispatcher: Dispatcher, lab: LabHosts, tmp_path: Path) -> None:
    made = tmp_path / "made"
    jinja = f"{{{{ lookup('ansible.builtin.pipe', 'touch {made}') }}}} {{% raw %}}"
    text = f"{jinja} $(touch {made}) ' \" \n \u2028 ]]>"
    items = [{"id": text, "{{ 1 + 1 }}": "{{ 1 + 1 }}"}]
    seen: list[ResourceResult] = []
    host = dataclasses.replace(lab.access("host1"), name="{{ lookup('pipe', 'touch " + str(made) + "') }}")
    outcome = await run(dispatcher, host, on_results=seen.extend, items=items)
    assert outcome.status == "successful", outcome.message
    assert seen[0].facts == {"item": items[0]}
    assert not made.exists()


@pytest.mark.parametrize("code", ["fenced", "libvirt", "deadline"])
async def test_a_module_that_fails_as_a_whole_says_how(dispatcher: Dispatcher, lab: LabHosts, code: str) -> None:
    outcome = await run(dispatcher, lab.access("host1"), code=code)
    assert outcome.status == code
    assert "host1" in outcome.message


async def test_a_failed_task_is_named(dispatcher: Dispatcher, lab: LabHosts) -> None:
    outcome = await run(dispatcher, lab.access("host1"), "broken")
    assert outcome.status == "failed"
    assert "host1" in outcome.message and "the pool is full" in outcome.message


@pytest.mark.parametrize("playbook", ["hidden", "missing"])
async def test_a_play_that_does_nothing_has_failed(dispatcher: Dispatcher, lab: LabHosts, playbook: str) -> None:
    assert (await run(dispatcher, lab.access("host1"), playbook)).status == "failed"


async def test_a_host_that_is_not_there(dispatcher: Dispatcher, lab: LabHosts) -> None:
    nobody = dataclasses.replace(lab.access("host1"), address=f"{lab.net}.99")
    outcome = await run(dispatcher, nobody)
    assert outcome.status == "unreachable"
    assert "host1" in outcome.message and "sshd" in outcome.message
    closed = await run(dispatcher, dataclasses.replace(lab.access("host1"), port=9))
    assert closed.status == "unreachable" and "refused" in closed.message


async def test_a_key_that_the_host_does_not_know(dispatcher: Dispatcher, lab: LabHosts, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    outcome = await run(dispatcher, dataclasses.replace(lab.access("host1"), key_file=str(other)))
    assert outcome.status == "denied"
    assert "host1" in outcome.message and str(other) in outcome.message and "authorized_keys" in outcome.message


@pytest.mark.parametrize("recorded", ["host2's", "of another type", None])
async def test_another_host_key_than_recorded(dispatcher: Dispatcher, lab: LabHosts, recorded: str | None) -> None:
    rsa = "ssh-rsa " + "AAAAB3NzaC1yc2EAAAADAQABAAAAgQC0"
    key = {"host2's": lab.access("host2").host_key, "of another type": rsa, None: None}[recorded]
    assert (await run(dispatcher, lab.access("host1"))).status == "successful"  # its master is not lent to another key
    outcome = await run(dispatcher, dataclasses.replace(lab.access("host1"), host_key=key))
    assert outcome.status == "host_key"
    assert "host1" in outcome.message and " again with its " in outcome.message


async def test_a_host_that_lost_power(dispatcher: Dispatcher, lab: LabHosts) -> None:
    host = lab.access("host2")
    assert (await run(dispatcher, host)).status == "successful"
    lab.stop("host2")
    await asyncio.sleep(5.5)  # the master's connection hangs by now, and does not know it
    began = time.monotonic()
    try:
        assert (await run(dispatcher, host)).status == "unreachable"
        assert time.monotonic() - began < 120
    finally:
        lab.start("host2")
    outcome = await run(dispatcher, host)
    assert outcome.status == "successful", outcome.message


async def test_power_lost_in_the_middle(dispatcher: Dispatcher, lab: LabHosts) -> None:
    running = asyncio.create_task(run(dispatcher, lab.access("host2"), delay=50))
    await asyncio.sleep(2)
    lab.stop("host2")
    try:
        outcome = await asyncio.wait_for(running, 120)
    finally:
        lab.start("host2")
    assert outcome.status == "unreachable"


async def test_a_cancel_ends_all_of_it(dispatcher: Dispatcher, lab: LabHosts, tmp_path: Path) -> None:
    before = set(descendants())
    cancel = asyncio.Event()
    running = asyncio.create_task(run(dispatcher, lab.access("host1"), delay=50, cancel=cancel))
    await until(lambda: len(set(descendants()) - before) >= 4)  # client, play, its worker, ssh
    cancel.set()
    began = time.monotonic()
    assert (await running).status == "cancelled"
    assert time.monotonic() - began < 25  # not the 50 s that it would have taken
    left = [process.arguments for pid, process in descendants().items() if pid not in before]
    assert len(left) == 1 and "ControlMaster=yes" in left[0]  # the master, which Runs share
    assert (await run(dispatcher, lab.access("host1"))).status == "successful"


async def test_a_run_has_a_deadline(dispatcher: Dispatcher, lab: LabHosts) -> None:
    outcome = await run(dispatcher, lab.access("host1"), delay=50, timeout=2)
    assert outcome.status == "deadline" and "2 s" in outcome.message


async def test_the_loop_goes_on_meanwhile(dispatcher: Dispatcher, lab: LabHosts) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(time.monotonic())

    ticking = asyncio.create_task(tick())
    began = time.monotonic()
    await run(dispatcher, lab.access("host1"), items=[{"id": "a"}])
    took = time.monotonic() - began
    ticking.cancel()
    assert len(ticks) > 20  # a loop that is held up ticks a few times only
    assert max(later - earlier for earlier, later in pairwise(ticks)) < took / 2


async def test_secrets_go_with_the_run(dispatcher: Dispatcher, lab: LabHosts, tmp_path: Path) -> None:
    running = asyncio.create_task(run(dispatcher, lab.access("host1"), delay=1))
    while not running.done():
        assert CANARY not in subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # ansible-runner closes its terminal after the outcome is known
    for folder in (tmp_path, Path("/dev/shm"), Path("/run/virtgraph")):
        found = subprocess.run(["grep", "-rl", CANARY, folder], capture_output=True, text=True).stdout
        assert not found
    assert not lab.sh("host1", "sh", "-c", f"grep -rl {CANARY} /tmp /root /run || true")


async def test_logs_are_kept_by_number(dispatcher: Dispatcher, tmp_path: Path) -> None:
    logs = tmp_path / "runs"
    for number in range(210):
        (logs / f"{number}.log").touch()
        os.utime(logs / f"{number}.log", (number, number))
    await run(dispatcher, LOCAL, items=[])
    kept = {path.name for path in logs.iterdir()}
    assert len(kept) == 200 and "run-1.log" in kept and "0.log" not in kept
    assert "TASK [Report]" in (logs / "run-1.log").read_text()


@pytest.mark.parametrize(
    "wrong",
    [{"address": "-oProxyCommand=x"}, {"user": "-lroot"}, {"host_key": "ssh-ed25519 AAAA\n* ssh-rsa BBBB"}],
)
async def test_what_would_be_an_option_of_ssh_is_refused(wrong: dict[str, str]) -> None:
    fine = HostAccess("host1", "10.0.0.1", "root", 22, None, "ssh-ed25519 AAAA", local=False)
    with pytest.raises(ValueError, match="is no"):
        dataclasses.replace(fine, **wrong)  # type: ignore[arg-type]


@pytest.fixture
def without_programs(tmp_path: Path) -> Iterator[Path]:
    """Memory such as /run under systemd, in which nothing can be started."""
    folder = tmp_path / "memory"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_memory_that_holds_no_programs_is_passed_over(
    lab: LabHosts, without_programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(without_programs))
    dispatcher = Dispatcher(tmp_path, playbooks=PLAYBOOKS, warm=False)
    try:
        assert (await run(dispatcher, lab.access("host1"))).status == "successful"
    finally:
        await dispatcher.close()
