"""What runs on the hosts now: one libvirt connection per host stays open and tells of changes that are not our doing.

An event is only a hint: the host is looked at again, and what differs from the graph is written.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import libvirt
import libvirtaio
import structlog

from virtgraph.look import Look, look, marked
from virtgraph.one_thread import OneThread
from virtgraph.order import HostAccess
from virtgraph.ssh import Masters
from virtgraph.store import observations
from virtgraph.store.graph import Graph, Row
from virtgraph.store.observations import Observation

log = structlog.get_logger()
T = TypeVar("T")

LOOK_FOR_HOSTS = 2.0  # seconds
ANSWER_SECONDS = 15.0  # libvirt's calls have no limit of their own
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
GATHER = 0.05  # seconds in which events count as one
AT_ONCE = 200  # things whose marks are read by one call that has to end in time
LOOK_AGAIN = 60.0  # seconds, where no event came: a new volume makes none


@dataclass(slots=True)
class Observer:
    """Watches every host that is READY. `announce` is called when something was written."""

    graph: Graph
    installation: str
    folder: Path  # for ssh's files; private, on tmpfs
    announce: Callable[[], None]
    _watching: dict[str, tuple[Row, asyncio.Task[None]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        libvirt.registerErrorHandler(lambda context, error: None, None)
        libvirtaio.virEventRegisterAsyncIOImpl()  # before the first connection
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            while True:
                try:
                    self.watch({row["id"]: row for row in await observations.hosts_to_watch(self.graph)})
                except Exception as error:
                    log.warning("hosts cannot be read now", error=str(error))
                await asyncio.sleep(LOOK_FOR_HOSTS)
        finally:
            for _, task in self._watching.values():
                task.cancel()
            await asyncio.gather(*(task for _, task in self._watching.values()), return_exceptions=True)

    def watch(self, hosts: dict[str, Row]) -> None:
        """One task per host, made anew when the way to it has changed."""
        for id, (row, task) in list(self._watching.items()):
            if hosts.get(id) != row:
                task.cancel()
                del self._watching[id]
        for id, row in hosts.items():
            if id not in self._watching:
                self._watching[id] = (row, asyncio.create_task(Watch(self, row).run()))


@dataclass(slots=True)
class Watch:
    """One host: connected, and connected again."""

    observer: Observer
    host: Row
    _thread: OneThread = field(init=False)  # every call to libvirt is made there
    _hint: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: bool | None = None
    _pause: float = FIRST_PAUSE
    _foreign: frozenset[str] = frozenset()  # what is called as ours is, and does not bear our mark

    async def run(self) -> None:
        with OneThread() as self._thread:
            while True:
                try:
                    await self.tell(await self.stay_connected())
                except Exception as error:
                    log.warning("a host could not be observed", host=self.host["name"], error=str(error))
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def stay_connected(self) -> str:
        """For as long as that lasts; says why it ended."""
        self._closed.clear()
        self._foreign = frozenset()
        undo = ExitStack()
        try:
            connection = await self.ask(self.open, self.uri(), undo)
            self._pause = FIRST_PAUSE
            await self.follow(connection)
        except libvirt.libvirtError as error:
            if not self._closed.is_set():
                return str(error)
        finally:
            self._thread.submit(close, undo)  # after the call that hangs, if one does
        return "its libvirt connection was cut"

    async def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """What libvirt answers. A call that hangs is waited for: nothing can end it, and another one would hang too."""
        answer = asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            await self.tell(f"no answer within {ANSWER_SECONDS:g} s")
            return await answer

    def open(self, uri: str, undo: ExitStack) -> Any:
        """`undo` is what ends it: libvirt keeps a connection that is closed while something listens to it."""
        connection = libvirt.open(uri)
        undo.callback(connection.close)
        connection.setKeepAlive(5, 2)
        connection.registerCloseCallback(lambda *_: self.cut(), None)
        undo.callback(connection.unregisterCloseCallback)
        domains = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda *_: self._hint.set(), None
        )
        undo.callback(connection.domainEventDeregisterAny, domains)
        networks = connection.networkEventRegisterAny(
            None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, lambda *_: self._hint.set(), None
        )
        undo.callback(connection.networkEventDeregisterAny, networks)
        return connection

    def cut(self) -> None:
        self._closed.set()
        self._hint.set()

    def uri(self) -> str:
        """libvirt's ssh knows no pinned key of ours: it is given a command that does."""
        if self.host["local"]:
            return "qemu:///system"
        access = HostAccess(
            self.host["name"], self.host["address"], self.host["user"], self.host["port"],
            self.host["keyFile"], self.host["hostKey"], local=False,
        )  # fmt: skip
        folder = self.observer.folder
        command = folder / f"ssh-{self.host['id']}"
        key = ["-i", access.key_file] if access.key_file else []
        # no master has its socket in this folder, so the connection is one of its own
        arguments = shlex.join(["ssh", *Masters(folder).options(access), *key])
        command.write_text(f'#!/bin/sh\nexec {arguments} "$@"\n')
        command.chmod(0o700)
        address = f"[{access.address}]" if ":" in str(access.address) else access.address
        return f"qemu+ssh://{quote(access.user)}@{address}:{access.port}/system?command={quote(str(command))}"

    async def follow(self, connection: Any) -> None:
        """Look once, and again at each hint, until the connection is closed."""
        self._hint.set()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._hint.wait()
            await asyncio.sleep(GATHER)
            self._hint.clear()
            if self._closed.is_set():
                return
            changed = await self.observe(connection)
            await self.tell(None)
            if changed:
                self.observer.announce()

    async def observe(self, connection: Any) -> bool:
        """Look, and write what differs from the graph; True where something did."""
        graph, host = self.observer.graph, self.host["id"]
        began = await observations.now(graph)
        known = await observations.known(graph, host)
        seen = await self.ask(look, connection, self.host["poolPath"])
        strange = seen.ids - known.ids - known.found
        ours: set[str] = set()
        for ids in batched(sorted(strange - self._foreign), AT_ONCE):
            ours.update(await self.ask(self.marked, connection, seen, ids))
        self._foreign = strange - ours
        found = (known.found & seen.ids) | ours
        observation = Observation(host, began, seen.powers, seen.networks, found)
        return await observations.write(graph, observation, known)

    def marked(self, connection: Any, seen: Look, ids: Sequence[str]) -> list[str]:
        return list(marked(connection, seen, ids, self.observer.installation, self.host["poolPath"]))

    async def tell(self, error: str | None) -> None:
        """Keep in the graph whether the host answers, when that changes."""
        if self._answers == (error is None):
            return
        words = None if error is None else f"libvirt on host {self.host['name']} does not answer: {error}"
        await observations.host_answers(self.observer.graph, self.host["id"], words)
        self._answers = error is None
        self.observer.announce()


def batched(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def close(undo: ExitStack) -> None:
    with suppress(libvirt.libvirtError):  # the connection was cut
        undo.close()
