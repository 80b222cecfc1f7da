"""Links of this host, by iproute2 and ethtool: read as data, changed only where they differ."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.virtgraph_batch import ResourceError
from ansible.module_utils.virtgraph_predicted import Predicted

_PACKAGES = {
    "dnsmasq": "dnsmasq-base",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "ovs-vsctl": "openvswitch-switch",
    "unshare": "util-linux",
}
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"  # that of an ssh session may lack sbin
_PATIENCE = 60  # seconds for one command


def run(*command: str, given: str | None = None) -> str:
    """What a command prints; a ResourceError when it fails or is not installed."""
    done = _run(command, given)
    if done.returncode:
        raise _failure(command, done.stderr.strip())
    return done.stdout


def succeeds(*command: str, given: str | None = None) -> bool:
    return _run(command, given).returncode == 0


def _run(command: tuple[str, ...], given: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "PATH": PATH}
    try:
        return subprocess.run(
            command,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        package = _PACKAGES.get(command[0], command[0])
        raise ResourceError(
            f"The command {command[0]} is not installed on this host.", f"apt-get install {package} on the host."
        ) from None
    except subprocess.TimeoutExpired:
        raise _failure(command, f"no answer after {_PATIENCE} s") from None


def _failure(command: tuple[str, ...], said: str) -> ResourceError:
    return ResourceError(
        f"The command `{' '.join(command)}` failed on this host: {said}.",
        "Run the command on the host by hand; when it works, apply again.",
    )


def link(name: str, netns: str | None = None) -> dict[str, Any] | None:
    """An interface as `ip -json -details link` shows it; None when there is none."""
    command = ("ip", *_in(netns), "-json", "-details", "link", "show", "dev", name)
    done = _run(command)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found
    if "does not exist" in done.stderr:
        return None
    raise _failure(command, done.stderr.strip())


def carries(name: str) -> str:
    """What of the host itself is on this interface, in words; empty where nothing is. Guests' frames on it could cut the
    host off, and the host would sit in their networks."""
    own = json.loads(run("ip", "-json", "address", "show", "scope", "global"))
    routes = json.loads(run("ip", "-json", "route", "show", "default"))
    if any(link.get("ifname") == name and link["addr_info"] for link in own):
        return "an address of the host itself"
    if any(route.get("dev") == name for route in routes):
        return "the host's default route"
    return ""


def addresses(name: str, netns: str) -> list[str]:
    """The interface's IPv4 addresses with their prefix lengths."""
    shown = json.loads(run("ip", "-n", netns, "-json", "-4", "address", "show", "dev", name))
    return [f"{of['local']}/{of['prefixlen']}" for entry in shown for of in entry.get("addr_info", [])]


def change(*lines: str, netns: str | None = None) -> None:
    """Lines as `ip` takes them, in one process; the first that fails ends it."""
    command = ("ip", *_in(netns), "-batch", "-")
    done = _run(command, "".join(f"{line}\n" for line in lines))
    if done.returncode:
        raise _failure(("ip", *_in(netns), " ; ip ".join(lines)), done.stderr.strip())


def delete(name: str) -> None:
    change(f"link delete dev {name}")


def alias(installation: str, network: str) -> str:
    """The mark of a link. Its name has only the beginning of the network's id, which people's own ids may share."""
    return f"virtgraph:{installation}:{network}"


def is_ours(name: str, own: str, going: bool = False) -> bool:
    """Whether there is a link of this name with the alias `own`; raises ResourceError when it is a stranger's.

    `going`: when it is to be removed, what another network of ours has is as good as gone.
    """
    found = link(name)
    if found is None:
        return False
    marked: str = found.get("ifalias", "")
    if marked == own:
        return True
    if marked.rpartition(":")[0] != own.rpartition(":")[0]:
        raise ResourceError(
            f"The interface {name} exists on this host already and carries no mark of this installation:"
            f" it is left as it is.",
            f"Remove it by hand if nobody needs it (ip link delete {name}), then apply again.",
        )
    if going:
        return False
    raise ResourceError(
        f"The interface {name} is of network {marked.rpartition(':')[2]}, whose id begins like this one's.",
        "Create the network under another id; without one given it gets a random one.",
    )


def ours(name: str, own: str) -> dict[str, Any] | None:
    """What is to be removed, if it is there; raises ResourceError when it is a stranger's."""
    return link(name) if is_ours(name, own, going=True) else None


def made_as(found: dict[str, Any]) -> str | None:
    """veth, vlan, bridge, …; None of a card. `found`: as link() answers."""
    made: str | None = found.get("linkinfo", {}).get("info_kind")
    return made


def _in(netns: str | None) -> tuple[str, ...]:
    return ("-n", netns) if netns else ()


def without_ipv6(name: str) -> bool:
    """Whether this host has no IPv6 address on the interface and gets none."""
    setting = _ipv6_setting(name)
    return not setting.exists() or setting.read_text().strip() == "1"


def forbid_ipv6(name: str) -> None:
    """To be called before the interface is up: its link-local address would be announced in the network."""
    if not without_ipv6(name):
        _ipv6_setting(name).write_text("1")


def _ipv6_setting(name: str) -> Path:
    return Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")


@dataclass(frozen=True)
class End:
    """One end of a veth pair. `mac`: None for any. `master`: the bridge it is a port of."""

    name: str
    alias: str
    mtu: int
    master: str | None = None
    mac: str | None = None
    netns: str | None = None

    def right(self) -> bool:
        found = link(self.name, self.netns)
        return (
            found is not None
            and "UP" in found["flags"]
            and (found.get("ifalias"), found["mtu"]) == (self.alias, self.mtu)
            and self.master in (None, found.get("master"))
            and self.mac in (None, found["address"])
            and (self.netns is not None or without_ipv6(self.name))
            and "tx-checksumming: off" in self._ethtool("-k", self.name)
        )

    def settle(self) -> None:
        if self.netns is None:
            forbid_ipv6(self.name)
        # Open vSwitch in user space hands checksums on unfinished: ping works, and TCP never connects.
        self._ethtool("-K", self.name, "tx", "off")
        wanted = f"link set dev {self.name} alias {self.alias} addrgenmode none mtu {self.mtu}"
        wanted += f" master {self.master}" if self.master else ""
        wanted += f" address {self.mac}" if self.mac else ""
        change(wanted, f"link set dev {self.name} up", netns=self.netns)

    def _ethtool(self, *arguments: str) -> str:
        return run(*(("ip", "netns", "exec", self.netns) if self.netns else ()), "ethtool", *arguments)


def make_veth(first: End, second: End) -> bool:
    """Makes or completes a pair; whether it had to be made. `first` is in this host's own namespace."""
    kept = is_ours(first.name, first.alias)
    if second.netns is None:
        is_ours(second.name, second.alias)
    missing = not kept or link(second.name, second.netns) is None
    if missing:
        if kept:
            delete(first.name)
        peer = f"peer name {second.name}" + (f" netns {second.netns}" if second.netns else "")
        # In one process, so that a module that is killed in between leaves no link without its mark.
        change(
            f"link add {first.name} type veth {peer}",
            f"link set dev {first.name} alias {first.alias}",
            *([] if second.netns else [f"link set dev {second.name} alias {second.alias}"]),
        )
    first.settle()
    second.settle()
    return missing


def bridge_mtu(network: str, installation: str, predicted: Predicted) -> int:
    """Raises ResourceError when the network's bridge is not there."""
    for kind in ("uplink", "network"):
        after = predicted.made(kind, network)
        if after and "mtu" in after:
            return int(after["mtu"])
    name = names.bridge(network)
    if predicted.gone("network", network) or not is_ours(name, alias(installation, network)):
        raise ResourceError(
            f"The bridge {name} of network {network} is not there on this host.",
            "Apply the network on this host first (role network).",
        )
    found = link(name)
    return int(found["mtu"]) if found else 0
