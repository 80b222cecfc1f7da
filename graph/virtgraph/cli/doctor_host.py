"""`virtgraph doctor --host`: what keeps a machine from being a good host, as it is seen from this one.

The checks are those of a probe (roles/preflight), and run by the same playbooks. A host that the service knows is
compared with its others; a machine that it does not know is looked at all the same.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from virtgraph.cli import finding, kinds
from virtgraph.cli.client import Client, Row
from virtgraph.cli.doctor import Finding, report
from virtgraph.cli.failure import Failure
from virtgraph.cli.output import say
from virtgraph.dispatch import Dispatcher
from virtgraph.fleet import scan_host_key
from virtgraph.new_host import POOL_PATH, NewHost, checked
from virtgraph.order import HostAccess, Order, Outcome
from virtgraph.settings import Settings
from virtgraph.spec.errors import Invalid

SECONDS = 180  # for all checks of a host


@dataclass(frozen=True, slots=True)
class Way:
    """How ssh gets there, and what is looked at; None where it was not said."""

    user: str | None = None
    port: int | None = None
    key_file: str | None = None
    host_key: str | None = None
    uplink_interface: str | None = None
    pool_path: str | None = None


def doctor_host(settings: Settings, name: str, way: Way) -> None:
    """`name`: of a host that the service knows, its id or address; or any machine's address."""
    known = known_hosts(settings)
    host = new_host(name, next((row for row in known if name in (row["id"], row["name"], row["address"])), None), way)
    others = [
        {"name": row["name"], "machine_id": row["machineId"], "host_uuid": row["hostUuid"]}
        for row in known
        if row["name"] != host.name
    ]
    report(asyncio.run(examine(host, others)), "refused", f"Host {host.name} cannot be used for its")


def known_hosts(settings: Settings) -> list[Row]:
    """Those of the service, if it can be asked."""
    try:
        with Client(settings) as client:
            return list(finding.all_of(client, kinds.HOST))
    except Failure as failure:
        say(f"It is compared with no other host. {' '.join(failure.lines)}", error=True)
        return []


def new_host(name: str, row: Row | None, way: Way) -> NewHost:
    """As the service knows it, and else as `host add` would take it; what was given counts more."""
    host = NewHost(name=name, address=name)
    if row is not None:
        host = NewHost(
            name=row["name"],
            address=row["address"],
            user=row["user"] or host.user,
            port=row["port"] or host.port,
            key_file=row["keyFile"],
            host_key=row["hostKey"],
            local=row["local"],
            uplink_interface=row["uplinkInterface"],
            pool_path=next((pool["path"] for pool in row["pools"]), None),
        )
    given = {field: value for field in Way.__slots__ if (value := getattr(way, field)) is not None}
    return replace(host, **given)


async def examine(host: NewHost, others: list[Row]) -> list[Finding]:
    """Whether it can be reached, and then what it says of itself."""
    try:
        host = checked(host)
        if not host.local and host.host_key is None:
            host = replace(host, host_key=await scan_host_key(host))
    except Invalid as invalid:
        return [Finding("reachability", " ".join(problem.reason for problem in invalid.problems))]
    outcome = await ask(host, others)
    if outcome.status != "successful":
        return [Finding("reachability", outcome.message)]
    found = outcome.host_facts["findings"]
    return [
        Finding("reachability"),
        *(Finding(one["check"], one["wrong"], one["cure"], needed=one["refuses"]) for one in found),
    ]


async def ask(host: NewHost, others: list[Row]) -> Outcome:
    access = HostAccess(host.name, host.address, host.user, host.port, host.key_file, host.host_key, host.local)
    doc = {"uplink": host.uplink_interface, "pool_path": host.pool_path or POOL_PATH, "others": others}
    with tempfile.TemporaryDirectory(prefix="virtgraph-doctor-") as folder:
        dispatcher = Dispatcher(Path(folder), warm=False)
        try:
            order = Order("doctor", access, "preflight", doc, {}, SECONDS)
            return await dispatcher.run(order, lambda results: None, asyncio.Event())
        finally:
            await dispatcher.close()
