"""Hosts and guests of a running service, asked for through its GraphQL API.

Runs in Ansible's own Python and imports nothing of virtgraph, so that the collection alone is enough. What the service
says stays text: only values that are tagged as trusted are templated by ansible-core 2.19, and these are not.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shlex
import tomllib
import urllib.error
import urllib.request
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.inventory.group import Group
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, to_safe_group_name
from ansible.utils.path import basedir

DOCUMENTATION = """
name: virtgraph
short_description: Hosts and guests of a running virtgraph service
version_added: "0.1.0"
author: virtgraph
description:
  - Asks the service's GraphQL API for its libvirt hosts and the VMs on them.
  - Hosts have their own name. A VM is named C(vm.stack); what can be no name of a file becomes C(_), and then the
    beginning of its id follows, as it does where a name is taken already.
  - Groups are C(kind_host) and C(kind_vm), C(host_NAME) with the VMs on a host, C(stack_NAME), C(network_STACK_NAME),
    C(state_STATE), and C(label_LABEL) with the hosts that have it. Names are made safe as Ansible does it.
  - Where that gives several of them one name, such as C(stack_a_b) to the stacks C(a_b), C(a-b) and C(a b), it is that of the
    only one that is written so, if there is one. Each of the others has C(_) and eight digits after it, which derive from how
    it is written. So no group has members of two, and the order of what is listed does not matter.
  - Each has the variable C(virtgraph), a mapping with C(kind), C(id), C(name) and C(state); of a VM also C(stack),
    C(host), C(vcpus), C(memory), C(nics) and C(through); of a host also C(labels) and C(acceleration).
  - Hosts are reached as the service reaches them, with the ssh host key that was pinned. VMs are reached by their first
    address, through the host that serves its network, from inside the network; where no host does, through their own.
  - A VM without an address is not reached under its name, which may be another machine's. Its C(ansible_host) is
    C(ID.invalid.), which resolves to nothing (RFC 6761); O(compose) can say another one.
extends_documentation_fragment: [ansible.builtin.constructed, ansible.builtin.inventory_cache]
options:
  plugin:
    description: Says that a file is meant for this plugin.
    type: str
    required: true
    choices: [virtgraph, virtgraph.libvirt.virtgraph]
  url:
    description: Where the service is; else as the file of settings says, else V(http://127.0.0.1:8000/graphql).
    type: str
    env: [{name: VIRTGRAPH_URL}]
  token:
    description: A token of the service; else as the file of settings says, else that of the file C(token) in O(home).
    type: str
    env: [{name: VIRTGRAPH_TOKEN}]
  home:
    description: The service's folder; else as the file of settings says, else V(/var/lib/virtgraph) or the XDG state folder.
    type: path
    env: [{name: VIRTGRAPH_HOME}]
  config:
    description: The file of settings; else V(/etc/virtgraph/config.toml) or that in the XDG configuration folder.
    type: path
    env: [{name: VIRTGRAPH_CONFIG}]
  through_host:
    description: Whether VMs are reached through a host. Say false where their networks are routed to this machine.
    type: bool
    default: true
"""

EXAMPLES = """
# inventory/virtgraph.yml; with the collection: plugin: virtgraph.libvirt.virtgraph
plugin: virtgraph
compose:
  ansible_user: "'debian'"
keyed_groups:
  - {key: virtgraph.vcpus, prefix: vcpus}
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/virtgraph
"""

ANSWER_SECONDS = 60
PAGE = 500
FORM = 2  # of what is cached; another one is another key

HOSTS = """
query ($first: Int, $after: String) { page: hosts(first: $first, after: $after) {
  nodes { id name state address user port local keyFile hostKey labels acceleration }
  pageInfo { hasNextPage endCursor }
} }
"""
NETWORKS = """
query ($first: Int, $after: String) { page: networks(first: $first, after: $after) {
  nodes { id name vlanId stackName bindings { dhcp host { id } } }
  pageInfo { hasNextPage endCursor }
} }
"""
VMS = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  page: vms(first: $first, after: $after, last: $last, before: $before) {
    nodes {
      id name state stackName vcpus memory host { id }
      nics { name hwAddr ipAddresses network { id } }
    }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
# On a host, inside a network: what `ssh -W` is outside of it.
RELAY = """\
import os, select, socket, sys
guest = socket.create_connection(sys.argv[1:])
write = {0: guest.sendall, guest.fileno(): open(1, "wb", 0).write}
while guest.fileno() in write:
    for end in select.select(list(write), [], [])[0]:
        data = os.read(end, 65536)
        if data:
            write[end](data)
        else:
            del write[end]
            end or guest.shutdown(socket.SHUT_WR)
"""

Row = dict[str, Any]
Key = tuple[str, ...]  # what a group is of: `stack` and its name, `network` and the names of its stack and its own

NOTHING: Row = dict.fromkeys(("id", "name", "stackName", "vlanId", "bindings"))
_UNSAFE = re.compile(r"^[^\w]|[^\w.-]")
_LONGEST_NAME = 200  # with an id and an extension it is the name of a file
_CONFIG = Path("virtgraph", "config.toml")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    NAME = "virtgraph"

    def verify_file(self, path: str) -> bool:
        return path.endswith(("virtgraph.yml", "virtgraph.yaml")) and bool(super().verify_file(path))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        settings = Settings(self.get_option)
        caching = self.get_option("cache")
        key = self.get_cache_key(f"{FORM} {settings.url} {settings.through_host} {path}")
        cached = self._cache.get(key) if caching and cache else None
        with uncollected():
            found = unpack(cached["packed"]) if cached else ask(settings)
            hosts = self._add(found)
        if caching and not cached:
            self._cache[key] = {"packed": pack(found)}
        self._construct(hosts)

    def _add(self, found: Row) -> list[Host]:
        source = self.inventory.current_source
        origin = {"inventory_file": source, "inventory_dir": basedir(source)}
        hosts = []
        for member in found["members"]:
            variables = {**origin, **member["vars"]}
            if member["jump"] is not None:
                variables["ansible_ssh_common_args"] += found["jumps"][member["jump"]]
            hosts.append(self._add_host(member["name"], variables))
        for name, places in found["groups"].items():
            self._add_group(name, [hosts[place] for place in places])
        return hosts

    def _add_host(self, name: str, variables: Row) -> Host:
        """What add_host and set_variable do one value at a time: a second for 10,000 guests."""
        if name in self.inventory.hosts:  # of another source
            for variable, value in variables.items():
                self.inventory.set_variable(name, variable, value)
        else:
            self.inventory.hosts[name] = Host(name)
            self.inventory.hosts[name].vars = variables
        return self.inventory.hosts[name]

    def _add_group(self, name: str, hosts: list[Host]) -> None:
        """What add_child does one host at a time."""
        if name in self.inventory.groups:
            for host in hosts:
                self.inventory.add_child(name, host.name)
            return
        group: Group = self.inventory.groups[self.inventory.add_group(name)]
        group.hosts = hosts
        for host in hosts:
            host.groups.append(group)

    def _construct(self, hosts: Iterable[Host]) -> None:
        strict, compose = self.get_option("strict"), self.get_option("compose")
        groups, keyed = self.get_option("groups"), self.get_option("keyed_groups")
        if not (compose or groups or keyed):
            return
        for host in hosts:
            self._set_composite_vars(compose, host.get_vars(), host.name, strict)
            variables = host.get_vars()
            self._add_host_to_composed_groups(groups, variables, host.name, strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed, variables, host.name, strict, fetch_hostvars=False)


class Settings:
    """As the command line reads them, after what the inventory's own file says."""

    def __init__(self, option: Callable[[str], Any]) -> None:
        root = os.geteuid() == 0
        self._option = option
        self._file = Path(option("config") or (Path("/etc") if root else _xdg("CONFIG", ".config")) / _CONFIG)
        self._written = self._read()
        self.through_host: bool = option("through_host")
        self.url = self._given("url") or "http://127.0.0.1:8000/graphql"
        self.home = Path(
            self._given("home") or (Path("/var/lib") if root else _xdg("STATE", ".local/state")) / "virtgraph"
        )
        self.is_near = _is_loopback(self.url)

    def token(self) -> str:
        if given := self._given("token"):
            return given.strip()
        file = self.home / "token"
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            raise AnsibleParserError(
                f"There is no token: VIRTGRAPH_TOKEN is not set and {file} does not exist. Start the service on this "
                "machine (`virtgraph serve`), or set VIRTGRAPH_TOKEN, or VIRTGRAPH_HOME to the service's folder."
            ) from None
        except (OSError, UnicodeError) as error:
            raise AnsibleParserError(
                f"The token in {file} cannot be read: {error}. Run this as the user that the service runs as, or set "
                "VIRTGRAPH_TOKEN."
            ) from None

    def _given(self, name: str) -> str:
        return str(self._option(name) or self._written.get(name) or "")

    def _read(self) -> Row:
        try:
            return tomllib.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise AnsibleParserError(f"{self._file} cannot be read: {error}. Correct it or move it away.") from None


def _xdg(name: str, place: str) -> Path:
    return Path(os.environ.get(f"XDG_{name}_HOME") or Path.home() / place)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


@contextmanager
def uncollected() -> Iterator[None]:
    """What is made meanwhile stays as long as Ansible: looking through it for garbage again and again takes 0.2 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def pack(found: Row) -> str:
    """One string, since Ansible checks, compares and copies every leaf of what it caches, and escapes it three times."""
    return b64encode(zlib.compress(json.dumps(found).encode(), 1)).decode()


def unpack(text: str) -> Row:
    found: Row = json.loads(zlib.decompress(b64decode(text)))
    return found


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Service:
    def __init__(self, settings: Settings) -> None:
        self.url = settings.url
        # not open_url: it reads all certificates anew for each page, 20 ms, where there is no TLS too
        proxies = urllib.request.ProxyHandler({} if settings.is_near else None)
        self._opener = urllib.request.build_opener(proxies, NoRedirect)
        self.headers = {
            "Authorization": f"Bearer {settings.token()}",
            "Content-Type": "application/json",
            "Accept": "application/graphql-response+json",
        }

    def pages(self, query: str) -> Iterator[list[Row]]:
        """The nodes of a whole list."""
        after, more = None, True
        while more:
            page = self.ask(query, first=PAGE, after=after)
            yield page["nodes"]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    def pages_backwards(self, query: str) -> Iterator[list[Row]]:
        before, more = None, True
        while more:
            page = self.ask(query, last=PAGE, before=before)
            yield page["nodes"]
            before, more = page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]

    def from_both_ends(self, query: str) -> list[Row]:
        """A long list, read by two until they meet."""
        met: dict[str, Row] = {}

        def read(pages: Iterator[list[Row]]) -> list[list[Row]]:
            rows = []
            for nodes in pages:
                new = [node for node in nodes if node["id"] not in met]
                met.update((node["id"], node) for node in new)
                rows.append(new)
                if len(new) < len(nodes):
                    break
            return rows

        with ThreadPoolExecutor(2) as readers:
            begin, end = readers.map(read, (self.pages(query), self.pages_backwards(query)))
        # where both hold a page at one time, either takes it for new
        return list({node["id"]: node for nodes in (*begin, *reversed(end)) for node in nodes}.values())

    def ask(self, query: str, **variables: Any) -> Row:
        """The page of an answer without errors."""
        body = self._post(json.dumps({"query": query, "variables": variables}))
        try:
            answer = json.loads(body)
            errors = [error["message"] for error in answer.get("errors") or ()]
            data = answer.get("data")
        except (ValueError, AttributeError, TypeError, KeyError):
            raise self._unreachable("what answers there is no GraphQL service") from None
        if errors or data is None:
            raise AnsibleParserError(f"The service at {self.url} answers with an error: {' '.join(errors)}")
        page: Row = data["page"]
        return page

    def _post(self, body: str) -> bytes:
        try:
            request = urllib.request.Request(self.url, body.encode(), self.headers)
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise AnsibleParserError(
                    f"The service at {self.url} does not know this token. Set VIRTGRAPH_TOKEN, or VIRTGRAPH_HOME to the "
                    "folder of the service that runs there."
                ) from None
            return error.read()
        except (OSError, ValueError, HTTPException) as error:
            raise self._unreachable(str(getattr(error, "reason", error))) from None

    def _unreachable(self, why: str) -> AnsibleParserError:
        return AnsibleParserError(
            f"The service at {self.url} does not answer: {why}. Start it with `virtgraph serve`, or set VIRTGRAPH_URL to "
            "where it is."
        )


def ask(settings: Settings) -> Row:
    """Members (name, variables, and which jump leads there), their groups, and the jumps: arguments of ssh."""
    service = Service(settings)
    found = Found(settings)
    for host in chain.from_iterable(service.pages(HOSTS)):
        found.add_host(host)
    networks = {network["id"]: network for network in chain.from_iterable(service.pages(NETWORKS))}
    for vm in service.from_both_ends(VMS):
        found.add_vm(vm, networks)
    return {"members": found.members, "groups": found.groups(), "jumps": found.jumps}


class Found:
    """What is in the graph, as Ansible names it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.members: list[Row] = []
        self.jumps: list[str] = []
        self._names = {"all", "ungrouped", *constants.LOCALHOST}
        self._groups: dict[Key, list[int]] = {}
        self._hosts: dict[str, tuple[str, Row]] = {}  # by id, with their names here
        self._jumps: dict[Jump, int] = {}

    def add_host(self, row: Row) -> None:
        about = {"kind": "host"} | {key: row[key] for key in ("id", "name", "state", "labels", "acceleration")}
        name = self._member(row, row["name"], None, {"virtgraph": about, **reach(row, self.settings)})
        self._hosts[row["id"]] = name, row
        self._group(("kind", "host"), ("state", row["state"].lower()), *(("label", label) for label in row["labels"]))

    def add_vm(self, row: Row, networks: dict[str, Row]) -> None:
        nics = [(nic, networks.get((nic["network"] or NOTHING)["id"], NOTHING)) for nic in row["nics"]]
        address, network = next(
            ((nic["ipAddresses"][0], on) for nic, on in nics if nic["ipAddresses"]), (None, NOTHING)
        )
        host = (row["host"] or NOTHING)["id"]
        jump = way_into(network, host) if address and self.settings.through_host else None
        if jump and jump.host not in self._hosts:
            jump = None
        about = {
            "kind": "vm",
            "id": row["id"],
            "name": row["name"],
            "state": row["state"],
            "stack": row["stackName"],
            "host": self._name_of(host),
            "vcpus": row["vcpus"],
            "memory": row["memory"],
            "nics": [
                {
                    "name": nic["name"],
                    "mac": nic["hwAddr"],
                    "addresses": nic["ipAddresses"],
                    "network": on["name"],
                    "stack": on["stackName"],
                    "vlan": on["vlanId"],
                }
                for nic, on in nics
            ],
            "through": jump and {"host": self._name_of(jump.host), "namespace": jump.namespace},
        }
        # keys and open connections are known by the id: in several networks guests may have one address
        variables = {
            "virtgraph": about,
            "ansible_ssh_common_args": f"-o HostKeyAlias={row['id']}",
            "ansible_control_path": f"%(directory)s/{row['id'].replace('-', '')[:12]}",
            # else it would be the name, which can be another machine's; absolute, so that no search domain is tried
            "ansible_host": address or f"{row['id']}.invalid.",
        }
        name = ".".join(filter(None, (row["name"] or row["id"], row["stackName"])))
        self._member(row, name, None if jump is None else self._jump(jump), variables)
        self._group(("kind", "vm"), ("state", row["state"].lower()), ("stack", row["stackName"]))
        if carrier := self._name_of(host):
            self._group(("host", carrier))
        self._group(*(("network", on["stackName"], on["name"] or on["id"]) for _, on in nics if on is not NOTHING))

    def groups(self) -> dict[str, list[int]]:
        """The places of their members, by their names."""
        names = group_names(self._groups)
        return {names[key]: places for key, places in self._groups.items()}

    def _name_of(self, host: str | None) -> str | None:
        return self._hosts[host][0] if host in self._hosts else None

    def _member(self, row: Row, wanted: str, jump: int | None, variables: Row) -> str:
        """Its name: a host's is part of paths (host_vars, cached facts), so no other characters than these."""
        name = _UNSAFE.sub("_", wanted)[:_LONGEST_NAME]
        if name != wanted or name in self._names:
            name = f"{name}-{row['id'][:8]}"
        if name in self._names:
            name = row["id"]
        self._names.add(name)
        self.members.append({"name": name, "jump": jump, "vars": variables})
        return name

    def _group(self, *keys: Key) -> None:
        """Of the latest member."""
        place = len(self.members) - 1
        for key in keys:
            places = self._groups.setdefault(key, [])
            if not places or places[-1] != place:
                places.append(place)

    def _jump(self, jump: Jump) -> int:
        if jump not in self._jumps:
            self._jumps[jump] = len(self.jumps)
            self.jumps.append(f" -o {shlex.quote(proxy(self._hosts[jump.host][1], jump.namespace, self.settings))}")
        return self._jumps[jump]


def group_names(keys: Iterable[Key]) -> dict[Key, str]:
    """By key, whatever their order: no two have one name, and what is written as a safe name has that one."""
    sharing: dict[str, list[Key]] = {}
    for key in keys:
        sharing.setdefault(to_safe_group_name("_".join(key)), []).append(key)
    names: dict[Key, str] = {}
    taken = set(sharing)
    for safe, several in sorted(sharing.items()):
        written_so = [key for key in several if "_".join(key) == safe]
        for key in sorted(several):
            names[key] = safe if [key] in (several, written_so) else _distinguished(safe, key, taken)
            taken.add(names[key])
    return names


def _distinguished(safe: str, key: Key, taken: set[str]) -> str:
    name, digits = safe, json.dumps(key)
    while name in taken:  # a second time where somebody wrote just this name
        digits = sha256(digits.encode()).hexdigest()
        name = f"{safe}_{digits[:8]}"
    return name


class Jump(NamedTuple):
    """From a host, by its id; inside a network namespace of it or not."""

    host: str
    namespace: str | None


def way_into(network: Row, host: str | None) -> Jump | None:
    """Hosts have no address in the networks that they carry, but the DHCP server has, in a namespace of its own."""
    for binding in network["bindings"] or ():
        if binding["dhcp"] and binding["host"]:
            return Jump(binding["host"]["id"], f"vgd-{network['id'].replace('-', '')[:11]}")
    return Jump(host, None) if host else None


def reach(host: Row, settings: Settings) -> Row:
    """The variables of a connection to a host."""
    variables: Row = {"ansible_python_interpreter": "/usr/bin/python3"}  # the one that has libvirt
    if host["local"] and settings.is_near:
        return {**variables, "ansible_connection": "local", "ansible_become": os.geteuid() != 0}
    if host["local"]:
        return {**variables, "ansible_host": urlsplit(settings.url).hostname}
    variables |= {
        "ansible_host": host["address"],
        "ansible_port": host["port"],
        "ansible_user": host["user"],
        "ansible_become": host["user"] != "root",
        "ansible_host_key_checking": True,
        "ansible_ssh_common_args": shlex.join(pinned(host)),
    }
    if key := _key(host):
        variables["ansible_ssh_private_key_file"] = key
    return variables


def proxy(host: Row, namespace: str | None, settings: Settings) -> str:
    """ssh's option that leads through a host. ProxyJump itself would take neither its key nor its pinned host key."""
    relay = [] if namespace is None else ["ip", "netns", "exec", namespace, "/usr/bin/python3", "-Ic", RELAY]
    if relay and (os.geteuid() != 0 if host["local"] else host["user"] != "root"):
        relay = ["sudo", "-n", *relay]
    if host["local"] and settings.is_near:
        command = _escaped(relay) + " %h %p" if relay else ""
        return f"ProxyCommand={command or 'none'}"
    ssh = ["ssh", *pinned(host), "-o", "BatchMode=yes", "-p", str(host["port"] or 22), "-l", host["user"] or "root"]
    if key := _key(host):
        ssh += ["-i", key, "-o", "IdentitiesOnly=yes"]
    address = host["address"] or str(urlsplit(settings.url).hostname)
    if not relay:
        return f"ProxyCommand={_escaped(ssh)} -W '[%h]:%p' -- {_escaped([address])}"
    return f"ProxyCommand={_escaped([*ssh, '--', address, shlex.join(relay)])}' %h %p'"


def pinned(host: Row) -> list[str]:
    """Arguments of ssh by which it takes only the host key that the service has recorded."""
    settings = {"StrictHostKeyChecking": "yes"}
    if host["hostKey"]:
        settings |= {
            "HostKeyAlias": host["id"],
            "KnownHostsCommand": f"/bin/echo {host['id']} {host['hostKey']}",
            "UserKnownHostsFile": "/dev/null",
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
        }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _key(host: Row) -> str | None:
    """Its path is one of the service's machine."""
    file: str | None = host["keyFile"]
    return file if file and os.access(file, os.R_OK) else None


def _escaped(command: Sequence[str]) -> str:
    """For a shell, in a value in which ssh replaces %h and %p."""
    return shlex.join(command).replace("%", "%%")
