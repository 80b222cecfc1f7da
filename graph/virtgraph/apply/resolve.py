"""Which resource in the graph is meant by each wanted one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from virtgraph.model.current import Existing
from virtgraph.model.wanted import Attachment, Kind, Problem, Reference, Wanted, WantedNIC, WantedVM, Wish


@dataclass(frozen=True, slots=True)
class Target:
    """A wanted resource, its id, and what the graph holds of it."""

    id: str
    wanted: Wanted
    now: Existing | None


@dataclass(slots=True)
class Resolved:
    """Targets by key, and everything that exists and is mentioned, by id."""

    targets: dict[str, Target]
    existing: Mapping[str, Existing]
    problems: list[Problem] = field(default_factory=list)

    def id_of(self, reference: Reference) -> str:
        """The id that a reference means. Call only where there are no problems."""
        if reference.key is not None:
            return self.targets[reference.key].id
        assert reference.id is not None
        return reference.id

    def mentioned(self) -> set[str]:
        """Every id that is known before anything is stored: of what is there, and what the caller named."""
        found = {target.now.id for target in self.targets.values() if target.now is not None}
        for target in self.targets.values():
            found.update(one.id for one in (target.wanted, *references(target.wanted)) if one.id is not None)
        return found

    def by_id(self) -> dict[str, Target]:
        return {target.id: target for target in self.targets.values()}


def references(wanted: Wanted) -> tuple[Reference, ...]:
    if isinstance(wanted, WantedVM):
        return (*wanted.nics, *(a.volume for a in wanted.volumes), *wanted.attached, *wanted.needs)
    if isinstance(wanted, WantedNIC):
        return (*((wanted.network,) if wanted.network else ()), *wanted.needs)
    return wanted.needs


def resolve(
    wish: Wish,
    stack: str,
    existing: Mapping[str, Existing],
    new_id: Callable[[str], str],
    others: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Match by id where one is given, else by key within the stack. `existing` holds the stack and all ids named;
    `others` the kinds of what else has or had one of these ids; `new_id` gives one for a key."""
    resolved = Resolved({}, existing)
    by_key = {now.key: now for now in existing.values() if now.stack == stack}
    named = {wanted.id for wanted in wish.resources.values()}
    free = {key: now for key, now in by_key.items() if now.id not in named}
    for key, written in wish.resources.items():
        wanted = with_attached(written, existing)
        now = existing.get(wanted.id) if wanted.id else free.get(former_key(wanted, resolved, by_key, free))
        if now is not None and (reason := mismatch(wanted, now, stack)):
            resolved.problems.append(Problem(f"{wanted.path}.id", reason))
        elif others.get(wanted.id or "", wanted.kind) != wanted.kind:
            resolved.problems.append(
                Problem(f"{wanted.path}.id", f"{wanted.id} is the id of a {others[wanted.id or '']}")
            )
        resolved.targets[key] = Target(now.id if now else wanted.id or new_id(key), wanted, now)
    resolved.problems.extend(taken_names(resolved, by_key))
    for wanted in wish.resources.values():
        resolved.problems.extend(dangling(wanted, existing))
    return resolved


def former_key(wanted: Wanted, resolved: Resolved, by_key: Mapping[str, Existing], free: Mapping[str, Existing]) -> str:
    """The key that a resource without an id has had: an unnamed child follows a parent that changes its name."""
    if wanted.name is not None:
        return wanted.key
    parent_key, kind, ordinal = wanted.key.rsplit("/", 2)
    parent = resolved.targets.get(parent_key)
    if parent is None:
        return wanted.key
    if parent.now is not None:
        return f"{parent.now.key}/{kind}/{ordinal}"
    gone = parent_key in by_key and parent_key not in free  # another one had this name, and has a new one now
    return "" if gone else wanted.key


def taken_names(resolved: Resolved, by_key: Mapping[str, Existing]) -> list[Problem]:
    """A name that another resource of the stack has and keeps."""
    meant = {target.id for target in resolved.targets.values()}
    problems = []
    for key, target in resolved.targets.items():
        holder = by_key.get(key)
        if holder is not None and holder.id not in meant:
            field = "id" if target.wanted.id else "name"
            problems.append(Problem(f"{target.wanted.path}.{field}", already_named(target.wanted, holder)))
    return problems


def with_attached(wanted: Wanted, existing: Mapping[str, Existing]) -> Wanted:
    """What a VM was given by id alone is a NIC or a volume: the graph knows which."""
    if not isinstance(wanted, WantedVM) or not wanted.attached:
        return wanted
    kinds = {ref: existing[ref.id].kind for ref in wanted.attached if ref.id is not None and ref.id in existing}
    return replace(
        wanted,
        nics=(*wanted.nics, *(ref for ref, kind in kinds.items() if kind == Kind.NIC)),
        volumes=(*wanted.volumes, *(Attachment(ref) for ref, kind in kinds.items() if kind == Kind.VOLUME)),
    )


def mismatch(wanted: Wanted, now: Existing, stack: str) -> str | None:
    if now.kind != wanted.kind:
        return f"{now.id} is a {now.kind}, not a {wanted.kind}"
    if now.stack != stack:
        return f"{wanted.kind} {now.label} belongs to another stack"
    return None


def already_named(wanted: Wanted, now: Existing) -> str:
    return f"the stack has a {wanted.kind} {wanted.name or wanted.key} already, with the id {now.id}"


def dangling(wanted: Wanted, existing: Mapping[str, Existing]) -> list[Problem]:
    """References by id to what is not there, or is of another kind."""
    problems = []
    for reference in references(wanted):
        if reference.id is None:
            continue
        now = existing.get(reference.id)
        if now is None:
            problems.append(Problem(reference.path, f"there is no resource with the id {reference.id}"))
        elif isinstance(wanted, WantedVM) and reference in wanted.attached:
            if now.kind not in (Kind.NIC, Kind.VOLUME):
                problems.append(Problem(reference.path, f"{reference.id} is a {now.kind}; a VM takes NICs and volumes"))
        elif (expected := expected_kind(wanted, reference)) and now.kind != expected:
            problems.append(Problem(reference.path, f"{reference.id} is a {now.kind}, a {expected} is needed"))
    return problems


def expected_kind(wanted: Wanted, reference: Reference) -> Kind | None:
    if isinstance(wanted, WantedNIC) and reference == wanted.network:
        return Kind.NETWORK
    if isinstance(wanted, WantedVM) and reference in wanted.nics:
        return Kind.NIC
    if isinstance(wanted, WantedVM) and any(reference == a.volume for a in wanted.volumes):
        return Kind.VOLUME
    return None
