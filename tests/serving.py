"""The real service for tests: `virtgraph serve` in a process, on a port and in a folder of its own.

With VIRTGRAPH_GRAPH_URL (…_USER, …_PASSWORD) in `environment` it runs on that graph, else on the embedded one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from engines import Engine, free_port
from processes import all_processes, descendants

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "virtgraph.cli")
START_SECONDS = 180
STOP_SECONDS = 120
PR_SET_PDEATHSIG = 1
PLAIN: Mapping[str, Any] = {"trust_env": False, "verify": False}  # no proxy; reading all certificates takes 40 ms


class Service:
    """Started and stopped as a test wants it; the folder and the port stay the same."""

    command: Sequence[str] = COMMAND
    cwd: Path | None = None

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.base}/graphql"
        self.log = home.with_name(f"{home.name}.log")
        self.environment = clean(os.environ) | {
            "PYTHONPATH": os.pathsep.join((str(ROOT / "graph"), str(ROOT / "graphql"))),
            "VIRTGRAPH_HOME": str(home),
            "VIRTGRAPH_URL": self.url,
            "VIRTGRAPH_PORT": str(self.port),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Returns when requests can be answered."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """To be called in a thread that lives as long as the service should."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (*self.command, "serve"),
                env=self.environment,
                cwd=self.cwd,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def wait_until_ready(self) -> None:
        assert self._process
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the service is not ready:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """As a service manager does; it must end by itself, and its children with it. Stopping what does not run is fine."""
        if self._process:
            children = descendants(self.pid)
            self._process.terminate()
            assert self._process.wait(STOP_SECONDS) in (0, -signal.SIGTERM), self.log.read_text()[-4000:]
            self._process = None
            until = time.monotonic() + STOP_SECONDS
            while left := children.keys() & {process.pid for process in all_processes()}:
                assert time.monotonic() < until, f"still there: {left}"
                time.sleep(0.02)

    def kill9(self) -> None:
        """At once: nothing can be put away."""
        assert self._process
        self._process.kill()
        self._process.wait()
        self._process = None

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        answer = httpx.post(
            self.url,
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=120,
            **PLAIN,
        ).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def virtgraph(self, *arguments: str, input: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of the CLI, which finds this service by its environment."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment | environment,
            cwd=self.cwd,
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.base}/readyz", timeout=5, **PLAIN).is_success
        except httpx.TransportError:
            return False


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the settings of whoever runs the tests."""
    return {name: value for name, value in environment.items() if not name.startswith("VIRTGRAPH_")}


def on(engine: Engine) -> dict[str, str]:
    """The environment of a service on this graph."""
    return {
        "VIRTGRAPH_GRAPH_URL": engine.url,
        "VIRTGRAPH_GRAPH_USER": engine.user,
        "VIRTGRAPH_GRAPH_PASSWORD": engine.password,
    }


@contextmanager
def serving(home: Path, **environment: str) -> Iterator[Service]:
    """A service that answers, until the block ends."""
    with started(Service(home, **environment)) as service:
        yield service


@contextmanager
def started(service: Service) -> Iterator[Service]:
    service.start()
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def working(served: Service, log: Path) -> Iterator[int]:
    """`virtgraph worker` beside a service, on its graph, until the block ends; its process."""
    with log.open("ab") as said:
        command = ["setpriv", "--pdeathsig", "KILL", *COMMAND, "worker"]
        process = subprocess.Popen(command, env=served.environment, stdout=said, stderr=said)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            assert process.wait(STOP_SECONDS) == 0, log.read_text()[-4000:]
        finally:
            process.kill()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
