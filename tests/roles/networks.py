"""What tests of the network roles ask for, and what they see of it on a host."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from conftest import Host

GUEST = "/root/tiny"  # on the host: what scripts/build-tiny makes
SERVER = "192.168.0.253"
_macs = count(1)


def new_id() -> str:
    return str(uuid.uuid4())


def new_mac() -> str:
    return "52:54:" + (next(_macs)).to_bytes(4).hex(":")


@dataclass(frozen=True)
class Nic:
    network: str
    address: str
    hostname: str | None = "web"
    id: str = field(default_factory=new_id)
    mac: str = field(default_factory=new_mac)

    def reservation(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "generation": 1,
            "network": self.network,
            "mac": self.mac,
            "addresses": ["fd00::1", self.address],
            "hostname": self.hostname,
            "needs": [self.network],
        }

    def interface(self) -> dict[str, Any]:
        return {"id": self.id, "mac": self.mac, "network": self.network}


@dataclass(frozen=True)
class Network:
    """192.168.0.0/24, always the same: networks may overlap."""

    vlan: int | None = 100
    mtu: int = 1500
    driver: str = "ovs"
    interface: str = "br0"
    id: str = field(default_factory=new_id)
    mac: str = field(default_factory=new_mac)

    def nic(self, last: int, hostname: str | None = "web") -> Nic:
        return Nic(self.id, f"192.168.0.{last}", hostname)

    def name(self, kind: str) -> str:
        """Of an interface: kind b is the bridge, u and o the uplink's ends, d the DHCP server's."""
        return f"vg{kind}-{self.id.replace('-', '')[:11]}"

    def network(self) -> dict[str, Any]:
        return {"id": self.id, "generation": 1, "title": "vlan_network", "mtu": self.mtu, "needs": []}

    def uplink(self) -> dict[str, Any]:
        uplink = {"id": self.id, "driver": self.driver, "interface": self.interface, "vlan_id": self.vlan}
        return {**uplink, "needs": [self.id]}

    def server(self, **changes: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "address": SERVER,
            "prefix": 24,
            "mac": self.mac,
            "gateway": "192.168.0.254",
            "nameservers": ["192.168.0.254"],
            "mtu": self.mtu,
            "needs": [self.id],
            **changes,
        }


def wanted(*networks: Network, nics: tuple[Nic, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    return {
        "networks": [network.network() for network in networks],
        "uplinks": [network.uplink() for network in networks],
        "dhcp_servers": [network.server() for network in networks],
        "reservations": [nic.reservation() for nic in nics],
    }


def guest(host: Host, nic: Nic) -> dict[str, Any]:
    return host.vm(
        kernel=f"{GUEST}/vmlinuz",
        initrd=f"{GUEST}/initrd.img",
        cmdline="console=ttyS0 quiet panic=5",
        memory=96 << 20,
        interfaces=[nic.interface()],
        needs=[nic.network, nic.id],
    )


def await_console(host: Host, vm: Mapping[str, Any], text: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while text not in (said := host.sh("cat", f"/var/log/libvirt/qemu/vg-{vm['id']}-console.log")):
        assert time.monotonic() < until, said
        time.sleep(0.2)


def server_pids(host: Host, network: Network) -> list[str]:
    return host.sh("ip", "netns", "pids", network.name("d")).split()


def everything(host: Host, *networks: Network) -> str:
    """All that a second run could change."""
    return "\n".join(
        [
            host.sh("ovs-vsctl", "--format=json", "list", "port"),
            host.sh("ip", "-details", "-oneline", "address", "show"),
            *(host.virsh("net-dumpxml", f"vg-{network.id}") for network in networks),
            *(host.sh("ip", "-n", network.name("d"), "-details", "address", "show") for network in networks),
            *(",".join(server_pids(host, network)) for network in networks),
        ]
    )


def traces(host: Host) -> list[str]:
    """What is left of networks on the host."""
    links = host.sh("ls", "/sys/class/net").split()
    return [
        *(link for link in links if link.startswith(("vgb-", "vgu-", "vgo-", "vgd-"))),
        *(port for port in host.sh("ovs-vsctl", "list-ports", "br0").split() if port.startswith("vg")),
        *host.virsh("net-list", "--all", "--name").split(),
        *host.sh("ip", "netns", "list").split(),
        *host.sh("sh", "-c", "pgrep dnsmasq || true").split(),
        *host.sh("find", "/run", "-path", "*/hosts/*").split(),
    ]
