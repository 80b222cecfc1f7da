"""`virtgraph host`: hosts, added, listed and removed."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from virtgraph.cli.formats import Format, Output

app = typer.Typer(help="Add, list and remove hosts.", no_args_is_help=True)


@app.command()
def add(
    name: Annotated[str, Argument(help="What people call it.")],
    address: Annotated[str | None, Option(help="Name or address that ssh reaches.")] = None,
    local: Annotated[bool, Option("--local", help="The service's own machine, without ssh.")] = False,
    id: Annotated[str | None, Option(help="A UUID, where it must be this one.")] = None,
    user: Annotated[str | None, Option(help="Whom ssh logs in as; root if left out.")] = None,
    port: Annotated[int | None, Option(help="Of its sshd; 22 if left out.")] = None,
    key_file: Annotated[str | None, Option(help="Private key, a path on the service's machine.")] = None,
    host_key: Annotated[str | None, Option(help="`ssh-ed25519 AAAA…`; else what it shows now.")] = None,
    slots: Annotated[int | None, Option(help="Runs at once; 2 if left out.")] = None,
    uplink_interface: Annotated[str | None, Option(help="Interface or OVS bridge on the trunk.")] = None,
    uplink_driver: Annotated[str | None, Option(help="ovs, 8021q or none; probed if left out.")] = None,
    segment: Annotated[str | None, Option(help="The trunk; `default` if left out.")] = None,
    label: Annotated[list[str] | None, Option(help="`key=value`; may be given again.")] = None,
    cpu_ratio: Annotated[float | None, Option(help="vCPUs per CPU; 16 if left out.")] = None,
    memory_ratio: Annotated[float | None, Option(help="Memory per memory; 1 if left out.")] = None,
    disk_ratio: Annotated[float | None, Option(help="Disk per disk; 2 if left out.")] = None,
    cpus: Annotated[int | None, Option(help="In place of what is probed.")] = None,
    memory: Annotated[str | None, Option(help="As `64gb`, in place of what is probed.")] = None,
    disk: Annotated[str | None, Option(help="As `1tb`, in place of what is probed.")] = None,
    pool_path: Annotated[
        str | None, Option(help="Where volumes lie on it; as it is, or /var/lib/libvirt/images/virtgraph, if left out.")
    ] = None,
    acceleration: Annotated[str | None, Option(help="kvm or qemu; probed if left out.")] = None,
) -> None:
    """Add a host and pin its ssh host key; the same host again is probed again."""
    from virtgraph.cli import hosts
    from virtgraph.cli.session import settings

    hosts.add(
        settings(),
        {
            "name": name,
            "address": address,
            "local": local,
            "id": id,
            "user": user,
            "port": port,
            "keyFile": key_file,
            "hostKey": host_key,
            "slots": slots,
            "uplinkInterface": uplink_interface,
            "uplinkDriver": uplink_driver,
            "segment": segment,
            "labels": label or None,
            "cpuRatio": cpu_ratio,
            "memoryRatio": memory_ratio,
            "diskRatio": disk_ratio,
            "cpus": cpus,
            "memory": memory,
            "disk": disk,
            "poolPath": pool_path,
            "acceleration": acceleration,
        },
    )


@app.command()
def ls(output: Output = Format.table) -> None:
    """List all hosts."""
    from virtgraph.cli.get import get
    from virtgraph.cli.session import settings

    get(settings(), "host", None, None, output)


@app.command()
def rm(host: Annotated[str, Argument(help="Id or name.")]) -> None:
    """Forget a host. Refused while something is placed there."""
    from virtgraph.cli import hosts
    from virtgraph.cli.session import settings

    hosts.remove(settings(), host)
