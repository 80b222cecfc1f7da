"""What keeps a command from the service ends in a sentence with its cure, never in a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from serving import COMMAND, Service, serving

HEAVY = ("strawberry", "neo4j", "ansible", "httpx", "pydantic", "yaml", "websockets")


def test_help_names_every_command(service: Service) -> None:
    helped = service.virtgraph("--help")
    for command in ("serve", "worker", "host", "apply", "get", "delete", "cancel", "events", "tree", "doctor"):
        assert f" {command} " in helped.stdout


def test_help_imports_nothing_heavy(service: Service) -> None:
    script = "import sys, runpy; sys.argv[1:] = ['--help']\n"
    script += "try: runpy.run_module('virtgraph.cli')\nexcept SystemExit: pass\n"
    script += f"print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=service.environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


COMMANDS = (
    ("get", "vms"),
    ("events",),
    ("tree", "default"),
    ("delete", "vm", "web"),
    ("cancel", "x"),
    ("host", "rm", "h"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_service(service: Service, command: tuple[str, ...]) -> None:
    sentence_with_cure(
        service.virtgraph(*command, VIRTGRAPH_URL="http://127.0.0.1:1/graphql"),
        "http://127.0.0.1:1/graphql does not answer",
        "virtgraph serve",
    )


def test_no_token(service: Service, tmp_path: Path) -> None:
    got = service.virtgraph("get", "vms", VIRTGRAPH_HOME=str(tmp_path))
    sentence_with_cure(got, f"{tmp_path}/token does not exist", "VIRTGRAPH_TOKEN")


@pytest.mark.parametrize("command", [("get", "vms"), ("events", "--follow")], ids=" ".join)
def test_wrong_token(service: Service, command: tuple[str, ...]) -> None:
    got = service.virtgraph(*command, VIRTGRAPH_TOKEN="wrong")
    sentence_with_cure(got, "does not know this token", "VIRTGRAPH_TOKEN")


def test_address_of_something_else(service: Service) -> None:
    got = service.virtgraph("get", "vms", VIRTGRAPH_URL=f"{service.base}/healthz")
    sentence_with_cure(got, "is no GraphQL service", "VIRTGRAPH_URL")


def test_no_address_at_all(service: Service) -> None:
    sentence_with_cure(service.virtgraph("get", "vms", VIRTGRAPH_URL="nonsense"), "nonsense", "VIRTGRAPH_URL")


def test_a_setting_that_cannot_be_meant(service: Service) -> None:
    got = service.virtgraph("get", "vms", VIRTGRAPH_PORT="many")
    assert "VIRTGRAPH_PORT" in got.stderr
    assert got.returncode == 2


def test_a_file_of_settings(service: Service, tmp_path: Path) -> None:
    """What it says counts, and the environment counts more."""
    file = tmp_path / "config.toml"
    file.write_text('url = "http://127.0.0.1:1/of-the-file"\n')
    named = {"VIRTGRAPH_CONFIG": str(file)}
    assert service.virtgraph("get", "vms", **named).returncode == 0, "VIRTGRAPH_URL is the service's"
    environment = {name: value for name, value in service.environment.items() if name != "VIRTGRAPH_URL"}
    got = subprocess.run([*COMMAND, "get", "vms"], env=environment | named, capture_output=True, text=True, timeout=300)
    sentence_with_cure(got, "http://127.0.0.1:1/of-the-file does not answer", "virtgraph serve")


WRONG = {
    "unknown": ("leese = 15", "There is no setting leese."),
    "of another type": ('warm = "perhaps"', "Setting VIRTGRAPH_WARM: Input should be a valid boolean"),
    "out of range": ("lease = 0", "Setting VIRTGRAPH_LEASE: Input should be greater than 0"),
    "no TOML": ("lease: 15", "cannot be read: "),
}


@pytest.mark.parametrize(("line", "reason"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", [("get", "vms"), ("serve", "--port", "0")], ids=" ".join)
def test_a_file_that_cannot_be_meant(
    service: Service, tmp_path: Path, command: tuple[str, ...], line: str, reason: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"{line}\n")
    got = service.virtgraph(*command, VIRTGRAPH_CONFIG=str(file), VIRTGRAPH_HOME=str(tmp_path / "home"))
    sentence_with_cure(got, reason, "Correct ", code=2)
    assert str(file) in got.stderr


def test_serve_on_a_port_that_is_taken(service: Service, tmp_path: Path) -> None:
    served = service.virtgraph("serve", VIRTGRAPH_HOME=str(tmp_path / "home"))
    sentence_with_cure(served, f"Cannot listen on 127.0.0.1, port {service.port}", "--port", code=1)


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=" ".join)
def test_no_graph_at_the_address(service: Service, tmp_path: Path, command: tuple[str, ...]) -> None:
    away = {"VIRTGRAPH_GRAPH_URL": "bolt://127.0.0.1:1", "VIRTGRAPH_HOME": str(tmp_path / "home")}
    begun = service.virtgraph(*command, **away)
    assert begun.returncode == 1
    assert begun.stderr.startswith("No graph answers at bolt://127.0.0.1:1")
    assert "VIRTGRAPH_GRAPH_URL" in begun.stderr.splitlines()[-1]
    assert "Traceback" not in begun.stderr


def sentence_with_cure(done: subprocess.CompletedProcess[str], sentence: str, cure: str, code: int = 3) -> None:
    first, second = done.stderr.splitlines()
    assert sentence in first
    assert cure in second
    assert done.stdout == ""
    assert done.returncode == code


def test_a_service_that_is_stopped_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    """Not even the worker that it has just begun to start: stop() waits for the children."""
    with serving(tmp_path / "home"):
        pass
