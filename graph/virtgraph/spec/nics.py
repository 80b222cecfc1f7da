"""NICs: `resource/nic`."""

from __future__ import annotations

from virtgraph.model.wanted import Address, Reference, WantedNIC
from virtgraph.spec import units
from virtgraph.spec.addresses import address
from virtgraph.spec.declared import Declared
from virtgraph.spec.shapes import Meaning

MOST_ADDRESSES = 64


def read_nic(declared: Declared) -> WantedNIC:
    return WantedNIC(
        path=declared.path,
        key=declared.key,
        name=declared.name,
        id=declared.id,
        owner=declared.owner,
        needs=declared.needs(),
        network=_network(declared),
        ip_addresses=_addresses(declared),
        hw_addr=declared.read("hw_addr", units.hardware_address, None),
    )


def _network(declared: Declared) -> Reference | None:
    networks = [r for r in declared.relations if r.meaning is Meaning.NETWORK and r.reference]
    for second in networks[1:]:
        second.node.refuse("a NIC is on one network only")
    if not networks and not any(r.broken for r in declared.relations):
        declared.node.refuse("has no network: a NIC needs one relation with r: n0stack/n0core/port/network")
    return networks[0].reference if networks else None


def _addresses(declared: Declared) -> tuple[Address, ...] | None:
    node = declared.fields.get("ip_addresses")
    if node is None:
        return None
    items = node.items()
    if len(items) > MOST_ADDRESSES:
        node.refuse(f"has {len(items)} addresses; a NIC has at most {MOST_ADDRESSES}")
        return None
    addresses = (item.read(address) for item in items)
    return tuple(a for a in addresses if a is not None)
