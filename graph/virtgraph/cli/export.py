"""`virtgraph export`: a stack as the variables and the inventory of playbooks/site.yml."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import yaml

from virtgraph import paths
from virtgraph.cli import kinds
from virtgraph.cli.client import Client, Row
from virtgraph.cli.finding import PAGE_INFO, one
from virtgraph.cli.output import say
from virtgraph.run_folder import PLAIN
from virtgraph.settings import Settings
from virtgraph.spec.scalars import MASK

NETWORK = """
id name type vlanId mtu segment bindings { dhcp host { id name } }
subnets { id cidr rangeFirst rangeLast gateway nameservers serverAddress serverMac }
"""
VOLUME = "id name size sourceFile sourceSha256 host { id name }"
NETWORKS = f"""
query ($stack: String, $first: Int, $after: String) {{
  networks(filter: {{stack: $stack}}, first: $first, after: $after) {{ nodes {{ {NETWORK} }} {PAGE_INFO} }}
}}
"""
VOLUMES = f"""
query ($stack: String, $first: Int, $after: String) {{
  volumes(filter: {{stack: $stack}}, first: $first, after: $after) {{ nodes {{ {VOLUME} }} {PAGE_INFO} }}
}}
"""
VMS = f"""
query ($stack: String, $first: Int, $after: String) {{
  vms(filter: {{stack: $stack}}, first: $first, after: $after) {{
    nodes {{
      id name wanted arch vcpus memory kernel initrd cmdline hasVncPassword host {{ id name }}
      nics {{ id hwAddr ipAddresses network {{ {NETWORK} }} }}
      attachments {{ bootPriority readOnly volume {{ {VOLUME} }} }}
    }}
    {PAGE_INFO}
  }}
}}
"""
HOSTS = f"""
query ($first: Int, $after: String) {{
  hosts(first: $first, after: $after) {{
    nodes {{
      id name local address port user keyFile hostKey uplinkDriver uplinkInterface segment acceleration pools {{ path }}
    }}
    {PAGE_INFO}
  }}
}}
"""
PASSWORDS = "virtgraph_vnc_passwords"


class Text(str):
    """What came from a user: Ansible is not to look for Jinja in it."""


class Dumper(yaml.SafeDumper):
    """YAML as Ansible reads it."""


Dumper.add_representer(Text, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))


def export(settings: Settings, reference: str, folder: Path) -> None:
    with Client(settings) as client:
        stack = one(client, kinds.STACK, reference)["name"]
        variables = Exported(client, stack, settings.images).variables()
        hosts = list(client.pages(HOSTS, "hosts"))
    folder.mkdir(parents=True, exist_ok=True)
    known = folder.resolve() / "known_hosts"
    known.write_text("".join(f"{known_name(host)} {host['hostKey']}\n" for host in hosts if not host["local"]))
    write(folder / "inventory.yml", {"libvirt_hosts": {"hosts": {host_name(h): host_vars(h, known) for h in hosts}}})
    write(folder / "vars.yml", variables)
    files = f"-i {shlex.quote(f'{folder}/inventory.yml')} -e @{shlex.quote(f'{folder}/vars.yml')}"
    config, site = (shlex.quote(str(paths.ansible() / name)) for name in ("ansible.cfg", "playbooks/site.yml"))
    say(f"ANSIBLE_CONFIG={config} ansible-playbook {files} {site}")
    if secret := [f"{vm['id']} ({vm['name']})" for vm in variables["virtgraph_vms"] if "vnc_password" in vm]:
        say(
            f"VNC passwords are not told: give {PASSWORDS}, a map from id to password, of {', '.join(secret)}.",
            error=True,
        )


def write(file: Path, content: Any) -> None:
    file.write_text(yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True))


class Exported:
    """A stack, with the networks and volumes of others that its VMs use."""

    def __init__(self, client: Client, stack: str, images: Path) -> None:
        self.installation = client.ask("{ installation }")["installation"]
        self.stack, self.images = stack, images
        self.vms = list(client.pages(VMS, "vms", stack=stack))
        self.networks = {row["id"]: row for row in client.pages(NETWORKS, "networks", stack=stack)}
        self.volumes = {row["id"]: row for row in client.pages(VOLUMES, "volumes", stack=stack)}
        for vm in self.vms:
            self.networks |= {nic["network"]["id"]: nic["network"] for nic in vm["nics"]}
            self.volumes |= {attached["volume"]["id"]: attached["volume"] for attached in vm["attachments"]}
        self.names = {**names(self.networks.values()), **names(self.volumes.values()), **names(self.vms)}

    def variables(self) -> Row:
        return {
            "virtgraph_installation": self.installation,
            "virtgraph_stack": Text(self.stack),
            "virtgraph_networks": [self.network(row) for row in self.networks.values()],
            "virtgraph_volumes": [self.volume(row) for row in self.volumes.values()],
            "virtgraph_vms": [self.vm(row) for row in self.vms],
        }

    def network(self, row: Row) -> Row:
        home = next((binding["host"] for binding in row["bindings"] if binding["dhcp"]), None)
        return {
            "name": self.names[row["id"]],
            "id": row["id"],
            "type": row["type"].lower(),
            **given(vlan_id=row["vlanId"], host=home and host_name(home)),
            "segment": Text(row["segment"]),
            "mtu": row["mtu"],
            **given(subnet=one_subnet(row["subnets"])),
        }

    def volume(self, row: Row) -> Row:
        file = row["sourceFile"]
        source = file and {"file": Text(self.images / file), **given(sha256=row["sourceSha256"])}
        host = row["host"] and host_name(row["host"])
        return {"name": self.names[row["id"]], "id": row["id"], **given(size=row["size"], source=source, host=host)}

    def vm(self, row: Row) -> Row:
        password = password_of(row["id"]) if row["hasVncPassword"] else None
        texts = {name: Text(row[name]) for name in ("kernel", "initrd", "cmdline") if row[name] is not None}
        return {
            "name": self.names[row["id"]],
            "id": row["id"],
            **given(host=row["host"] and host_name(row["host"]), vnc_password=password),
            **{name: row[field] for name, field in (("state", "wanted"), ("arch", "arch"), ("vcpus", "vcpus"))},
            "memory": row["memory"],
            **texts,
            "nics": [self.nic(one) for one in row["nics"]],
            "volumes": [self.attachment(one) for one in row["attachments"]],
        }

    def nic(self, row: Row) -> Row:
        """Only what its network's server hands out is an address of it to Ansible."""
        served = [ip_network(one["cidr"]) for one in row["network"]["subnets"] if one["serverAddress"]]
        reserved = [one for one in row["ipAddresses"] if any(ip_address(one) in cidr for cidr in served)]
        network = self.names[row["network"]["id"]]
        return {"network": network, "id": row["id"], "mac": row["hwAddr"], **given(ip=reserved or None)}

    def attachment(self, row: Row) -> Row:
        name = self.names[row["volume"]["id"]]
        return {"name": name, **given(boot_priority=row["bootPriority"]), "read_only": row["readOnly"]}


def password_of(vm: str) -> str:
    """Jinja. What is taken away needs no password."""
    return f"{{{{ '{MASK}' if virtgraph_state | default('present') == 'absent' else {PASSWORDS}['{vm}'] }}}}"


def names(rows: Iterable[Row]) -> dict[str, Text]:
    """By id, what each is called: its name, or its id where it has none or another one has it."""
    listed = list(rows)
    count = Counter(row["name"] for row in listed)
    return {row["id"]: Text(row["name"] if row["name"] and count[row["name"]] == 1 else row["id"]) for row in listed}


def one_subnet(rows: Iterable[Row]) -> Row | None:
    """The role takes one of IPv4: the one that is served, else the first. A service that is told of it keeps the others."""
    possible = sorted(
        (one for one in rows if ip_network(one["cidr"]).version == 4), key=lambda one: not one["serverAddress"]
    )
    return subnet(possible[0]) if possible else None


def subnet(row: Row) -> Row:
    if not row["serverAddress"]:
        return {"cidr": row["cidr"]}
    dhcp = {
        "range": f"{row['rangeFirst']}-{row['rangeLast']}",
        **given(gateway=row["gateway"]),
        "nameservers": row["nameservers"],
        "address": row["serverAddress"],
        "mac": row["serverMac"],
    }
    return {"cidr": row["cidr"], "dhcp": dhcp}


def host_name(row: Row) -> str:
    """In the inventory, where some characters mean something."""
    return str(row["name"] if PLAIN.fullmatch(row["name"]) else row["id"])


def host_vars(row: Row, known: Path) -> Row:
    return {
        **(reached_by(row, known) if not row["local"] else {"ansible_connection": "local"}),
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_become": row["user"] not in (None, "root"),
        "virtgraph_pool_path": Text(row["pools"][0]["path"]),
        "virtgraph_domain_type": "kvm" if row["acceleration"] == "kvm" else "qemu",
        **uplink(row["uplinkDriver"] or "none", row["uplinkInterface"]),
        **given(virtgraph_segment=row["segment"] and Text(row["segment"])),
    }


def uplink(driver: str, interface: str | None) -> Row:
    """An interface that no driver uses is none to the role."""
    used = Text(interface) if interface and driver != "none" else None
    return {"virtgraph_uplink_driver": driver, **given(virtgraph_uplink_interface=used)}


def reached_by(row: Row, known: Path) -> Row:
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
    return {
        "ansible_host": Text(row["address"]),
        "ansible_port": row["port"],
        "ansible_user": Text(row["user"]),
        **given(ansible_ssh_private_key_file=row["keyFile"] and Text(row["keyFile"])),
        "ansible_ssh_common_args": Text(shlex.join(options)),
    }


def known_name(row: Row) -> str:
    """As ssh writes it in known_hosts."""
    return str(row["address"] if row["port"] == 22 else f"[{row['address']}]:{row['port']}")


def given(**values: Any) -> Row:
    return {name: value for name, value in values.items() if value is not None}
