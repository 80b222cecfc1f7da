"""What Ansible made on the hosts without the service, met again when the same document is applied. Pure.

The role `virtgraph` derives ids from installation, kind and name. What was found on a host with such an id, or with one
that the document gives, is meant: it stays where it is and is not made twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from virtgraph.apply.homes import host_named
from virtgraph.apply.resolve import Resolved
from virtgraph.model.wanted import Problem, Wanted, WantedVM, WantedVolume, Wish
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
    given = {target.wanted.id for target in peeked.targets.values()}
    ids = {key: wanted.id or str(uuid.uuid5(uuid.UUID(installation), key)) for key, wanted in fresh.items()}
    where = {key: hosts for key, id in ids.items() if (hosts := [host for host, there in found.items() if id in there])}
    seen = {key: asked_for(fresh[key], hosts, rooms) for key, hosts in where.items()}
    elsewhere = {key for key, host in seen.items() if host is None}
    here = {key: host for key, host in seen.items() if host is not None}
    if not here:
        return Recognized()
    derived = {
        key: id
        for key, id in ids.items()
        if id not in given and key not in elsewhere and key.rsplit("/", 2)[0] not in elsewhere
    }
    return Recognized(derived, here)


def asked_for(wanted: Wanted, hosts: Sequence[str], rooms: Mapping[str, HostRoom]) -> str | None:
    """Of the hosts where it was found; None where another one is asked for."""
    reference = wanted.host if isinstance(wanted, WantedVM | WantedVolume) else None
    if reference is None:
        return min(hosts, key=lambda host: rooms[host].name)
    asked = host_named(reference, rooms)
    return asked if asked in hosts else None


def moved(
    resolved: Resolved, homes: Mapping[str, str], found: Mapping[str, Collection[str]], rooms: Mapping[str, HostRoom]
) -> list[Problem]:
    """VMs and volumes that are on a host already and would be made on another one."""
    problems = []
    for target in resolved.targets.values():
        hosts = [host for host, there in found.items() if target.id in there]
        if target.now is None and hosts and homes.get(target.id, hosts[0]) not in hosts:
            names = " and ".join(sorted(rooms[host].name for host in hosts))
            reason = f"was made on {names} without the service, with the id {target.id}, and cannot move by a document"
            problems.append(Problem(target.wanted.path, reason))
    return problems
