"""What documents can say, and what it means."""

from __future__ import annotations

from ipaddress import ip_address
from textwrap import dedent
from typing import Any

import pytest

from virtgraph.model.wanted import (
    UNCHANGED,
    Attachment,
    NetworkType,
    Reference,
    Source,
    VMWanted,
    WantedNetwork,
    WantedNIC,
    WantedVM,
    WantedVolume,
    Wish,
)
from virtgraph.spec import parse, wish
from virtgraph.spec.units import hardware_address, human, size

ID = "56410722-d507-472a-a800-c89211b7c261"
ATTACHED = "property: {r: n0stack/n0core/vm/attachments}"
ON_NET = "relations: [{object: {variable: net}, property: {r: n0stack/n0core/port/network}}]"
ON_OTHER = ON_NET.replace("net}", "other}")


def read(spec: str, top: str = "") -> Wish:
    lines = "".join(f"  {line}\n" for line in dedent(spec).splitlines())
    return wish(
        parse(f"version: 0\n{dedent(top)}spec:\n{lines}" if lines else f"version: 0\n{top}spec: {{}}"),
        "default",
    )


def one(spec: str) -> Any:
    (resource,) = read(spec).resources.values()
    return resource


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("4gb", 4 << 30),
        ("4gib", 4 << 30),
        ("4096mb", 4 << 30),
        ("4 GB", 4 << 30),
        ("4G", 4 << 30),
        ("4194304k", 4 << 30),
        (4 << 30, 4 << 30),
        ("4294967296", 4 << 30),
        ("4294967296b", 4 << 30),
        ("2TiB", 2 << 40),
        ("1mb", 1 << 20),
    ],
)
def test_sizes(written: str | int, meant: int) -> None:
    assert size(most=1 << 50)(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "gb",
        "4.5gb",
        "4 gigs",
        "-1gb",
        "4ib",
        "1kb",
        "0",
        0,
        -1,
        1 << 60,
        "9" * 21,
        True,
        None,
        4.5e9,
        "4gbb",
        "٤gb",
    ],
)
def test_sizes_without_sense(written: object) -> None:
    with pytest.raises(ValueError, match=r"is not a size|must be from 1 MiB to 1 PiB"):
        size(most=1 << 50)(written)


def test_sizes_for_people() -> None:
    assert [human(n) for n in (0, 512, 1 << 20, 1536 << 20, 16 << 40)] == [
        "0 bytes",
        "512 bytes",
        "1 MiB",
        "1536 MiB",
        "16 TiB",
    ]


@pytest.mark.parametrize(
    "written",
    ["52:54:00:AB:cd:03", "52-54-00-ab-cd-03", "525400abcd03", "525400ABCD03"],
)
def test_hardware_addresses(written: str) -> None:
    assert hardware_address(written) == "52:54:00:ab:cd:03"


def test_hardware_address_of_digits() -> None:
    assert hardware_address(525400123456) == "52:54:00:12:34:56"
    assert hardware_address(2540012345) == "00:25:40:01:23:45"


@pytest.mark.parametrize("written", ["52540012e456", "52:54:00:11:22:33", "001122334455", "525400123456"])
def test_hardware_addresses_unquoted_in_yaml(written: str) -> None:
    resources = read(
        f"net: {{type: resource/network/flat}}\nnic:\n  type: resource/nic\n  {ON_NET}\n  hw_addr: {written}"
    ).resources
    nic = resources["NIC/nic"]
    assert isinstance(nic, WantedNIC)
    assert nic.hw_addr is not None
    assert nic.hw_addr.replace(":", "") == written.replace(":", "")


def test_vm_defaults() -> None:
    assert one("web: {type: resource/vm/kvm}") == WantedVM("spec.web", "VM/web", "web")
    assert one("web: {type: resource/vm/kvm, memory: null, dependencies: }") == WantedVM("spec.web", "VM/web", "web")


def test_vm_in_full() -> None:
    vm = one(
        f"""\
        web:
          type: resource/vm/kvm
          id: {ID}
          name: The Web
          state: stopped
          arch: x86_64
          vcpus: 512
          memory: 16tb
          vnc_password: "********"
          kernel: /boot/vmlinuz
          initrd: /boot/initrd
          cmdline: console=ttyS0 a="b c"
        """
    )
    assert vm == WantedVM(
        "spec.web",
        "VM/The Web",
        "The Web",
        id=ID,
        state=VMWanted.STOPPED,
        vcpus=512,
        memory=16 << 40,
        vnc_password=UNCHANGED,
        kernel="/boot/vmlinuz",
        initrd="/boot/initrd",
        cmdline='console=ttyS0 a="b c"',
    )


def test_password_is_not_shown() -> None:
    assert "canary" not in repr(one("web: {type: resource/vm/kvm, vnc_password: canary}"))


@pytest.mark.parametrize(
    ("rest", "size", "source"),
    [
        ("size: 1gb", 1 << 30, None),
        ("source: {file: tiny.qcow2}", None, Source("tiny.qcow2")),
        ("size: 2gb, source: {file: a..b/tiny.qcow2}", 2 << 30, Source("a..b/tiny.qcow2")),
        (f"source: {{file: /i.qcow2, sha256: {'AB' * 32}}}", None, Source("/i.qcow2", "ab" * 32)),
    ],
)
def test_volumes(rest: str, size: int | None, source: Source | None) -> None:
    expected = WantedVolume("spec.v", "Volume/v", "v", size=size, source=source)
    assert one(f"v: {{type: resource/volume/file, {rest}}}") == expected


def test_networks() -> None:
    assert one("n: {type: resource/network/flat}") == WantedNetwork("spec.n", "Network/n", "n", type=NetworkType.FLAT)
    network = one(
        """\
        n:
          type: resource/network/vlan
          status: applied
          parameters: {vlan_id: 4094, segment: rack2, mtu: 9000}
          subnets:
            - cidr: 10.0.0.0/30
              dhcp: {range: 10.0.0.1 - 10.0.0.2}
            - cidr: 2001:DB8::/64
            - cidr: 10.0.1.0/24
              dhcp:
        """
    )
    assert (network.vlan_id, network.segment, network.mtu) == (4094, "rack2", 9000)
    assert [str(subnet.cidr) for subnet in network.subnets] == ["10.0.0.0/30", "2001:db8::/64", "10.0.1.0/24"]
    assert [subnet.dhcp and str(subnet.dhcp.last) for subnet in network.subnets] == ["10.0.0.2", None, None]


def test_same_vlan_in_two_segments() -> None:
    wanted = read(
        """\
        a: {type: resource/network/vlan, parameters: {vlan_id: 7}}
        b: {type: resource/network/vlan, parameters: {vlan_id: 7, segment: other}}
        c: {type: resource/network/flat}
        d: {type: resource/network/flat, parameters: {segment: other}}
        """
    )
    assert len(wanted.resources) == 4


def test_same_addresses_on_two_networks() -> None:
    wanted = read(
        f"""\
        net: {{type: resource/network/vlan, parameters: {{vlan_id: 7}}, subnets: [{{cidr: 10.0.0.0/24}}]}}
        other: {{type: resource/network/vlan, parameters: {{vlan_id: 8}}, subnets: [{{cidr: 10.0.0.0/24}}]}}
        a: {{type: resource/nic, ip_addresses: [10.0.0.1], hw_addr: 525400000001, {ON_NET}}}
        b: {{type: resource/nic, ip_addresses: [10.0.0.1], hw_addr: 525400000001, {ON_OTHER}}}
        """
    )
    assert len(wanted.resources) == 4


def test_nic_without_addresses_and_with_none_given() -> None:
    resources = read(
        f"""\
        net: {{type: resource/network/flat}}
        a: {{type: resource/nic, {ON_NET}}}
        b: {{type: resource/nic, {ON_NET}, ip_addresses: []}}
        """
    ).resources
    a, b = resources["NIC/a"], resources["NIC/b"]
    assert isinstance(a, WantedNIC)
    assert isinstance(b, WantedNIC)
    assert (a.ip_addresses, b.ip_addresses) == (None, ())


def test_point_to_point_subnets_have_no_broadcast() -> None:
    resources = read(
        f"""\
        net: {{type: resource/network/flat, subnets: [{{cidr: 10.0.0.0/31}}]}}
        a: {{type: resource/nic, {ON_NET}, ip_addresses: [10.0.0.0]}}
        b: {{type: resource/nic, {ON_NET}, ip_addresses: [10.0.0.1]}}
        """
    ).resources
    b = resources["NIC/b"]
    assert isinstance(b, WantedNIC)
    assert b.ip_addresses == (ip_address("10.0.0.1"),)


def test_references_by_id() -> None:
    """An id in the same document is that resource; of another one, only the graph knows what it is."""
    other = "a1f6a79b-7ad0-499e-b912-44eb73ea0f81"
    third = "d99163ed-0093-40a0-a61b-365a1aece509"
    vm = read(
        f"""\
        v: {{type: resource/volume/file, size: 1gb, id: {ID}}}
        web:
          type: resource/vm/kvm
          dependencies:
            - {{object: {{id: {ID}}}, {ATTACHED}}}
            - {{object: {{id: {other}}}, {ATTACHED}}}
            - object: {{id: {third}}}
              property: {{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/boot_priority: 2}}
          relations:
            - object: {{id: 85cf3a3a-18e4-4fe2-b406-9e79079cae07}}
        """
    ).resources["VM/web"]
    at = "spec.web.dependencies[{}].object.id"
    assert isinstance(vm, WantedVM)
    assert vm.volumes == (
        Attachment(Reference(at.format(0), key="Volume/v")),
        Attachment(Reference(at.format(2), id=third), boot_priority=2),
    )
    assert vm.attached == (Reference(at.format(1), id=other),)
    assert vm.needs == (Reference("spec.web.relations[0].object.id", id="85cf3a3a-18e4-4fe2-b406-9e79079cae07"),)


def test_nic_on_an_existing_network() -> None:
    on_existing = ON_NET.replace("variable: net", f"id: {ID}")
    nic = one(f"nic: {{type: resource/nic, {on_existing}}}")
    assert nic.network == Reference("spec.nic.relations[0].object.id", id=ID)


def test_keys_of_inline_children() -> None:
    volume = "object: {type: resource/volume/file, size: 1gb}"
    wanted = read(
        f"""\
        web:
          type: resource/vm/kvm
          name: www
          dependencies:
            - {{{volume}, {ATTACHED}}}
            - object: {{type: resource/volume/file, size: 1gb, name: data}}
              {ATTACHED}
            - object:
                type: resource/nic
                relations:
                  - object: {{type: resource/network/flat}}
                    property: {{r: n0stack/n0core/port/network}}
              {ATTACHED}
          relations:
            - {{{volume}, {ATTACHED}}}
        """
    )
    assert [(key, r.name, r.owner) for key, r in wanted.resources.items()] == [
        ("VM/www", "www", None),
        ("VM/www/Volume/0", None, "VM/www"),
        ("Volume/data", "data", "VM/www"),
        ("VM/www/NIC/0", None, "VM/www"),
        ("VM/www/NIC/0/Network/0", None, None),
        ("VM/www/Volume/1", None, "VM/www"),
    ]
    assert all(key == r.key for key, r in wanted.resources.items())


def test_needs() -> None:
    wanted = read(
        """\
        web: {type: resource/vm/kvm, dependencies: [{object: {variable: d}, property: {}}]}
        d:
          type: resource/vm/kvm
          relations: [{object: {variable: v}}]
          relatioins: [{object: {variable: n}}]
        v: {type: resource/network/flat}
        n: {type: resource/network/vlan, parameters: {vlan_id: 1}}
        """
    )
    assert wanted.resources["VM/web"].needs == (Reference("spec.web.dependencies[0].object.variable", key="VM/d"),)
    assert [r.key for r in wanted.resources["VM/d"].needs] == ["Network/v", "Network/n"]


def test_read_only_volume_is_shared() -> None:
    shared = "property: {r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/read_only: true}"
    wanted = read(
        f"""\
        v: {{type: resource/volume/file, size: 1gb}}
        a: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: v}}, {shared}}}]}}
        b: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: v}}, {shared}}}]}}
        """
    )
    b = wanted.resources["VM/b"]
    assert isinstance(b, WantedVM)
    assert b.volumes[0].read_only


def test_host_of_the_document() -> None:
    wanted = read(
        f"""\
        web:
          type: resource/vm/kvm
          dependencies:
            - object: {{type: resource/volume/file, size: 1gb}}
              {ATTACHED}
        data: {{type: resource/volume/file, size: 1gb}}
        """,
        top="annotations: {n0stack/scheduling/host_id: host1}\n",
    )
    path = 'annotations["n0stack/scheduling/host_id"]'
    hosts = {key: (getattr(r, "host", None), getattr(r, "host_path", None)) for key, r in wanted.resources.items()}
    assert hosts == {
        "VM/web": ("host1", path),
        "VM/web/Volume/0": (None, None),  # where its VM is
        "Volume/data": ("host1", path),
    }
    assert not wanted.same_host


def test_empty_spec_wants_nothing() -> None:
    assert read("") == Wish("default", {})
    assert wish(parse("version: 0\nannotations:\nspec: {}"), "s") == Wish("s", {})


def test_duplicate_names_of_two_kinds() -> None:
    assert (
        len(read("a: {type: resource/vm/kvm, name: x}\nb: {type: resource/volume/file, size: 1gb, name: x}").resources)
        == 2
    )
