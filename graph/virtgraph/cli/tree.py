"""`virtgraph tree`: a stack as a table whose first column is a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from virtgraph.cli import kinds
from virtgraph.cli.client import Client, Row
from virtgraph.cli.finding import PAGE_INFO, one
from virtgraph.cli.kinds import named
from virtgraph.cli.output import show_table, size
from virtgraph.settings import Settings

VMS = f"""
query ($stack: String, $first: Int, $after: String) {{
  vms(filter: {{stack: $stack}}, first: $first, after: $after) {{
    nodes {{
      id name state vcpus memory acceleration vncPort host {{ id name }}
      nics {{ id name state ipAddresses hwAddr network {{ id name }} }}
      attachments {{ bootPriority volume {{ id name state size url sourceFile host {{ id name }} }} }}
    }}
    {PAGE_INFO}
  }}
}}
"""
NETWORKS = f"""
query ($stack: String, $first: Int, $after: String) {{
  networks(filter: {{stack: $stack}}, first: $first, after: $after) {{
    nodes {{
      id name state type vlanId subnets {{ cidr }} bindings {{ state host {{ id name }} bridge uplink dhcp }}
    }}
    {PAGE_INFO}
  }}
}}
"""
LOOSE = f"""
query ($stack: String, $first: Int, $after: String) {{
  volumes(filter: {{stack: $stack}}, first: $first, after: $after) {{
    nodes {{ id name state size url sourceFile host {{ id name }} vms {{ id }} }}
    {PAGE_INFO}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Branch:
    label: str
    state: str
    host: str
    details: str
    twigs: Sequence[Branch] = ()


def tree(settings: Settings, reference: str) -> None:
    with Client(settings) as client:
        stack = one(client, kinds.STACK, reference)
        name = stack["name"]
        branches = [
            *(_network(row) for row in client.pages(NETWORKS, "networks", stack=name)),
            *(_vm(row) for row in client.pages(VMS, "vms", stack=name)),
            *(_volume(row) for row in client.pages(LOOSE, "volumes", stack=name) if not row["vms"]),
        ]
    last = next(iter(stack["revisions"]["nodes"]), None)
    trunk = Branch(f"stack {name}", (last or {}).get("state") or "", "", f"revision {stack['revision']}", branches)
    show_table(("RESOURCE", "STATE", "HOST", "DETAILS"), list(_rows(trunk, "", "")))


def _rows(branch: Branch, first: str, rest: str) -> Iterator[tuple[str, str, str, str]]:
    yield f"{first}{branch.label}", branch.state, branch.host, branch.details
    for n, twig in enumerate(branch.twigs, 1):
        is_last = n == len(branch.twigs)
        yield from _rows(twig, rest + ("└─ " if is_last else "├─ "), rest + ("   " if is_last else "│  "))


def _network(row: Row) -> Branch:
    tag = f"VLAN {row['vlanId']}" if row["vlanId"] else row["type"]
    cidrs = " ".join(subnet["cidr"] for subnet in row["subnets"])
    bridges = [_bridge(binding) for binding in row["bindings"] if binding["bridge"]]
    return Branch(f"network {named(row)}", row["state"], "", _joined(tag, cidrs), bridges)


def _bridge(row: Row) -> Branch:
    dhcp = f"DHCP {row['dhcp']}" if row["dhcp"] else ""
    return Branch(f"bridge {row['bridge']}", row["state"], named(row["host"]), _joined(row["uplink"], dhcp))


def _vm(row: Row) -> Branch:
    console = f"VNC {row['vncPort']}" if row["vncPort"] else ""
    details = _joined(f"{row['vcpus']} vCPU", size(row["memory"]), row["acceleration"], console)
    volumes = [_volume(a["volume"], a["bootPriority"]) for a in row["attachments"] if a["volume"]]
    return Branch(f"vm {named(row)}", row["state"], named(row["host"]), details, [*map(_nic, row["nics"]), *volumes])


def _nic(row: Row) -> Branch:
    details = _joined(*row["ipAddresses"], row["hwAddr"], f"on {named(row['network'])}")
    return Branch(f"nic {row['name'] or ''}".strip(), row["state"], "", details)


def _volume(row: Row, boot: int | None = None) -> Branch:
    source = f"from {row['sourceFile']}" if row["sourceFile"] else ""
    details = _joined(size(row["size"]), source, f"boots {boot}" if boot else "")
    return Branch(f"volume {row['name'] or ''}".strip(), row["state"], named(row["host"]), details)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
