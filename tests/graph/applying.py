"""Documents as tests write them, and what the graph holds after them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playing import ME

from virtgraph import spec
from virtgraph.apply.call import Applied, Edit, Request, apply
from virtgraph.apply.documents import AppliedDocument, apply_document
from virtgraph.apply.edits import Editing
from virtgraph.secrets import Vault
from virtgraph.spec.errors import Invalid
from virtgraph.store.graph import Graph, Row

VAULT = Vault(b"0" * 32)
SEED = (Path(__file__).parents[2] / "examples/n0core.yaml").read_text()
SEED_HOST = "85cf3a3a-18e4-4fe2-b406-9e79079cae07"

ATTACHED = {"r": "n0stack/n0core/vm/attachments"}
ON_NETWORK = {"r": "n0stack/n0core/port/network"}


async def put(
    graph: Graph,
    document: str | dict[str, Any],
    stack: str = "default",
    *,
    prune: bool = False,
    key: str | None = None,
    images: Path | None = None,
) -> AppliedDocument:
    """Apply a document: its text, or the resources of its `spec`."""
    text = document if isinstance(document, str) else written(document)
    return await apply_document(
        graph, VAULT, text, stack=stack, prune=prune, idempotency_key=key, caller=ME, images=images
    )


async def edit(
    graph: Graph, editing: Editing, stack: str = "default", *, key: str | None = None, input: str = ""
) -> Applied:
    return await apply(graph, VAULT, Request(stack, editing, ME, idempotency_key=key, input=input))


async def typed(graph: Graph, resources: dict[str, Any], stack: str = "default") -> Applied:
    """The same resources as typed mutations make them."""
    wish = spec.wish(spec.parse(written(resources)), stack)
    return await edit(graph, lambda _: Edit(wish), stack)


def written(resources: dict[str, Any], **annotations: Any) -> str:
    named = {f"n0stack/scheduling/{name}": value for name, value in annotations.items()}
    return json.dumps({"version": 0, **({"annotations": named} if named else {}), "spec": resources})


def network(vlan: int | None = 100, cidr: str = "10.0.0.0/24", pool: str | None = None, **more: Any) -> dict[str, Any]:
    """`pool`: the DHCP range; left out: the first nine addresses."""
    base = cidr.partition("/")[0].rpartition(".")[0]
    subnet = {"cidr": cidr, "dhcp": {"range": pool or f"{base}.1-{base}.9"}}
    parameters = {**({"vlan_id": vlan} if vlan is not None else {}), **more.pop("parameters", {})}
    kind = "vlan" if vlan is not None else "flat"
    return {"type": f"resource/network/{kind}", "subnets": [subnet], "parameters": parameters, **more}


def nic(network: str | dict[str, Any] = "net", **more: Any) -> dict[str, Any]:
    target = {"variable": network} if isinstance(network, str) else network
    return {"type": "resource/nic", **more, "relations": [{"object": target, "property": dict(ON_NETWORK)}]}


def volume(size: str = "1gb", **more: Any) -> dict[str, Any]:
    return {"type": "resource/volume/file", "size": size, **more}


def vm(*attached: dict[str, Any], **more: Any) -> dict[str, Any]:
    dependencies = [{"object": one, "property": dict(ATTACHED)} for one in attached]
    return {"type": "resource/vm/kvm", "memory": "1gb", **more, "dependencies": dependencies}


def problems(error: Invalid) -> dict[str, str]:
    return {problem.path: problem.reason for problem in error.problems}


async def one(graph: Graph, statement: str, **parameters: Any) -> Row:
    rows = await graph.read(statement, **parameters)
    assert len(rows) == 1, rows
    return rows[0]


async def values(graph: Graph, statement: str, **parameters: Any) -> list[Any]:
    """The one column of every row."""
    return [next(iter(row.values())) for row in await graph.read(statement, **parameters)]


async def states(graph: Graph) -> dict[str, str]:
    """By name or key the state of each resource that is not deleted."""
    rows = await graph.read(
        """
        MATCH (r:Resource) WHERE r.deletedAt IS NULL AND NOT r.kind IN ['Host', 'Pool']
        RETURN coalesce(r.name, r.key) AS name, r.state AS state
        """
    )
    return {row["name"]: row["state"] for row in rows}


async def open_operations(graph: Graph) -> dict[str, str]:
    """By the name of its resource the state of each operation that is not finished."""
    rows = await graph.read(
        "MATCH (o:Operation) WHERE o.state IN ['PENDING', 'RUNNING'] RETURN o.resourceName AS name, o.state AS state"
    )
    return {row["name"]: row["state"] for row in rows}
