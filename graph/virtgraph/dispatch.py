"""Runs on hosts: the only module that knows ansible-runner.

An order becomes a private folder, one ansible-runner call in a thread, results while it runs, and an outcome
in words. Nothing here decides what should happen, or writes to the graph.
"""

import asyncio
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import ansible_runner

from virtgraph import paths, run_folder, run_logs
from virtgraph.order import HostAccess, Order, Outcome, ResourceResult
from virtgraph.outcome import Reading
from virtgraph.run_logs import RunLogs
from virtgraph.ssh import Masters, Refused
from virtgraph.warm import environment
from virtgraph.warm.process import WarmProcess

__all__ = ["Dispatcher", "HostAccess", "Order", "Outcome", "ResourceResult"]

MOST = 64  # Runs at once; the worker's slots are fewer
OnResults = Callable[[list[ResourceResult]], None]


class Dispatcher:
    """Lives as long as its worker, within one event loop."""

    def __init__(self, home: Path, warm: bool = True, playbooks: Path | None = None) -> None:
        self._logs = RunLogs(home / "runs")
        self._runtime = run_folder.RuntimeFolder()
        self._playbooks = playbooks or paths.playbooks()
        callbacks = Path(ansible_runner.__file__).with_name("display_callback") / "callback"
        self._environment = environment.make(self._runtime.path, self._playbooks)
        self._masters = Masters(self._runtime.path / "ssh")
        self._warm: WarmProcess | None = None
        if warm:
            warm_environment = environment.for_warm_process(self._environment, callbacks)
            self._warm = WarmProcess(self._runtime.path / "warm", warm_environment, home / "warm.log")
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="run")
        self._ending: set[asyncio.Future[int | None]] = set()

    @property
    def runtime(self) -> Path:
        """A private folder in memory that goes with this dispatcher."""
        return self._runtime.path

    async def start(self) -> None:
        """Wait until the warm process answers. Runs do not need it: they go the cold way till then."""
        if self._warm:
            await self._warm.ready()

    async def run(self, order: Order, on_results: OnResults, cancel: asyncio.Event) -> Outcome:
        """One play on one host. `on_results` is called in the event loop, before this returns.

        What the host or Ansible does is an Outcome; what is raised is a mistake of ours.
        """
        work = asyncio.create_task(self._perform(order, on_results))
        cancelled = asyncio.create_task(cancel.wait())
        try:
            await asyncio.wait({work, cancelled}, timeout=order.timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
            if work.cancel():
                await asyncio.wait({work})  # until nothing of the Run lives on this machine
        if not work.cancelled():
            return work.result()
        if cancel.is_set():
            return Outcome("cancelled", f"The work on {order.host.where} was cancelled.")
        return Outcome("deadline", f"The work on {order.host.where} took more than {order.timeout:g} s and was ended.")

    async def close(self) -> None:
        if self._ending:
            await asyncio.wait(self._ending)
        if self._warm:
            await self._warm.close()
        await self._masters.close()
        self._threads.shutdown()
        self._runtime.close()

    async def _perform(self, order: Order, on_results: OnResults) -> Outcome:
        try:
            ssh_options = await self._connect(order.host)
        except Refused as refused:
            return Outcome(refused.status, str(refused))
        socket = await self._warm.socket() if self._warm else None
        call = _Call(order, on_results)
        ended = asyncio.get_running_loop().run_in_executor(self._threads, self._call, call, ssh_options, socket)
        self._ending.add(ended)
        ended.add_done_callback(self._ending.discard)
        try:
            # With the play's last event all is known; ansible-runner needs 0.1 s more to close its terminal.
            either: set[asyncio.Future[Any]] = {ended, call.played}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            call.stop.set()
            await asyncio.wait({ended})
            raise
        return call.reading.outcome(ended.result() if ended.done() else None)

    async def _connect(self, host: HostAccess) -> list[str]:
        if host.local:
            return []
        await self._masters.open(host)
        return self._masters.options(host)

    def _call(self, call: "_Call", ssh_options: list[str], socket: Path | None) -> int | None:
        """In a thread. The exit code of ansible-playbook; None when it was killed."""
        folder = run_folder.make(self._runtime.path / "runs", call.order, ssh_options)
        own = {"VIRTGRAPH_RUN_FOLDER": str(folder), "VIRTGRAPH_WARM_SOCKET": str(socket or "")}
        code: int | None = None
        try:
            with self._logs.open(call.order.run) as log:
                runner = ansible_runner.run(
                    private_data_dir=str(folder),
                    project_dir=str(self._playbooks),
                    playbook=f"{call.order.playbook}.yml",
                    inventory=str(folder / run_folder.INVENTORY),
                    tags=",".join(call.order.roles) or None,
                    envvars={**self._environment, **own},
                    suppress_env_files=True,
                    fact_cache_type="none",
                    quiet=True,
                    event_handler=partial(call.take, log),
                    cancel_callback=call.stop.is_set,
                )
            code = runner.rc
        except FileNotFoundError:
            if folder.exists():
                raise
            # The play's guard took us for dead: ansible-runner closes its terminal before it writes the last file.
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if call.mistake:
            raise call.mistake
        return code


class _Call:
    """What the thread of one ansible-runner call and the event loop share."""

    def __init__(self, order: Order, on_results: OnResults) -> None:
        self.order = order
        self.on_results = on_results
        self.reading = Reading(order.host)
        self.stop = threading.Event()
        self.loop = asyncio.get_running_loop()
        self.played: asyncio.Future[None] = self.loop.create_future()
        self.mistake: Exception | None = None

    def take(self, log: TextIO, event: Mapping[str, Any]) -> bool:
        """In the thread. An exception would leave Ansible running: it ends the Run, and is raised after it."""
        try:
            if results := self.reading.take(event):
                self.loop.call_soon_threadsafe(self.on_results, results)
            if self.reading.finished:
                self.loop.call_soon_threadsafe(_done, self.played)
            run_logs.write(log, event)
        except Exception as mistake:
            self.mistake = mistake
            self.stop.set()
        return False  # no file for the event


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
