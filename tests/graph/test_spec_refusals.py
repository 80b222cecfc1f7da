"""Every refusal of a readable document, with its exact path."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from virtgraph.spec import Invalid, parse, wish

R = "r: n0stack/n0core/vm/attachments"
ATTACHED = f"property: {{{R}}}"
ON_NET = "relations: [{object: {variable: net}, property: {r: n0stack/n0core/port/network}}]"
NET = "net: {type: resource/network/vlan, parameters: {vlan_id: 100}, subnets: [{cidr: 10.0.0.0/24}]}\n"
ID = "56410722-d507-472a-a800-c89211b7c261"


def problems(text: str, stack: str = "default") -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        wish(parse(text), stack)
    return [(p.path, p.reason) for p in refused.value.problems]


def in_spec(resources: str) -> str:
    return f"version: 0\nspec:\n{indent(dedent(resources), '  ')}"


def check(text: str, path: str, reason: str) -> None:
    found = problems(text)
    assert [p for p, _ in found] == [path], found
    assert reason in found[0][1], found


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("spec: {}", "version", "is missing"),
        ("version: null\nspec: {}", "version", "is missing"),
        ("version: 1\nspec: {}", "version", "from 0 to 0"),
        ("version: '0'\nspec: {}", "version", 'whole number, not "0"'),
        ("version: false\nspec: {}", "version", "whole number, not false"),
        ("version: 0", "spec", "is missing"),
        ("version: 0\nspec: [a]", "spec", "mapping of resources, not a list"),
        (
            "version: 0\nspec: {}\nanotations: {}",
            "anotations",
            'unknown field "anotations": did you mean "annotations"?',
        ),
        ("version: 0\nspec: {}\nzzz: {}", "zzz", "known: annotations, created_at, id, spec, version"),
        ("version: 0\nspec: {}\nannotations: x", "annotations", "must be a mapping"),
        (
            "version: 0\nspec: {}\nannotations: {n0stack/scheduling/samehost: true}",
            'annotations["n0stack/scheduling/samehost"]',
            'did you mean "n0stack/scheduling/same_host"?',
        ),
        (
            "version: 0\nspec: {}\nannotations: {n0stack/scheduling/same_host: yes}",
            'annotations["n0stack/scheduling/same_host"]',
            'must be true or false, not "yes"',
        ),
        (
            "version: 0\nspec: {}\nannotations: {n0stack/scheduling/host_id: 7}",
            'annotations["n0stack/scheduling/host_id"]',
            "must be a string, not 7: put it in quotes",
        ),
        (
            'version: 0\nspec: {}\nannotations: {n0stack/scheduling/host_id: ""}',
            'annotations["n0stack/scheduling/host_id"]',
            "must not be empty",
        ),
    ],
)
def test_top_level(text: str, path: str, reason: str) -> None:
    check(text, path, reason)


@pytest.mark.parametrize(
    ("resources", "path", "reason"),
    [
        ("web: ", "spec.web", "must be a resource, not null"),
        ("web: x", "spec.web", 'must be a resource, not "x"'),
        ("web: {name: x}", "spec.web.type", "is missing"),
        ('"a b": {name: x}', 'spec["a b"].type', "is missing"),
        ('"": {type: resource/vm/kvm}', 'spec[""]', "empty name"),
        ("web: {type: 1}", "spec.web.type", "must be a string"),
        ("web: {type: resource/vm/kmv}", "spec.web.type", 'did you mean "resource/vm/kvm"?'),
        ("web: {type: agent/compute/kvm}", "spec.web.type", "unknown type"),
        (f"web: {{id: {ID}}}", "spec.web.type", "is missing"),
        ("web: {type: resource/vm/kvm, memry: 1gb}", "spec.web.memry", 'did you mean "memory"?'),
        ("web: {type: resource/vm/kvm, hw_addr: x}", "spec.web.hw_addr", "unknown field"),
        ("web: {type: resource/vm/kvm, id: web}", "spec.web.id", '"web" is not a UUID'),
        (f"web: {{type: resource/vm/kvm, id: {ID.upper()}}}", "spec.web.id", "UUID in lower case"),
        ("web: {type: resource/vm/kvm, id: 7}", "spec.web.id", "must be a string, not 7"),
        (
            "web: {type: resource/vm/kvm, name: 7}",
            "spec.web.name",
            "must be a string, not 7: put it in quotes",
        ),
        ("web: {type: resource/vm/kvm, name: ''}", "spec.web.name", "must not be empty"),
        (
            f"web: {{type: resource/vm/kvm, name: {'n' * 256}}}",
            "spec.web.name",
            "has 256 characters; at most 255",
        ),
        ('web: {type: resource/vm/kvm, name: "a\\nb"}', "spec.web.name", "control characters"),
        ("web: {type: resource/vm/kvm, state: runing}", "spec.web.state", 'did you mean "running"?'),
        ("web: {type: resource/vm/kvm, status: on}", "spec.web.status", "known: running, stopped"),
        ("web: {type: resource/vm/kvm, state: running, status: running}", "spec.web.status", "one thing"),
        ("v: {type: resource/volume/file, size: 1gb, state: running}", "spec.v.state", "known: allocated"),
        (
            "web: {type: resource/vm/kvm, arch: arm64}",
            "spec.web.arch",
            'unknown architecture "arm64": did you mean "amd64"?',
        ),
        ("web: {type: resource/vm/kvm, vcpus: 0}", "spec.web.vcpus", "from 1 to 512, not 0"),
        ("web: {type: resource/vm/kvm, vcpus: 513}", "spec.web.vcpus", "from 1 to 512"),
        ("web: {type: resource/vm/kvm, vcpus: 1.5}", "spec.web.vcpus", "whole number, not 1.5"),
        ("web: {type: resource/vm/kvm, vcpus: true}", "spec.web.vcpus", "whole number, not true"),
        ("web: {type: resource/vm/kvm, vcpus: two}", "spec.web.vcpus", 'whole number, not "two"'),
        ("web: {type: resource/vm/kvm, memory: 4xb}", "spec.web.memory", '"4xb" is not a size'),
        ("web: {type: resource/vm/kvm, memory: -4gb}", "spec.web.memory", "not a size"),
        ("web: {type: resource/vm/kvm, memory: 512}", "spec.web.memory", "from 1 MiB to 16 TiB, not 512"),
        ("web: {type: resource/vm/kvm, memory: 17tb}", "spec.web.memory", "from 1 MiB to 16 TiB"),
        ("web: {type: resource/vm/kvm, memory: [1gb]}", "spec.web.memory", "a list is not a size"),
        ("web: {type: resource/vm/kvm, vnc_password: 12345678}", "spec.web.vnc_password", "must be a string"),
        (
            "web: {type: resource/vm/kvm, vnc_password: ninechars}",
            "spec.web.vnc_password",
            "has 9 characters; VNC takes",
        ),
        ("web: {type: resource/vm/kvm, vnc_password: ''}", "spec.web.vnc_password", "has 0 characters"),
        ("web: {type: resource/vm/kvm, vnc_password: é}", "spec.web.vnc_password", "printable ASCII"),
        ("web: {type: resource/vm/kvm, kernel: vmlinuz}", "spec.web.kernel", "absolute path"),
        ('web: {type: resource/vm/kvm, kernel: "/a\\tb"}', "spec.web.kernel", "control characters"),
        ("web: {type: resource/vm/kvm, initrd: /i}", "spec.web.initrd", "give kernel too"),
        ("web: {type: resource/vm/kvm, cmdline: quiet}", "spec.web.cmdline", "give kernel too"),
        ("web: {type: resource/vm/kvm, kernel: /k, cmdline: 1}", "spec.web.cmdline", "must be a string"),
        (
            f"web: {{type: resource/vm/kvm, kernel: /k, cmdline: {'x' * 2048}}}",
            "spec.web.cmdline",
            "at most 2047",
        ),
        ("v: {type: resource/volume/file}", "spec.v.size", "is missing"),
        ("v: {type: resource/volume/file, size: 1kb}", "spec.v.size", "from 1 MiB to 1 PiB"),
        ("v: {type: resource/volume/file, size: 2pb}", "spec.v.size", "from 1 MiB to 1 PiB"),
        ("v: {type: resource/volume/file, source: x}", "spec.v.source", "must be a mapping"),
        ("v: {type: resource/volume/file, source: {}}", "spec.v.source.file", "is missing"),
        (
            "v: {type: resource/volume/file, source: {file: a, sha: b}}",
            "spec.v.source.sha",
            'did you mean "sha256"?',
        ),
        ("v: {type: resource/volume/file, source: {file: ../a}}", "spec.v.source.file", "must not lead out"),
        (
            "v: {type: resource/volume/file, source: {file: a/../../b}}",
            "spec.v.source.file",
            "must not lead out",
        ),
        ("v: {type: resource/volume/file, source: {file: /a}}", "spec.v.source.sha256", "is missing"),
        (
            "v: {type: resource/volume/file, source: {file: /a, sha256: abc}}",
            "spec.v.source.sha256",
            "64 hexadecimal",
        ),
        ("v: {type: resource/volume/file, source: {file: 1}}", "spec.v.source.file", "must be a string"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_fields(resources: str, path: str, reason: str) -> None:
    check(in_spec(resources), path, reason)


@pytest.mark.parametrize(
    ("rest", "path", "reason"),
    [
        ("type: resource/network/vlan", "parameters.vlan_id", "is missing"),
        ("type: resource/network/vlan, parameters: {}", "parameters.vlan_id", "is missing"),
        (
            "type: resource/network/vlan, parameters: {vlan_id: 0}",
            "parameters.vlan_id",
            "from 1 to 4094, not 0",
        ),
        ("type: resource/network/vlan, parameters: {vlan_id: 4095}", "parameters.vlan_id", "from 1 to 4094"),
        ("type: resource/network/vlan, parameters: {vlan_id: '7'}", "parameters.vlan_id", "whole number"),
        ("type: resource/network/flat, parameters: {vlan_id: 7}", "parameters.vlan_id", "untagged"),
        ("type: resource/network/flat, parameters: {vlan: 7}", "parameters.vlan", 'did you mean "vlan_id"?'),
        ("type: resource/network/flat, parameters: {segment: 7}", "parameters.segment", "must be a string"),
        ("type: resource/network/flat, parameters: {mtu: 575}", "parameters.mtu", "from 576 to 9216"),
        ("type: resource/network/flat, parameters: [mtu]", "parameters", "must be a mapping"),
        ("type: resource/network/flat, subnets: {}", "subnets", "must be a list"),
        ("type: resource/network/flat, subnets: [x]", "subnets[0]", "must be a mapping"),
        ("type: resource/network/flat, subnets: [{}]", "subnets[0].cidr", "is missing"),
        ("type: resource/network/flat, subnets: [{cidr: x}]", "subnets[0].cidr", '"x" is not a subnet'),
        ("type: resource/network/flat, subnets: [{cidr: 10.0.0.0}]", "subnets[0].cidr", "is not a subnet"),
        ("type: resource/network/flat, subnets: [{cidr: 10.0.0.0/33}]", "subnets[0].cidr", "is not a subnet"),
        (
            "type: resource/network/flat, subnets: [{cidr: 10.0.0.0/255.0.0.0}]",
            "subnets[0].cidr",
            "is not a subnet",
        ),
        (
            "type: resource/network/flat, subnets: [{cidr: 10.0.0.5/24}]",
            "subnets[0].cidr",
            '"10.0.0.5/24" is an address within 10.0.0.0/24',
        ),
        (
            "type: resource/network/flat, subnets: [{cidr: 224.0.0.0/24}]",
            "subnets[0].cidr",
            "guests can have",
        ),
        (
            "type: resource/network/flat, subnets: [{cidr: 127.0.0.0/24}]",
            "subnets[0].cidr",
            "guests can have",
        ),
        (
            "type: resource/network/flat, subnets: [{cidr: 10.0.0.0/24}, {cidr: 11.0.0.0/8}, {cidr: 10.0.0.8/30}]",
            "subnets[2].cidr",
            "10.0.0.8/30 overlaps 10.0.0.0/24",
        ),
        (
            "type: resource/network/flat, subnets: [{cidr: 10.0.0.0/24, gw: x}]",
            "subnets[0].gw",
            "unknown field",
        ),
    ],
)
def test_networks(rest: str, path: str, reason: str) -> None:
    check(in_spec(f"net: {{{rest}}}"), f"spec.net.{path}", reason)


@pytest.mark.parametrize(
    ("cidr", "dhcp", "path", "reason"),
    [
        ("10.0.0.0/24", "{}", ".range", "is missing"),
        ("10.0.0.0/24", "x", "", "must be a mapping"),
        ("10.0.0.0/24", "{range: 10.0.0.1}", ".range", "is not a range"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10}", ".range", '"10" is not an IP address'),
        ("10.0.0.0/24", "{range: 10.0.0.9-10.0.0.1}", ".range", "lower to a higher"),
        ("10.0.0.0/24", "{range: '10.0.0.1-2001:db8::1'}", ".range", "lower to a higher"),
        ("10.0.0.0/24", "{range: 10.0.0.0-10.0.0.9}", ".range", "10.0.0.0 is the address of the subnet"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.255}", ".range", "10.0.0.255 is the broadcast address"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.1.9}", ".range", "10.0.1.9 is outside 10.0.0.0/24"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.9, gateway: 10.0.1.1}", ".gateway", "10.0.1.1 is outside"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.9, gateway: 10.0.0.0}", ".gateway", "address of the subnet"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.9, gateway: x}", ".gateway", "is not an IP address"),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.9, nameservers: 1.1.1.1}", ".nameservers", "must be a list"),
        (
            "10.0.0.0/24",
            "{range: 10.0.0.1-10.0.0.9, nameservers: [1.1.1.1, x]}",
            ".nameservers[1]",
            "not an IP",
        ),
        (
            "10.0.0.0/24",
            "{range: 10.0.0.1-10.0.0.9, nameservers: ['2001:db8::1']}",
            ".nameservers[0]",
            "IPv6",
        ),
        ("10.0.0.0/24", "{range: 10.0.0.1-10.0.0.9, lease: 1h}", ".lease", "unknown field"),
        ("10.0.0.0/31", "{range: 10.0.0.0-10.0.0.1}", "", "too small for DHCP"),
        ("2001:db8::/64", "{range: 10.0.0.1-10.0.0.9}", "", "only IPv4 subnets have DHCP"),
    ],
)
def test_dhcp(cidr: str, dhcp: str, path: str, reason: str) -> None:
    network = f"net: {{type: resource/network/flat, subnets: [{{cidr: '{cidr}', dhcp: {dhcp}}}]}}"
    check(in_spec(network), f"spec.net.subnets[0].dhcp{path}", reason)


def test_a_second_subnet_with_dhcp() -> None:
    subnets = ", ".join(f"{{cidr: 10.0.{n}.0/24, dhcp: {{range: 10.0.{n}.1-10.0.{n}.9}}}}" for n in range(2))
    network = f"net: {{type: resource/network/flat, subnets: [{subnets}]}}"
    check(in_spec(network), "spec.net.subnets[1].dhcp", "one subnet of a network has DHCP")


@pytest.mark.parametrize(
    ("rest", "path", "reason"),
    [
        ("hw_addr: ffffffffffff", ".hw_addr", "broadcast address"),
        ("hw_addr: 'ff:ff:ff:ff:ff:ff'", ".hw_addr", "broadcast address"),
        ("hw_addr: 01-00-5e-00-00-01", ".hw_addr", "multicast address"),
        ("hw_addr: 0", ".hw_addr", "reserved"),
        ("hw_addr: fe5400123456", ".hw_addr", "reserved"),
        ("hw_addr: 52:54-00:12:34:56", ".hw_addr", "is not a hardware address"),
        ("hw_addr: 5254001234567", ".hw_addr", "is not a hardware address"),
        ("ip_addresses: 10.0.0.1", ".ip_addresses", "must be a list"),
        ("ip_addresses: [10.0.0]", ".ip_addresses[0]", '"10.0.0" is not an IP address'),
        ("ip_addresses: [7]", ".ip_addresses[0]", "7 is not an IP address"),
        ("ip_addresses: ['fe80::1%eth0']", ".ip_addresses[0]", "not an IP address"),
        ("ip_addresses: [10.0.1.1]", ".ip_addresses[0]", "10.0.1.1 is outside 10.0.0.0/24"),
        ("ip_addresses: [10.0.0.0]", ".ip_addresses[0]", "address of the subnet"),
        ("ip_addresses: [10.0.0.1, 10.0.0.255]", ".ip_addresses[1]", "broadcast address"),
        ("ip_addresses: ['2001:db8::1']", ".ip_addresses[0]", "is outside"),
        (
            "ip_addresses: [10.0.0.1, 10.0.0.1]",
            ".ip_addresses[1]",
            "taken on this network by spec.nic.ip_addresses[0]",
        ),
        (f"ip_addresses: [{'10.0.0.1, ' * 65}]", ".ip_addresses", "at most 64"),
        ("vlan_id: 7", ".vlan_id", "unknown field"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_nics(rest: str, path: str, reason: str) -> None:
    check(in_spec(f"{NET}nic: {{type: resource/nic, {ON_NET}, {rest}}}"), f"spec.nic{path}", reason)


def test_nic_has_one_network() -> None:
    check(in_spec("nic: {type: resource/nic}"), "spec.nic", "has no network")
    two = "{object: {variable: net}, property: {r: n0stack/n0core/port/network}}"
    check(
        in_spec(f"{NET}nic: {{type: resource/nic, relations: [{two}, {two}]}}"),
        "spec.nic.relations[1]",
        "one network only",
    )


@pytest.mark.parametrize(
    ("item", "path", "reason"),
    [
        ("x", "", "must be a mapping"),
        ("{}", ".object", "is missing"),
        ("{object: null}", ".object", "is missing"),
        ("{object: x}", ".object", "must be a mapping"),
        ("{object: {}}", ".object", "must have a type (a resource), a variable"),
        (f"{{object: {{id: {ID}, name: x}}}}", ".object", "must have a type"),
        ("{object: {variable: nothing}}", ".object.variable", 'unknown variable "nothing"'),
        ("{object: {variable: nett}}", ".object.variable", 'did you mean "net"?'),
        ("{object: {variable: null}}", ".object", "must have a type"),
        ("{object: {variable: 7}}", ".object.variable", "must be a string"),
        ("{object: {variable: net, type: resource/nic}}", ".object.type", "unknown field"),
        ("{object: {id: web}}", ".object.id", "is not a UUID"),
        ("{object: {type: resource/nics}}", ".object.type", 'did you mean "resource/nic"?'),
        ("{object: {variable: net}, properties: {}}", ".properties", 'did you mean "property"?'),
        ("{object: {variable: net}, property: x}", ".property", "must be a mapping"),
        ("{object: {variable: net}, property: {R: x}}", ".property.R", "unknown field"),
        ("{object: {variable: net}, property: {r: 7}}", ".property.r", "must be a string"),
        (
            "{object: {variable: vol}, property: {r: n0stack/n0core/vm/attachment}}",
            ".property.r",
            'did you mean "n0stack/n0core/vm/attachments"?',
        ),
        (
            "{object: {variable: net}, property: {r: n0stack/n0core/resource/scheduled}}",
            ".property.r",
            "unknown relation",
        ),
        (
            "{object: {variable: net}, property: {r: n0stack/n0core/port/network}}",
            ".property.r",
            "only a NIC has",
        ),
        (
            f"{{object: {{variable: net}}, {ATTACHED}}}",
            ".object.variable",
            "must be a NIC or a Volume, not a Network",
        ),
        ("{object: {variable: vol}}", ".property.r", "is missing: n0stack/n0core/vm/attachments"),
        ("{object: {type: resource/volume/file, size: 1gb}}", ".property.r", "is missing"),
        (
            f"{{object: {{variable: vol}}, property: {{{R}, n0stack/n0core/vm/boot_priority: 0}}}}",
            '.property["n0stack/n0core/vm/boot_priority"]',
            "from 1 to",
        ),
        (
            "{object: {variable: vol}, property: {r: n0stack/n0core/vm/attachments, "
            "n0stack/n0core/vm/boot_priority: 1, n0stack/n0core/vm/boot_prority: 1}}",
            '.property["n0stack/n0core/vm/boot_prority"]',
            "one thing",
        ),
        (
            f"{{object: {{variable: vol}}, property: {{{R}, n0stack/n0core/vm/read_only: 1}}}}",
            '.property["n0stack/n0core/vm/read_only"]',
            "must be true or false",
        ),
        (
            f"{{object: {{variable: nic}}, property: {{{R}, n0stack/n0core/vm/boot_priority: 1}}}}",
            '.property["n0stack/n0core/vm/boot_priority"]',
            "only for a volume",
        ),
        (
            "{object: {variable: net}, property: {n0stack/n0core/vm/read_only: true}}",
            '.property["n0stack/n0core/vm/read_only"]',
            "only for a volume",
        ),
        ("{object: {variable: web}}", ".object.variable", "is a cycle: spec.web needs spec.web"),
    ],
)
def test_relations(item: str, path: str, reason: str) -> None:
    siblings = f"{NET}nic: {{type: resource/nic, {ON_NET}}}\nvol: {{type: resource/volume/file, size: 1gb}}\n"
    web = f"web: {{type: resource/vm/kvm, dependencies: [{item}]}}"
    check(in_spec(siblings + web), f"spec.web.dependencies[0]{path}", reason)


def test_relations_must_be_a_list() -> None:
    check(in_spec("web: {type: resource/vm/kvm, relatioins: {}}"), "spec.web.relatioins", "must be a list")


def test_nic_relation_names_its_meaning() -> None:
    nic = "nic: {type: resource/nic, relations: [{object: {variable: net}}]}"
    check(in_spec(NET + nic), "spec.nic.relations[0].property.r", "is missing: n0stack/n0core/port/network")


def test_cycles_are_named() -> None:
    text = in_spec(
        """\
        a: {type: resource/vm/kvm, dependencies: [{object: {variable: b}}]}
        b: {type: resource/vm/kvm, relations: [{object: {variable: c}}]}
        c: {type: resource/vm/kvm, relatioins: [{object: {variable: a}}]}
        d: {type: resource/vm/kvm, relatioins: [{object: {variable: a}}]}
        """
    )
    cycle = "is a cycle: spec.a needs spec.b needs spec.c needs spec.a"
    assert problems(text) == [("spec.c.relatioins[0].object.variable", cycle)]


def test_cycle_through_fields() -> None:
    text = in_spec(
        f"""\
        net: {{type: resource/network/flat, dependencies: [{{object: {{variable: web}}}}]}}
        nic: {{type: resource/nic, {ON_NET}}}
        web: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: nic}}, {ATTACHED}}}]}}
        """
    )
    check(
        text,
        "spec.nic.relations[0].object.variable",
        "is a cycle: spec.net needs spec.web needs spec.nic needs spec.net",
    )


def test_long_cycle_is_cut_short() -> None:
    ring = [
        f"k{i}: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: k{(i + 1) % 5000}}}}}]}}\n"
        for i in range(5000)
    ]
    check(
        in_spec("".join(ring)),
        "spec.k4999.dependencies[0].object.variable",
        "needs spec.k4 needs … needs spec.k4996",
    )


@pytest.mark.parametrize(
    ("resources", "path", "reason"),
    [
        (
            "a: {type: resource/vm/kvm, name: x}\nb: {type: resource/vm/kvm, name: x}",
            "spec.b",
            "VM/x is declared twice, first at spec.a",
        ),
        (
            "a: {type: resource/vm/kvm}\nb: {type: resource/vm/kvm, name: a}",
            "spec.b",
            "VM/a is declared twice",
        ),
        (
            f"a: {{type: resource/vm/kvm, id: {ID}}}\nb: {{type: resource/volume/file, size: 1gb, id: {ID}}}",
            "spec.b",
            f"the id {ID} is given twice, first at spec.a",
        ),
        (
            "a: {type: resource/network/vlan, parameters: {vlan_id: 7}}\n"
            "b: {type: resource/network/vlan, parameters: {vlan_id: 7}}",
            "spec.b.parameters.vlan_id",
            '7 is taken in segment "default" by spec.a',
        ),
        (
            "a: {type: resource/network/flat}\nb: {type: resource/network/flat, parameters: {mtu: 1400}}",
            "spec.b",
            "a segment has one flat network",
        ),
        (
            f"{NET}a: {{type: resource/nic, {ON_NET}, hw_addr: 525400123456}}\n"
            f"b: {{type: resource/nic, {ON_NET}, hw_addr: '52-54-00-12-34-56'}}",
            "spec.b.hw_addr",
            "52:54:00:12:34:56 is taken on this network by spec.a",
        ),
        (
            f"{NET}a: {{type: resource/nic, {ON_NET}, ip_addresses: [10.0.0.1]}}\n"
            f"b: {{type: resource/nic, {ON_NET}, ip_addresses: [10.0.0.2, 10.0.0.1]}}",
            "spec.b.ip_addresses[1]",
            "10.0.0.1 is taken on this network by spec.a.ip_addresses[0]",
        ),
        (
            f"{NET}n: {{type: resource/nic, {ON_NET}}}\n"
            f"a: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: n}}, {ATTACHED}}}]}}\n"
            f"b: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: n}}, {ATTACHED}}}]}}",
            "spec.b.dependencies[0].object.variable",
            "is attached to spec.a too",
        ),
        (
            f"a: {{type: resource/vm/kvm, dependencies: [{{object: {{id: {ID}}}, {ATTACHED}}}]}}\n"
            f"b: {{type: resource/vm/kvm, dependencies: [{{object: {{id: {ID}}}, {ATTACHED}}}]}}",
            "spec.b.dependencies[0].object.id",
            "is attached to spec.a too: only a volume that is read_only on all its VMs can be shared",
        ),
        (
            "v: {type: resource/volume/file, size: 1gb}\n"
            "a: {type: resource/vm/kvm, dependencies: [{object: {variable: v}, property: "
            "{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/read_only: true}}]}\n"
            f"b: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: v}}, {ATTACHED}}}]}}",
            "spec.b.dependencies[0].object.variable",
            "is attached to spec.a too: only a volume that is read_only",
        ),
        (
            "v: {type: resource/volume/file, size: 1gb}\n"
            f"a: {{type: resource/vm/kvm, dependencies: [{{object: {{variable: v}}, {ATTACHED}}}, "
            f"{{object: {{variable: v}}, {ATTACHED}}}]}}",
            "spec.a.dependencies[1].object.variable",
            "is attached to this VM already",
        ),
        (
            "a: {type: resource/vm/kvm, dependencies: [\n"
            "  {object: {type: resource/volume/file, size: 1gb}, property: "
            "{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/boot_priority: 1}},\n"
            "  {object: {type: resource/volume/file, size: 1gb}, property: "
            "{r: n0stack/n0core/vm/attachments, n0stack/n0core/vm/boot_prority: 1}}]}",
            'spec.a.dependencies[1].property["n0stack/n0core/vm/boot_prority"]',
            "1 is the boot priority at spec.a.dependencies[0] already",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_two_cannot_share(resources: str, path: str, reason: str) -> None:
    check(in_spec(resources), path, reason)


def test_all_problems_at_once() -> None:
    text = """\
    version: 2
    annotations: {n0stack/scheduling/same_host: 1}
    spec:
      web:
        type: resource/vm/kvm
        memory: lots
        vcpus: 0
        dependencies:
          - object: {type: resource/nic, hw_addr: ffffffffffff, ip_addresses: [10.0.9.1]}
            property: {r: n0stack/n0core/vm/attachments}
          - object: {variable: gone}
      net: {type: resource/network/vlan, parameters: {vlan_id: 5000}, colour: red}
    extra: 1
    """
    assert {path for path, _ in problems(dedent(text))} == {
        "version",
        'annotations["n0stack/scheduling/same_host"]',
        "spec.web.memory",
        "spec.web.vcpus",
        "spec.web.dependencies[0].object",
        "spec.web.dependencies[0].object.hw_addr",
        "spec.web.dependencies[1].object.variable",
        "spec.net.parameters.vlan_id",
        "spec.net.colour",
        "extra",
    }


def test_a_refused_network_is_not_held_against_its_nics() -> None:
    network = "net: {type: resource/network/flat, subnets: [{cidr: 10.0.0.1/24}]}\n"
    nic = f"nic: {{type: resource/nic, {ON_NET}, ip_addresses: [10.0.0.1]}}"
    check(in_spec(network + nic), "spec.net.subnets[0].cidr", "is an address within")


def test_a_reference_to_what_is_refused_is_not_dangling() -> None:
    nic = f"nic: {{type: resource/nic, {ON_NET}}}"
    check(in_spec("net: {type: resource/network/vlam}\n" + nic), "spec.net.type", "unknown type")


def test_too_many_problems_are_cut() -> None:
    found = problems(in_spec("".join(f"k{i}: {{type: x}}\n" for i in range(5000))))
    assert len(found) == 1001
    assert found[-1] == ("", "only the first 1000 problems are listed")


def test_stack_is_a_name() -> None:
    assert [path for path, _ in problems("version: 0\nspec: {}", stack="a\nb")] == ["stack"]


def test_no_password_in_any_reason() -> None:
    for password in ("canary-canary", "[canary]", "{canary: 1}", "canaryé"):
        text = in_spec(f"web: {{type: resource/vm/kvm, vnc_password: {password}, x: 1}}")
        assert not any("canary" in reason for _, reason in problems(text))


@pytest.mark.parametrize(
    "name",
    [
        "{{ lookup('pipe', 'touch /tmp/x') }}",
        "a\"b'c",
        "$(id)",
        "<x/>&amp;",
        "' OR 1=1 //",
        "../../etc",
        "a/NIC/0",
    ],
)
def test_what_looks_like_code_is_a_name(name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    got = wish(parse(in_spec(f"web: {{type: resource/vm/kvm, name: {quoted}}}")), "default")
    assert [r.name for r in got.resources.values()] == [name]
