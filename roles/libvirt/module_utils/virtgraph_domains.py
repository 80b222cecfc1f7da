"""Domains of VMs: what there is, and what a list wants."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

from ansible.module_utils import virtgraph_domain as wanted
from ansible.module_utils import virtgraph_live as live
from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, described
from ansible.module_utils.virtgraph_domain import MOST_DISKS, VM, Disk, target_prefix
from ansible.module_utils.virtgraph_input import line, mac, one_of, path, problems, repeated, uuid, whole
from ansible.module_utils.virtgraph_libvirt import POWER, found, ours
from ansible.module_utils.virtgraph_mark import Mark, mark
from ansible.module_utils.virtgraph_predicted import Predicted
from ansible.module_utils.virtgraph_preflight import has_kvm
from ansible.module_utils.virtgraph_shown import shown

try:
    import libvirt
except ImportError:
    libvirt = None

LONGEST_CMDLINE = 2047  # x86's COMMAND_LINE_SIZE without its final zero
BUSES = ("virtio", "scsi", "sata", "ide")
THREADS = 4  # libvirtd serves 5 requests of one client at a time
SHUTDOWN = 60  # seconds for a guest to power off by itself, if nothing else is said
OFF = () if libvirt is None else (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)
SLEEPING = () if libvirt is None else (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED)


def unsound(item: Item, present: bool) -> Iterator[str]:
    if not present:
        return
    checks = {
        "vcpus": whole(1, 512), "memory": whole(1 << 20, 16 << 40), "kernel": path, "initrd": path,
        "cmdline": line(LONGEST_CMDLINE), "state": one_of("running", "stopped"),
        "domain_type": one_of("auto", "kvm", "qemu"),
    }  # fmt: skip
    yield from problems(item, checks, ["vcpus", "memory"])
    interfaces, disks = item.get("interfaces") or [], item.get("disks") or []
    for number, nic in enumerate(interfaces):
        yield from problems(nic, {"mac": mac, "network": uuid}, ["mac", "network"], f"interfaces[{number}].")
    for number, disk in enumerate(disks):
        checks = {"path": path, "bus": one_of(*BUSES)}
        yield from problems(disk, checks, ["id", "path"], f"disks[{number}].")
    for value in repeated([str(nic.get("mac")).lower() for nic in interfaces]):
        yield f"two interfaces have the mac {value}"
    for value in repeated([disk.get("path") for disk in disks]):
        yield f"two disks have the path {value}"
    for prefix, count in Counter(target_prefix(disk.get("bus") or "virtio") for disk in disks).items():
        if count > MOST_DISKS:
            yield f"it has {count} disks {prefix}*, and {MOST_DISKS} is the most"
    if not item.get("kernel"):
        yield from (f"it has {name} and no kernel" for name in ("initrd", "cmdline") if item.get(name))


def unsound_password(password: Any) -> Iterator[str]:
    """Nothing of it is told. libvirt's parser would quote what it does not take."""
    if password and not (str(password).isascii() and str(password).isprintable()):
        yield "its VNC password must be printable ASCII"


class Domains:
    def __init__(
        self,
        connection: Any,
        installation: str,
        secrets: dict[str, dict[str, str]],
        predicted: Predicted,
        check: bool,
        shutdown: int = SHUTDOWN,
    ) -> None:
        self.connection = connection
        self.installation = installation
        self.secrets = secrets
        self.predicted = predicted
        self.check = check
        self.shutdown = shutdown

    def realize(self, item: Item) -> Done:
        if (item.get("domain_type") or "auto") == "auto":
            item = {**item, "domain_type": "kvm" if has_kvm() else "qemu"}
        vm, new = VM.of(item), mark(item, self.installation)
        domain = self._find(item)
        defined = domain is not None and self._mark(domain, item).digest == new.digest
        switched = is_to_be_switched(None if domain is None else domain.state()[0], vm.running)
        diff = ("", "") if defined else (_shown(domain), wanted.text(vm, new))
        if domain is not None and not defined:
            _refuse_other_files(domain, item, vm)
        if not defined or switched:
            self._refuse_lacking(domain, item, vm)
        if self.check:
            return Done(not defined or switched, diff=diff)
        if not defined:
            domain = self._define(domain, vm, new)
        powered = _power(domain, vm.running, self.shutdown)
        return Done(not defined or powered, _facts(domain, vm, new), diff=diff)

    def remove(self, item: Item) -> Done:
        domain = self._find(item)
        if domain is None:
            return Done(False)
        self._mark(domain, item)
        diff = (_shown(domain), "")
        if self.check:
            return Done(True, diff=diff)
        if domain.isActive():
            _destroy(domain)
        if domain.isPersistent():
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            )
        log = names.console_log(item["id"])
        for file in log.parent.glob(f"{log.name}*"):  # virtlogd rotates to .0, .1, …
            file.unlink(missing_ok=True)
        return Done(True, diff=diff)

    def _find(self, item: Item) -> Any | None:
        if self.predicted.gone("vm", item["id"]):
            return None
        by_uuid = found(self.connection.lookupByUUIDString, names.checked(item["id"]))
        return by_uuid or found(self.connection.lookupByName, names.domain(item["id"]))

    def _mark(self, domain: Any, item: Item) -> Mark:
        return ours(domain.XMLDesc(_INACTIVE), item, self.installation, "domain")

    def _refuse_lacking(self, domain: Any | None, item: Item, vm: VM) -> None:
        """What libvirt would find missing when half of the work is done, and check mode not at all."""
        if vm.vnc and not self.secrets.get(vm.id, {}).get("vnc_password"):
            raise ResourceError(
                f"The VNC password of VM {described(item)} was not given.",
                "Give it in vm_secrets under the VM's id, or set vnc_password to null.",
            )
        nics, disks, files = vm.interfaces, vm.disks, [vm.kernel, vm.initrd]
        if not vm.running:
            if domain is None or not domain.isActive():
                return
            nics, disks, files = *live.unplugged(domain, vm), []
        lacks = [f"network {nic.network}" for nic in nics if not self._has_network(nic.network)]
        lacks += [f"volume {disk.path}" for disk in disks if not self._has_volume(disk)]
        lacks += [f"file {file}" for file in files if file and not Path(file).exists()]
        if lacks:
            raise ResourceError(
                f"VM {described(item)} needs what is not on this host: {', '.join(lacks)}.",
                "Apply the networks and volumes to this host first, put the files there, or correct the VM.",
            )

    def _has_network(self, name: str) -> bool:
        id = names.id_of(name)
        if self.predicted.made("network", id):
            return True
        network = found(self.connection.networkLookupByName, name)
        return network is not None and bool(network.isActive()) and not self.predicted.gone("network", id)

    def _has_volume(self, disk: Disk) -> bool:
        if self.predicted.made("volume", disk.id):
            return True
        return Path(disk.path).exists() and not self.predicted.gone("volume", disk.id)

    def _define(self, domain: Any | None, vm: VM, new: Mark) -> Any:
        """The digest goes in last: what is cut off before is found undone by the next run."""
        password = self.secrets.get(vm.id, {}).get("vnc_password")
        root = wanted.domain(vm, new, password)
        if domain is not None:
            if domain.isActive():
                live.change(domain, vm, new, password)
            wanted.keep_places(root, fromstring(domain.XMLDesc()))
        return self.connection.defineXML(tostring(root, encoding="unicode"))


def _refuse_other_files(domain: Any, item: Item, vm: VM) -> None:
    """The guest writes there since somebody's snapshot or copy: the file that is wanted is of before."""
    for disk, file in wanted.on_other_files(fromstring(domain.XMLDesc()), vm):
        if Path(file).exists() and Path(disk.path).exists():
            raise ResourceError(
                f"VM {described(item)} has {file} in the place of its volume {disk.path}, by a snapshot or a copy.",
                f"Bring it back into the volume (after a snapshot: virsh blockcommit {domain.name()} {file} --active --pivot"
                " --delete), or move that file away if it is not needed, then apply again.",
            )


_INACTIVE = 0 if libvirt is None else libvirt.VIR_DOMAIN_XML_INACTIVE


def _shown(domain: Any | None) -> str:
    """Without passwords, which libvirt leaves out."""
    if domain is None:
        return ""
    xml = domain.XMLDesc(_INACTIVE)
    return shown(xml, wanted.EVERYTHING["kvm" if fromstring(xml).get("type") == "kvm" else "qemu"])


def is_to_be_switched(state: int | None, running: bool) -> bool:
    """`state`: virDomainState; None when there is no domain yet."""
    if state is None or state in OFF:
        return running
    return not running or state in SLEEPING


def _power(domain: Any, running: bool, shutdown: int) -> bool:
    """Whether anything had to be done."""
    state = domain.state()[0]
    if not is_to_be_switched(state, running):
        return False
    if not running:
        return _stop(domain, shutdown)
    if state in OFF:
        names.CONSOLE_LOGS.mkdir(mode=0o711, exist_ok=True)  # libvirtd makes it too late for a host's first guest
        domain.create()
    elif state == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()
    else:
        domain.pMWakeup()
    return True


def _stop(domain: Any, shutdown: int) -> bool:
    with contextlib.suppress(libvirt.libvirtError):  # it may be off by now
        domain.shutdown()
    until = time.monotonic() + shutdown
    while domain.state()[0] not in OFF and time.monotonic() < until:
        time.sleep(0.1)
    if domain.state()[0] not in OFF:
        _destroy(domain)
    return True


def _destroy(domain: Any) -> None:
    try:
        domain.destroy()
    except libvirt.libvirtError:
        if domain.isActive():  # else its guest was faster
            raise


def _facts(domain: Any, vm: VM, new: Mark) -> dict[str, Any]:
    root: Element = fromstring(domain.XMLDesc())
    state = domain.state()[0]
    return {
        "power": POWER[state],
        "vnc_port": wanted.vnc_port(root),
        "acceleration": "kvm" if root.get("type") == "kvm" else "tcg",
        "pending_restart": state not in OFF and wanted.fixed(root) != wanted.fixed(wanted.domain(vm, new)),
    }
