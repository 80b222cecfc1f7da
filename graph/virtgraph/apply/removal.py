"""What goes when resources are removed: the VM first, then what it used, then the networks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from virtgraph.apply.resolve import Resolved
from virtgraph.apply.unused import Unused
from virtgraph.model.current import Existing, Spec
from virtgraph.model.refusals import Conflict
from virtgraph.model.states import State
from virtgraph.model.wanted import Kind
from virtgraph.planner import Place, Plan, Target, open_operations, plan_remove
from virtgraph.store.graph import Transaction
from virtgraph.store.tombstones import bury

ORDER = (Kind.VM, Kind.NIC, Kind.VOLUME, Kind.NETWORK)


def plan(
    removed: Sequence[Existing],
    nics: Mapping[str, Sequence[str]],
    resolved: Resolved,
    specs: Mapping[str, Spec],
    unused: Unused,
    realizing: Plan,
    new_id: Callable[[], str],
) -> Plan:
    """Operations that remove these, and networks where nothing uses them.

    `nics`: those on each removed network, of whatever stack. Raises Conflict where something that stays needs one of these.
    """
    going = [now for now in resolved.existing.values() if now.state is State.DELETING]
    gone = {now.id for now in (*removed, *going)}
    for now in removed:
        check_vms(now, gone, resolved, specs)
        check_nics(now, gone, nics.get(now.id, ()))
    targets = [
        Target(Place(now.id, bound.host), now.kind, now.generation, tuple(users(now, nics, resolved)), bound)
        for now in sorted(removed, key=lambda now: ORDER.index(Kind(now.kind)))
        for bound in now.bindings
    ]
    doing = {Place(now.id, b.host): o.id for now in going for b in now.bindings for o in b.operations}
    doing |= {**unused.doing, **{target.place: id for id, target in realizing.under_way.items()}}
    doing |= {operation.place: operation.id for operation in realizing.operations}
    return plan_remove([*targets, *unused.targets], doing, new_id)


def users(now: Existing, nics: Mapping[str, Sequence[str]], resolved: Resolved) -> Iterable[Place]:
    """Bindings of what uses a resource: they change or go before it does."""
    on_it = [resolved.existing[nic] for nic in nics.get(now.id, ())]
    for id in dict.fromkeys((*(nic.id for nic in on_it), *now.used_by, *(vm for nic in on_it for vm in nic.used_by))):
        user = resolved.existing.get(id)
        yield from (Place(id, bound.host) for bound in (user.bindings if user else ()))


def check_vms(now: Existing, gone: Collection[str], resolved: Resolved, specs: Mapping[str, Spec]) -> None:
    for vm in now.used_by:
        stays = resolved.existing.get(vm)
        spec = specs.get(vm, stays.spec if stays else None)
        if vm not in gone and (spec is None or uses(spec, now.id)):
            name = stays.label if stays else vm
            raise Conflict(
                f"{now.kind} {now.label} is used by VM {name}: remove or detach it there first", now.state, now.task
            )


def uses(vm: Spec, id: str) -> bool:
    return id in vm["nics"] or any(volume["id"] == id for volume in vm["volumes"])


def check_nics(now: Existing, gone: Collection[str], nics: Sequence[str]) -> None:
    for nic in nics:
        if nic not in gone:
            raise Conflict(f"Network {now.label} is used by NIC {nic}: remove that first", now.state, now.task)


TAKE_AWAY = """
    UNWIND $rows AS row
    MATCH (r:Resource {id: row.id})
    SET r.state = CASE WHEN row.works THEN 'DELETING' ELSE r.state END,
        r.task = CASE WHEN row.works THEN 'remove' ELSE r.task END,
        r.removedIn = $revision, r.updatedAt = timestamp()
"""
DROP_BINDINGS = "UNWIND $rows AS row MATCH (b:Binding {key: row.key}) SET b.state = 'DELETED'"


async def begin(tx: Transaction, removed: Sequence[Existing], everything: Plan, revision: int) -> None:
    """Mark what is being removed; what no host ever saw is gone at once."""
    working = {operation.place.resource for operation in everything.operations}
    working |= {now.id for now in removed if any(open_operations(bound)[0] for bound in now.bindings)}
    rows = [{"id": now.id, "works": now.id in working} for now in removed]
    await tx.each(TAKE_AWAY, rows, revision=revision)
    await tx.each(DROP_BINDINGS, [{"key": place.key} for place in everything.gone])
    await bury(tx, [now.id for now in removed if now.id not in working])
