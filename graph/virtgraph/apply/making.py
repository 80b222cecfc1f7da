"""The specs of everything that a wish names, as they will be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtgraph.apply.addresses import Allocated, subnet_spec
from virtgraph.apply.resolve import Resolved, Target
from virtgraph.apply.specs import SpecDict, impossible, less_than_source, network_spec, nic_spec, vm_spec, volume_spec
from virtgraph.model.current import Spec
from virtgraph.model.wanted import Problem, WantedNetwork, WantedNIC, WantedVM, WantedVolume
from virtgraph.secrets import Vault

MOST_VOLUMES = 26  # virtio disks are called vda to vdz


def make_specs(resolved: Resolved, allocated: Allocated, vault: Vault) -> dict[str, SpecDict]:
    """The spec of every target by id."""
    return {target.id: make_spec(target, resolved, allocated, vault) for target in resolved.targets.values()}


def make_spec(target: Target, resolved: Resolved, allocated: Allocated, vault: Vault) -> SpecDict:
    wanted = target.wanted
    match wanted:
        case WantedNetwork():
            return network_spec(wanted, [subnet_spec(s) for s in allocated.subnets[target.id]])
        case WantedNIC():
            assert wanted.network is not None
            addresses = [str(address) for address in allocated.addresses[target.id]]
            return nic_spec(wanted, resolved.id_of(wanted.network), addresses, allocated.macs[target.id])
        case WantedVolume():
            return volume_spec(wanted, target.now)
        case WantedVM():
            return vm_spec(
                wanted,
                [resolved.id_of(nic) for nic in wanted.nics],
                [
                    {
                        "id": resolved.id_of(attachment.volume),
                        "bootPriority": attachment.boot_priority,
                        "readOnly": attachment.read_only,
                    }
                    for attachment in wanted.volumes
                ],
                target.now,
                lambda password: vault.digest(password, target.id, "vncPassword"),
            )


def refused_changes(resolved: Resolved, specs: Mapping[str, Spec], facts: bool) -> list[Problem]:
    """What cannot be made as it is wanted, and which changes cannot be made, or told of as `facts`."""
    return [
        problem
        for target in resolved.targets.values()
        for problem in (
            *too_many_volumes(target),
            *(
                less_than_source(target.wanted)
                if target.now is None
                else impossible(target.wanted, target.now, specs[target.id], facts)
            ),
        )
    ]


def too_many_volumes(target: Target) -> Iterator[Problem]:
    if isinstance(target.wanted, WantedVM) and len(target.wanted.volumes) > MOST_VOLUMES:
        path = target.wanted.volumes[MOST_VOLUMES].volume.path
        yield Problem(path, f"is volume {MOST_VOLUMES + 1} of this VM, and {MOST_VOLUMES} is the most")
