"""The floor: a single-threaded loop of libvirt-python over ssh, which makes and removes the same domains one by one."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import libvirt
from lab_hosts import LabHosts

VOLUME_BYTES = 10 << 20


@dataclass(frozen=True, slots=True)
class Loop:
    """One libvirt host, the pool that its volumes go to, and a domain (inactive XML) of which all others are copies."""

    uri: str
    pool: str
    model: str

    @classmethod
    def beside(cls, lab: LabHosts, host: str, domain: str) -> Loop:
        """Over the lab's ssh, with copies of a domain that is there, in the pool that its volume is in."""
        access = lab.access(host)
        ssh = lab.folder / "ssh-of-the-loop"
        files = f"-i '{access.key_file}' -o UserKnownHostsFile='{lab.folder / 'known_hosts'}'"
        ssh.write_text(f'#!/bin/sh\nexec ssh -F none {files} "$@"\n')
        ssh.chmod(0o700)
        uri = f"qemu+ssh://root@{access.address}/system?command={quote(str(ssh))}"
        with closing(libvirt.open(uri)) as connection:
            model = connection.lookupByName(domain).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            path = ET.fromstring(model).find("./devices/disk/source").get("file")  # type: ignore[union-attr]
            pool = connection.storageVolLookupByPath(path).storagePoolLookupByVolume().name()
        return cls(uri, pool, model)

    def create(self, count: int) -> None:
        """Volume, domain, start: one after the other."""
        with closing(libvirt.open(self.uri)) as connection:
            pool = connection.storagePoolLookupByName(self.pool)
            for number in range(count):
                volume = pool.createXML(volume_xml(number))
                connection.defineXML(self._domain_xml(number, volume.path())).create()

    def destroy(self, count: int) -> None:
        with closing(libvirt.open(self.uri)) as connection:
            pool = connection.storagePoolLookupByName(self.pool)
            for number in range(count):
                domain = connection.lookupByName(f"loop{number}")
                domain.destroy()
                domain.undefine()
                pool.storageVolLookupByName(f"loop{number}.qcow2").delete()

    def _domain_xml(self, number: int, volume: str) -> str:
        domain = ET.fromstring(self.model)
        for tag in ("metadata", "title"):
            for element in domain.findall(tag):
                domain.remove(element)
        domain.find("name").text = f"loop{number}"  # type: ignore[union-attr]
        domain.find("uuid").text = str(uuid.uuid4())  # type: ignore[union-attr]
        for log in domain.findall("./devices/*/log"):
            log.set("file", f"/var/log/libvirt/qemu/loop{number}-console.log")
        domain.find("./devices/disk/source").set("file", str(Path(volume)))  # type: ignore[union-attr]
        domain.find("./devices/interface/mac").set("address", f"52:54:01:00:00:{number:02x}")  # type: ignore[union-attr]
        return ET.tostring(domain, encoding="unicode")


def volume_xml(number: int) -> str:
    return f"""
        <volume>
          <name>loop{number}.qcow2</name>
          <capacity unit="bytes">{VOLUME_BYTES}</capacity>
          <target><format type="qcow2"/></target>
        </volume>"""
