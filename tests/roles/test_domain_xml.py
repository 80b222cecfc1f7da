"""Domain XML from data, without Ansible and without libvirt."""

from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import module_utils  # noqa: F401
import pytest
from ansible.module_utils import virtgraph_domain as domain
from ansible.module_utils.virtgraph_domain import VM
from ansible.module_utils.virtgraph_mark import digest, mark, read

ID = "9c1185a5-c5e9-4c54-8a5e-2f5a4b5f1a55"
NETWORK = "0d1f3e52-6bb8-4f0e-93a8-1d9c2d1c1c10"
INSTALLATION = "11111111-1111-4111-8111-111111111111"


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "generation": 3,
        "title": "web",
        "domain_type": "qemu",
        "vcpus": 2,
        "memory": 1 << 30,
        "needs": ["x"],
        **changes,
    }


def xml(password: str | None = None, **changes: Any) -> Element:
    """As libvirt would read it."""
    given = item(**changes)
    return fromstring(tostring(domain.domain(VM.of(given), mark(given, INSTALLATION), password)))


def disks(*orders: int | None) -> list[dict[str, Any]]:
    return [{"id": f"disk-{n}", "path": f"/pool/{n}.qcow2", "boot_order": order} for n, order in enumerate(orders)]


def test_names_come_from_the_id() -> None:
    root = xml()
    assert (root.findtext("name"), root.findtext("uuid")) == (f"vg-{ID}", ID)
    assert root.findtext("title") == "web"


@pytest.mark.parametrize("title", ["</title><x/>", "{{ 1 }}", "a'b\"c", "$(reboot)", "&amp;", "žluťoučký"])
def test_a_title_is_text_whatever_is_in_it(title: str) -> None:
    assert xml(title=title).findtext("title") == title


def test_a_title_is_one_line_without_control_characters() -> None:
    assert xml(title="a\nb\x00c\td").findtext("title") == "a b c d"
    assert xml(title="\n").find("title") is None


@pytest.mark.parametrize("id", ["../x", ID.upper(), "", "9c1185a5c5e94c548a5e2f5a4b5f1a55"])
def test_an_id_that_is_no_uuid_is_refused(id: str) -> None:
    with pytest.raises(ValueError):
        VM.of(item(id=id))


def test_the_mark_can_be_read_back() -> None:
    found = read(xml())
    assert found == mark(item(), INSTALLATION)


def test_the_digest_is_of_what_is_wanted_alone() -> None:
    assert digest(item(generation=4, needs=[])) == digest(item())
    assert digest(item(vcpus=3)) != digest(item())


def test_boot_orders_become_a_ranking() -> None:
    root = xml(disks=disks(20, None, 0, 20))
    assert [found.find("boot") is None for found in root.iterfind("devices/disk")] == [False, True, False, False]
    assert [found.get("order") for found in root.iterfind("devices/disk/boot")] == ["2", "1", "3"]
    assert [found.get("dev") for found in root.iterfind("devices/disk/target")] == ["vda", "vdb", "vdc", "vdd"]


def test_memory_is_rounded_up_to_whole_kib() -> None:
    assert xml(memory=1025).findtext("memory") == "2"


def test_vnc_only_with_a_password_and_only_on_the_host_itself() -> None:
    assert xml().find("devices/graphics") is None
    graphics = xml("secret", vnc_password="hash").find("devices/graphics")
    assert graphics is not None
    assert graphics.get("passwd") == "secret"
    assert [listen.get("address") for listen in graphics.iterfind("listen")] == ["127.0.0.1"]


def test_the_translation_cache_is_limited_where_there_is_one() -> None:
    assert xml(domain_type="qemu").findtext("features/tcg/tb-cache") == "65536"
    assert xml(domain_type="kvm").find("features/tcg") is None


def test_an_interface_names_its_network_and_no_tag() -> None:
    found = xml(interfaces=[{"id": "n", "mac": "52:54:00:AA:00:01", "network": NETWORK}]).find("devices/interface")
    assert found is not None
    assert domain.interface_key(found) == ("52:54:00:aa:00:01", f"vg-{NETWORK}")
    assert found.find("vlan") is None


def test_devices_keep_their_places_when_one_in_front_goes() -> None:
    old = xml(disks=disks(1, 2))
    for slot, element in enumerate(old.iterfind("devices/disk"), 3):
        element.append(Element("address", type="pci", slot=str(slot)))
    new = xml(disks=[*disks(1, 2)[1:], {"id": "new", "path": "/pool/new.qcow2"}])
    domain.keep_places(new, old)
    kept, added = new.iterfind("devices/disk")
    assert [found.get("slot") for found in kept.iterfind("address")] == ["4"]
    assert [found.get("dev") for found in (*kept.iter("target"), *added.iter("target"))] == ["vdb", "vda"]


@pytest.mark.parametrize("changes", [{"vcpus": 4}, {"memory": 2 << 30}, {"cmdline": "x"}, {"vnc_password": "x"}])
def test_what_needs_a_restart_is_seen(changes: dict[str, Any]) -> None:
    assert domain.fixed(xml(**changes)) != domain.fixed(xml())


def test_a_title_needs_no_restart() -> None:
    assert domain.fixed(xml(title="other")) == domain.fixed(xml())
