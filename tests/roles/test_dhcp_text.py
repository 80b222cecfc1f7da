"""What dnsmasq is given to read, without Ansible."""

from typing import Any

import module_utils  # noqa: F401
import pytest
from ansible.module_utils.virtgraph_dhcp_text import host_name, options, reservation


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("web", "web"),
        ("Web Server.example", "web-server-example"),
        ("Zürich", "zurich"),
        ("-a-", "a"),
        ("a" * 80, "a" * 63),
        ("web,ignore\nx", "web-ignore-x"),
        ("12h", ""),  # would be a lease time
        ("infinite", ""),
        ("ignore", ""),
        ("東京", ""),
        ("", ""),
    ],
)
def test_a_users_name_becomes_a_host_name_or_nothing(name: str, label: str) -> None:
    assert host_name(name) == label


def nic(**changes: Any) -> dict[str, Any]:
    return {"id": "x", "mac": "52:54:00:AA:00:01", "addresses": ["192.168.0.1"], "hostname": "web", **changes}


def test_the_first_ipv4_address_is_reserved() -> None:
    assert reservation(nic(addresses=["fd00::1", "10.0.0.7", "10.0.0.8"])) == "52:54:00:aa:00:01,10.0.0.7,web\n"
    assert reservation(nic(hostname=None)) == "52:54:00:aa:00:01,192.168.0.1\n"
    assert reservation(nic(addresses=["fd00::1"])) is None
    assert reservation(nic(addresses=[])) is None


@pytest.mark.parametrize("changes", [{"mac": "52:54:00:aa:00:01,ignore"}, {"addresses": ["10.0.0.1\n"]}])
def test_what_is_no_address_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"address"):
        reservation(nic(**changes))


def test_without_a_gateway_no_router_is_told() -> None:
    assert options({"gateway": None, "nameservers": []}, 1500) == "option:router\noption:mtu,1500\n"
    told = options({"gateway": "10.0.0.254", "nameservers": ["10.0.0.2", "fd00::2", "10.0.0.3"]}, 1450)
    assert told == "option:router,10.0.0.254\noption:dns-server,10.0.0.2,10.0.0.3\noption:mtu,1450\n"
