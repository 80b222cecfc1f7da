"""What runs on the hosts now: one libvirt connection per host stays open and tells of changes that are not our doing.

An event is only a hint: the host is looked at again, and what differs from the graph is written.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import libvirt
import libvirtaio
import structlog

from virtgraph.order import HostAccess
from virtgraph.ssh import Masters
from virtgraph.store import observations
from virtgraph.store.graph import Graph, Row
from virtgraph.store.observations import Observation

log = structlog.get_logger()

LOOK_FOR_HOSTS = 2.0  # seconds
OPEN_SECONDS = 15.0  # libvirt's open has no limit of its own
LONGEST_PAUSE = 30.0
GATHER = 0.05  # seconds in which events count as one
PREFIX = "vg-"
POWERS = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "running",
    libvirt.VIR_DOMAIN_SHUTOFF: "shutoff",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "suspended",
}


@dataclass(slots=True)
class Observer:
    """Watches every host that is READY. `announce` is called when something was written."""

    graph: Graph
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
    _hint: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: bool | None = None

    async def run(self) -> None:
        pause = 0.5
        while True:
            try:
                connection = await self.open()
                pause = 0.5
                try:
                    await self.follow(connection)
                finally:
                    await asyncio.to_thread(close, connection)
                await self.tell("its libvirt connection was cut")
            except (libvirt.libvirtError, TimeoutError) as error:
                await self.tell(str(error) or "no answer within 15 s")
            except Exception as error:
                log.warning("a host could not be observed", host=self.host["name"], error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def open(self) -> Any:
        self._closed.clear()
        uri = self.uri()
        async with asyncio.timeout(OPEN_SECONDS):
            connection = await asyncio.to_thread(libvirt.open, uri)
        connection.registerCloseCallback(lambda *_: self.cut(), None)
        connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda *_: self._hint.set(), None
        )
        connection.networkEventRegisterAny(
            None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, lambda *_: self._hint.set(), None
        )
        if not self.host["local"]:
            connection.setKeepAlive(5, 2)
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
            await self._hint.wait()
            await asyncio.sleep(GATHER)
            self._hint.clear()
            if self._closed.is_set():
                return
            began = await observations.now(self.observer.graph)
            powers = await asyncio.to_thread(powers_on, connection)
            networks = await asyncio.to_thread(networks_on, connection)
            seen = Observation(self.host["id"], began, powers, networks)
            changed = await observations.write(self.observer.graph, seen)
            await self.tell(None)
            if changed:
                self.observer.announce()

    async def tell(self, error: str | None) -> None:
        """Keep in the graph whether the host answers, when that changes."""
        if self._answers == (error is None):
            return
        words = None if error is None else f"libvirt on host {self.host['name']} does not answer: {error}"
        await observations.host_answers(self.observer.graph, self.host["id"], words)
        self._answers = error is None
        self.observer.announce()


def powers_on(connection: Any) -> dict[str, str]:
    """The power state of each domain of ours, by the VM's id: its UUID, which its name repeats."""
    every = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)  # one call, however many there are
    return {
        id: POWERS.get(stats["state.state"], "running")
        for domain, stats in every
        if domain.name() == f"{PREFIX}{(id := domain.UUIDString())}"
    }


def networks_on(connection: Any) -> frozenset[str]:
    """Networks of ours that are active, by id: their UUID, which their name repeats."""
    active = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    return frozenset(id for n in active if n.name() == f"{PREFIX}{(id := n.UUIDString())}")


def close(connection: Any) -> None:
    with suppress(libvirt.libvirtError):
        connection.close()
