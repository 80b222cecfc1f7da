"""`virtgraph events` while the connection to the service is cut: nothing is missing, nothing comes twice."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving import COMMAND, Service
from wire import wire

from virtgraph.graphdb.folder import ServerFolder

SECONDS = 120


@asynccontextmanager
async def started(service: Service, url: str, *arguments: str) -> AsyncIterator[Process]:
    """A command that goes on; terminated with the block."""
    environment = service.environment | {"VIRTGRAPH_URL": url}
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, env=environment, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def line(process: Process) -> str:
    assert process.stdout
    return (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode().rstrip("\n")


def listed(service: Service, stack: str) -> list[str]:
    return service.virtgraph("events", "--stack", stack, "-o", "json").stdout.splitlines()


def change(service: Service, stack: str, *vlans: int) -> None:
    """A revision, which is an event."""
    networks = "".join(
        f"  n{vlan}: {{type: resource/network/vlan, parameters: {{vlan_id: {vlan}}}}}\n" for vlan in vlans
    )
    applied = service.virtgraph("apply", "-", "--stack", stack, input=f"version: 0\nspec:\n{networks}")
    assert applied.returncode == 0, applied.stderr


async def test_follow_is_cut_before_its_first_event(service: Service) -> None:
    change(service, "cut", 301)  # of the past
    past = listed(service, "cut")
    async with (
        wire(service) as between,
        started(service, between.url, "events", "--follow", "--stack", "cut", "-o", "json") as follower,
    ):
        await asyncio.wait_for(between.tried.wait(), SECONDS)
        between.cut()
        await asyncio.to_thread(change, service, "cut", 301, 302)
        between.mend()
        heard = [await line(follower)]
        await asyncio.to_thread(change, service, "cut", 301, 302, 303)
        heard.append(await line(follower))
    assert heard == listed(service, "cut")[len(past) :]


async def test_follow_begins_while_the_graph_is_away(service: Service) -> None:
    change(service, "away", 331)
    async with (
        wire(service) as between,
        started(
            service, between.url, "events", "--follow", "--after", "0", "--stack", "away", "-o", "json"
        ) as follower,
    ):
        heard = [await line(follower)]
        between.cut()
        server = ServerFolder(service.home / "graph").record
        assert server
        os.kill(server.pid, signal.SIGKILL)
        between.mend()
        await asyncio.wait_for(between.tried.wait(), SECONDS)
        await asyncio.to_thread(service.wait_until_ready)
        await asyncio.to_thread(change, service, "away", 331, 332)
        heard.append(await line(follower))
    assert heard == listed(service, "away")


async def test_a_list_that_is_cut_is_whole(service: Service) -> None:
    change(service, "whole", 311)
    change(service, "whole", 311, 312)
    expected = service.virtgraph("events", "-o", "json").stdout
    async with wire(service) as between:
        between.cut()
        async with started(service, between.url, "events", "-o", "json") as listing:
            await asyncio.wait_for(between.tried.wait(), SECONDS)
            between.mend()
            told, _ = await asyncio.wait_for(listing.communicate(), SECONDS)
    assert told.decode() == expected != ""
    assert listing.returncode == 0


def test_a_list_of_nothing_new_ends(service: Service) -> None:
    change(service, "ends", 321)
    newest = service.virtgraph("events").stdout.splitlines()[-1].split()[0]
    assert service.virtgraph("events", "--after", newest).stdout == ""
    beyond = service.virtgraph("events", "--after", str(int(newest) + 1000))
    assert f"the newest is {newest}" in beyond.stderr
    assert beyond.returncode == 1
