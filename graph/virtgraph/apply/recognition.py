"""What Ansible made on the hosts without the service, met again when the same document is applied. Pure.

The role `virtgraph` derives ids from installation, kind and name. What was found on a host with such an id, or with one
that the document gives, is meant: it stays where it is and is not made twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from virtgraph.apply.homes import host_named
from virtgraph.apply.resolve import Resolved
from virtgraph.model.wanted import Wanted, WantedVM, WantedVolume, Wish
from virtgraph.placement import HostRoom


@dataclass(frozen=True, slots=True)
class Recognized:
    """By key the ids that new resources take, and the hosts where VMs and volumes were found."""

    ids: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)

    def placed(self, wish: Wish) -> Wish:
        resources = {key: on(wanted, self.hosts.get(key)) for key, wanted in wish.resources.items()}
        return replace(wish, resources=resources)

    def new_id(self, key: str) -> str:
        return self.ids.get(key) or str(uuid.uuid4())

    def without(self, known: Collection[str]) -> Recognized:
        """What the graph has an owner for is not taken from it."""
        dropped = {key for key, id in self.ids.items() if id in known}
        return Recognized(without(self.ids, dropped), without(self.hosts, dropped))


def without(by_key: Mapping[str, str], dropped: Collection[str]) -> dict[str, str]:
    return {key: value for key, value in by_key.items() if key not in dropped}


def on(wanted: Wanted, host: str | None) -> Wanted:
    return replace(wanted, host=host) if host is not None and isinstance(wanted, WantedVM | WantedVolume) else wanted


def recognize(
    peeked: Resolved, found: Mapping[str, Collection[str]], rooms: Mapping[str, HostRoom], installation: str
) -> Recognized:
    """`found`: by host the ids of what is there and of no resource. Where one thing of the wish is recognized, all that
    is new has ids as the role derives them: NICs, and what cannot be seen on a host."""
    fresh = {key: target.wanted for key, target in peeked.targets.items() if target.now is None}
    ids = {key: wanted.id or str(uuid.uuid5(uuid.UUID(installation), key)) for key, wanted in fresh.items()}
    where = {id: host for host, there in found.items() for id in sorted(there)}
    seen = {key: where[id] for key, id in ids.items() if id in where}
    elsewhere = {key for key, host in seen.items() if asked_for_another(fresh[key], host, rooms)}
    if not seen.keys() - elsewhere:
        return Recognized()
    derived = {
        key: id
        for key, id in ids.items()
        if fresh[key].id is None and key not in elsewhere and key.rsplit("/", 2)[0] not in elsewhere
    }
    return Recognized(derived, without(seen, elsewhere))


def asked_for_another(wanted: Wanted, host: str, rooms: Mapping[str, HostRoom]) -> bool:
    reference = wanted.host if isinstance(wanted, WantedVM | WantedVolume) else None
    return reference is not None and host_named(reference, rooms) != host
