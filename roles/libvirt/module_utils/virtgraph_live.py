"""Changes to a running domain that need no restart of the guest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

from ansible.module_utils import virtgraph_domain as wanted
from ansible.module_utils.virtgraph_domain import VM, Disk, Interface
from ansible.module_utils.virtgraph_mark import PREFIX, URI, Mark

try:
    import libvirt
except ImportError:
    libvirt = None

_UNPLUG = 5.0  # seconds for the guest to let go of a device; one that does not keeps it until its restart


def change(domain: Any, vm: VM, mark: Mark, vnc_password: str | None) -> None:
    live = fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
    _change_interfaces(domain, vm, live)
    _change_disks(domain, vm, live)
    _change_vnc_password(domain, vnc_password, live)
    _set(domain, libvirt.VIR_DOMAIN_METADATA_TITLE, vm.title or None, None, None)
    _set(domain, libvirt.VIR_DOMAIN_METADATA_ELEMENT, mark.text(), PREFIX, URI)


def unplugged(domain: Any, vm: VM) -> tuple[list[Interface], list[Disk]]:
    """What `change` would plug in."""
    root = fromstring(domain.XMLDesc())
    nics = {wanted.interface_key(element) for element in root.iterfind("devices/interface")}
    disks = {wanted.disk_path(element) for element in root.iterfind("devices/disk")}
    return (
        [nic for nic in vm.interfaces if (nic.mac, nic.network) not in nics],
        [disk for disk in vm.disks if disk.path not in disks],
    )


def _set(domain: Any, kind: int, *values: str | None) -> None:
    domain.setMetadata(kind, *values, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _change_interfaces(domain: Any, vm: VM, live: Element) -> None:
    present = {wanted.interface_key(element)[0]: element for element in live.iterfind("devices/interface")}
    keep = {nic.mac for nic in vm.interfaces}
    _detach(domain, [element for mac, element in present.items() if mac not in keep], "interface", _mac)
    for nic in vm.interfaces:
        element = present.get(nic.mac)
        if element is None:
            _attach(domain, wanted.interface(nic))
        elif wanted.interface_key(element)[1] != nic.network:
            source = element.find("source")
            assert source is not None
            source.attrib = {"network": nic.network}
            _update(domain, element)


def _mac(element: Element) -> str:
    return wanted.interface_key(element)[0]


def _change_disks(domain: Any, vm: VM, live: Element) -> None:
    present = {wanted.disk_path(element): element for element in live.iterfind("devices/disk")}
    keep = {disk.path for disk in vm.disks}
    _detach(domain, [element for path, element in present.items() if path not in keep], "disk", wanted.disk_path)
    used = {found.get("dev") for found in live.iterfind("devices/disk/target")}
    orders = {found.get("order") for found in live.iterfind("devices/disk/boot")}
    for disk in (disk for disk in vm.disks if disk.path not in present):
        used.add(dev := wanted.free_target(disk.bus, used))
        element = wanted.disk(disk, dev)
        boot = element.find("boot")
        if boot is not None and boot.get("order") in orders:  # taken until the restart
            element.remove(boot)
        _attach(domain, element)


def _change_vnc_password(domain: Any, password: str | None, live: Element) -> None:
    element = live.find("devices/graphics[@type='vnc']")
    if element is not None and password and element.get("passwd") != password:
        element.set("passwd", password)
        _update(domain, element)


def _attach(domain: Any, element: Element) -> None:
    domain.attachDeviceFlags(tostring(element, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _update(domain: Any, element: Element) -> None:
    domain.updateDeviceFlags(tostring(element, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _detach(domain: Any, elements: Iterable[Element], kind: str, key: Callable[[Element], str]) -> None:
    going = {key(element) for element in elements}
    for element in elements:
        domain.detachDeviceFlags(tostring(element, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    until = time.monotonic() + _UNPLUG
    while going and time.monotonic() < until:
        time.sleep(0.05)
        going &= {key(element) for element in fromstring(domain.XMLDesc()).iterfind(f"devices/{kind}")}
