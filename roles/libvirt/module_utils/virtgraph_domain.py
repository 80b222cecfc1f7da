"""A domain's XML from data (https://libvirt.org/formatdomain.html), and what can be read back from it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_mark import Mark
from ansible.module_utils.virtgraph_shown import shown

# pc: its one PCI bus takes hotplugged devices as it is; q35 needs a root port for each. Others know only virt.
_MACHINES = {"x86_64": "pc", "i686": "pc"}
MOST_DISKS = len(ascii_lowercase)  # of one bus's names, vda to vdz
_SERIAL = 20  # characters that a virtio disk has for its serial number


@dataclass(frozen=True)
class Interface:
    mac: str
    network: str  # libvirt's name of it


@dataclass(frozen=True)
class Disk:
    id: str
    path: str
    boot: int | None  # from 1, without gaps
    bus: str
    read_only: bool


@dataclass(frozen=True)
class VM:
    id: str
    title: str
    arch: str
    domain_type: str  # kvm or qemu
    vcpus: int
    memory: int  # bytes
    kernel: str | None
    initrd: str | None
    cmdline: str | None
    running: bool
    vnc: bool
    interfaces: tuple[Interface, ...]
    disks: tuple[Disk, ...]

    @classmethod
    def of(cls, item: dict[str, Any]) -> VM:
        state = item.get("state") or "running"
        if state not in ("running", "stopped"):
            raise ValueError(f"a VM's state is running or stopped, not {state!r}")
        return cls(
            id=names.checked(item["id"]),
            title=one_line(item.get("title") or ""),
            arch=item.get("arch") or "x86_64",
            domain_type=item["domain_type"],
            vcpus=int(item["vcpus"]),
            memory=int(item["memory"]),
            kernel=item.get("kernel"),
            initrd=item.get("initrd"),
            cmdline=item.get("cmdline"),
            running=state == "running",
            vnc=item.get("vnc_password") is not None,
            interfaces=tuple(
                Interface(nic["mac"].lower(), names.libvirt_network(nic["network"]))
                for nic in item.get("interfaces") or ()
            ),
            disks=_disks(item.get("disks") or []),
        )


def _disks(items: list[dict[str, Any]]) -> tuple[Disk, ...]:
    """libvirt refuses equal boot orders and 0: what is given is a ranking, and becomes 1, 2, 3."""
    bootable = [disk for disk in items if disk.get("boot_order") is not None]
    ranks = {disk["id"]: rank for rank, disk in enumerate(sorted(bootable, key=lambda disk: disk["boot_order"]), 1)}
    return tuple(
        Disk(
            disk["id"],
            disk["path"],
            ranks.get(disk["id"]),
            disk.get("bus") or "virtio",
            bool(disk.get("read_only")),
        )
        for disk in items
    )


def one_line(text: str) -> str:
    """libvirt refuses a title of two lines, and XML has no control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def domain(vm: VM, mark: Mark, vnc_password: str | None = None) -> Element:
    root = Element("domain", type=vm.domain_type)
    _text(root, "name", names.domain(vm.id))
    _text(root, "uuid", vm.id)
    if vm.title:
        _text(root, "title", vm.title)
    SubElement(root, "metadata").append(mark.element())
    _text(root, "memory", str(-(-vm.memory // 1024)), unit="KiB")
    _text(root, "vcpu", str(vm.vcpus))
    _boot(root, vm)
    _features(root, vm)
    if vm.domain_type == "kvm":
        SubElement(root, "cpu", mode="host-model")
    SubElement(root, "clock", offset="utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _text(root, f"on_{event}", action)
    _devices(SubElement(root, "devices"), vm, vnc_password)
    return root


def _boot(root: Element, vm: VM) -> None:
    os = SubElement(root, "os")
    _text(os, "type", "hvm", arch=vm.arch, machine=_MACHINES.get(vm.arch, "virt"))
    for name in ("kernel", "initrd", "cmdline"):
        if value := getattr(vm, name):
            _text(os, name, value)


def _features(root: Element, vm: VM) -> None:
    features = SubElement(root, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    if vm.domain_type == "qemu":  # or each guest's translated code grows to 1 GB
        _text(SubElement(features, "tcg"), "tb-cache", str(64 << 10), unit="KiB")


def _devices(devices: Element, vm: VM, vnc_password: str | None) -> None:
    SubElement(devices, "controller", type="usb", model="none")
    used: set[str | None] = set()
    for of in vm.disks:
        used.add(dev := free_target(of.bus, used))
        devices.append(disk(of, dev))
    for nic in vm.interfaces:
        devices.append(interface(nic))
    serial = SubElement(devices, "serial", type="pty")
    SubElement(serial, "log", file=str(names.console_log(vm.id)), append="on")
    SubElement(serial, "target", port="0")
    if vm.vnc:
        devices.append(graphics(vnc_password))
        SubElement(SubElement(devices, "video"), "model", type="vga")


def disk(of: Disk, dev: str) -> Element:
    element = Element("disk", type="file", device="disk")
    SubElement(element, "driver", name="qemu", type="qcow2", discard="unmap")
    SubElement(element, "source", file=of.path)
    SubElement(element, "target", dev=dev, bus=of.bus)
    if of.read_only:
        SubElement(element, "readonly")
    _text(element, "serial", of.id[:_SERIAL])
    if of.boot is not None:
        SubElement(element, "boot", order=str(of.boot))
    return element


def free_target(bus: str, used: Container[str | None]) -> str:
    """The first name for a disk that is not used."""
    return next(name for name in (target_prefix(bus) + letter for letter in ascii_lowercase) if name not in used)


def target_prefix(bus: str) -> str:
    return "vd" if bus == "virtio" else "sd"


def interface(nic: Interface) -> Element:
    element = Element("interface", type="network")
    SubElement(element, "mac", address=nic.mac)
    SubElement(element, "source", network=nic.network)
    SubElement(element, "model", type="virtio")
    return element


def graphics(password: str | None) -> Element:
    element = Element("graphics", type="vnc", port="-1", autoport="yes")
    if password:
        element.set("passwd", password)
    SubElement(element, "listen", type="address", address="127.0.0.1")
    return element


def keep_places(new: Element, old: Element) -> None:
    """Give devices the PCI addresses and names that they have, or the guest's interfaces would change theirs.

    `old` is what libvirt says of the domain; `new` of domain()."""
    devices = new.find("devices")
    assert devices is not None
    present = {_device_key(element): element for element in old.iterfind("devices/*")}
    for element in devices:
        before = present.get(_device_key(element)) if element.tag in ("disk", "interface") else None
        address = None if before is None else before.find("address")
        if before is None or address is None:
            continue
        element.append(address)
        for target_before, target_now in zip(before.iter("target"), element.iter("target"), strict=False):
            target_now.set("dev", target_before.get("dev", ""))
    _part_targets(devices)


def _part_targets(devices: Element) -> None:
    """Disks that are new take names that no other has."""
    kept = {found.get("dev") for found in devices.iterfind("disk[address]/target")}
    for element in devices.iterfind("disk"):
        if element.find("address") is None:
            found = element.find("target")
            assert found is not None
            found.set("dev", free_target(found.get("bus", ""), kept))
            kept.add(found.get("dev"))


def _device_key(element: Element) -> tuple[str, str]:
    return (element.tag, interface_key(element)[0] if element.tag == "interface" else disk_path(element))


def fixed(root: Element) -> tuple[Any, ...]:
    """What a running domain keeps until it is started anew. `root`: of libvirt or of ours, to be compared."""
    os = root.find("os")
    assert os is not None
    kind = os.find("type")
    assert kind is not None
    return (
        root.get("type"),
        kind.get("arch"),
        root.findtext("memory"),
        root.findtext("vcpu"),
        *(os.findtext(name) for name in ("kernel", "initrd", "cmdline")),
        root.find("devices/graphics") is not None,
        sorted(map(_disk_key, root.iterfind("devices/disk"))),
        sorted(map(interface_key, root.iterfind("devices/interface"))),
    )


def _disk_key(element: Element) -> tuple[str, str, bool]:
    boot = element.find("boot")
    return (disk_path(element), "" if boot is None else boot.get("order", ""), element.find("readonly") is not None)


def disk_path(element: Element) -> str:
    source = element.find("source")
    return "" if source is None else names.straight(source.get("file", ""))


def on_other_files(root: Element, vm: VM) -> Iterator[tuple[Disk, str]]:
    """Disks of the VM that the domain has by their serial number, each with the other file that it is there."""
    by_serial = {disk.id[:_SERIAL]: disk for disk in vm.disks}
    for element in root.iterfind("devices/disk"):
        disk, file = by_serial.get(element.findtext("serial", "")), disk_path(element)
        if disk is not None and file != disk.path:
            yield disk, file


def interface_key(element: Element) -> tuple[str, str]:
    """MAC address and libvirt's name of the network."""
    mac, source = element.find("mac"), element.find("source")
    return (
        "" if mac is None else mac.get("address", "").lower(),
        "" if source is None else source.get("network", ""),
    )


def vnc_port(root: Element) -> int | None:
    found = root.find("devices/graphics[@type='vnc']")
    port = int(found.get("port", "-1")) if found is not None else -1
    return port if port > 0 else None


def _text(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = text


def text(vm: VM, mark: Mark) -> str:
    """For a diff, without a password."""
    return shown(tostring(domain(vm, mark), encoding="unicode"), EVERYTHING[vm.domain_type])


def _everything(domain_type: str) -> str:
    id, disk = str(UUID(int=0)), Disk(str(UUID(int=0)), "/disk", 1, "virtio", True)
    nic = Interface("52:54:00:00:00:00", "network")
    vm = VM(id, "title", "x86_64", domain_type, 1, 1, "/k", "/i", "c", True, True, (nic,), (disk,))
    root = domain(vm, Mark(id, 0, id, ""))
    del root.find("os/type").attrib["machine"]  # type: ignore[union-attr] # libvirt writes which version of it
    devices = root.find("devices")
    assert devices is not None
    for controller in devices.findall("controller"):  # libvirt adds its own
        devices.remove(controller)
    return tostring(root, encoding="unicode")


# By type, a domain that has all that any of ours may have.
EVERYTHING = {domain_type: _everything(domain_type) for domain_type in ("kvm", "qemu")}
