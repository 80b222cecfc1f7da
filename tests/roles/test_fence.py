"""Two claims on one host: real processes, and the newer one wins, whoever comes first."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hold import INSTALLATION

Hold = Callable[[int], "subprocess.Popen[str]"]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    started: list[subprocess.Popen[str]] = []

    def start(fence: int) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).with_name("hold.py")), str(tmp_path), str(fence)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def check(process: "subprocess.Popen[str]") -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return said(process)


def recorded(root: Path) -> dict[str, object]:
    record: dict[str, object] = json.loads((root / INSTALLATION / "slot-0.json").read_text())
    return record


def test_a_lower_number_is_refused(hold: Hold, tmp_path: Path) -> None:
    newer = hold(5)
    assert said(newer) == "held"
    assert said(hold(4)) == "fenced"
    assert check(newer) == "checked"
    assert recorded(tmp_path)["fence"] == 5


def test_the_holder_of_a_lower_number_is_ended(hold: Hold) -> None:
    older = hold(4)
    assert said(older) == "held"
    assert said(hold(5)) == "held"
    assert older.wait(5) == -signal.SIGKILL


def test_a_stopped_holder_is_ended_too(hold: Hold) -> None:
    older = hold(4)
    assert said(older) == "held"
    older.send_signal(signal.SIGSTOP)
    assert said(hold(5)) == "held"
    assert older.wait(5) == -signal.SIGKILL


def test_what_a_killed_holder_leaves_hinders_nobody(hold: Hold) -> None:
    killed = hold(4)
    assert said(killed) == "held"
    killed.kill()
    killed.wait()
    assert said(hold(4)) == "held"


def test_a_number_that_another_process_got_is_not_killed(hold: Hold, tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        folder = tmp_path / INSTALLATION
        folder.mkdir()
        (folder / "slot-0.json").write_text(json.dumps({"fence": 1, "pid": bystander.pid, "start": "1"}))
        assert said(hold(2)) == "held"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_claim_recorded_while_one_works_stops_it_before_its_next_change(hold: Hold, tmp_path: Path) -> None:
    older = hold(4)
    assert said(older) == "held"
    (tmp_path / INSTALLATION / "slot-0.json").write_text(json.dumps({"fence": 5}))
    assert check(older) == "fenced"


def test_at_its_end_a_holder_leaves_its_number_alone(hold: Hold, tmp_path: Path) -> None:
    holder = hold(4)
    assert said(holder) == "held"
    holder.communicate(timeout=5)
    assert recorded(tmp_path) == {"fence": 4}
