"""The role vm on a real libvirtd: what a second run, a change, a foreign domain and a removal do."""

import subprocess
import time
import uuid

import pytest
from conftest import KERNEL, Host
from plays import play

pytestmark = pytest.mark.lab

CANARY = "k4n4ry#7"  # VNC passwords have 8 characters at most


def test_a_second_run_changes_nothing(host: Host) -> None:
    volume = host.volume()
    vm = host.vm(volume)
    wanted = {"pools": host.pools(), "volumes": [volume], "vms": [vm]}
    first = host.play("realize", **wanted)
    before = host.virsh("dumpxml", f"vg-{vm['id']}")
    second = host.play("realize", **wanted)
    assert all(result.changed and not result.failed for result in first.values())
    assert not any(result.changed or result.failed for result in second.values())
    expected = {"power": "running", "vnc_port": None, "acceleration": "tcg", "pending_restart": False}
    assert second[vm["id"]].facts == expected
    assert host.virsh("dumpxml", f"vg-{vm['id']}") == before


def test_titles_are_text_and_nothing_else(host: Host) -> None:
    titles = ["</title>", "{{ lookup('pipe', 'touch /tmp/pwned') }}", "a\nb", "'\"", "$(touch /tmp/pwned)", "`x`"]
    vms = [host.vm(title=title, state="stopped") for title in titles]
    results = host.play("realize", vms=vms)
    assert not any(result.failed for result in results.values())
    shown = [host.virsh("desc", "--title", f"vg-{vm['id']}").strip() for vm in vms]
    assert shown == [title.replace("\n", " ") for title in titles]
    with pytest.raises(subprocess.CalledProcessError):
        host.sh("ls", "/tmp/pwned")


def test_a_running_vm_gets_a_disk_and_a_title_without_a_restart(host: Host) -> None:
    first, second = host.volume(), host.volume()
    vm = host.vm(first)
    host.play("realize", pools=host.pools(), volumes=[first, second], vms=[vm])
    process = host.sh("pgrep", "-f", f"vg-{vm['id']}")
    with_both = {**host.vm(first, second), "id": vm["id"], "title": "renamed"}
    result = host.play("realize", vms=[with_both])[vm["id"]]
    live = host.virsh("dumpxml", f"vg-{vm['id']}")
    assert result.changed
    assert result.facts["pending_restart"] is False
    assert second["id"] in live
    assert "<title>renamed</title>" in live
    assert host.sh("pgrep", "-f", f"vg-{vm['id']}") == process
    assert not host.play("realize", vms=[with_both])[vm["id"]].changed


def test_a_running_vm_gets_an_interface_without_a_restart(host: Host) -> None:
    network, vm = str(uuid.uuid4()), host.vm()
    host.play("realize", networks=[{"id": network, "generation": 1, "title": "n", "mtu": 1500, "needs": []}], vms=[vm])
    nic = {"id": str(uuid.uuid4()), "mac": "52:54:00:AA:00:01", "network": network}
    plugged = host.play("realize", vms=[{**vm, "interfaces": [nic]}])[vm["id"]]
    assert plugged.changed
    assert plugged.facts["pending_restart"] is False
    assert f"vg-{network}" in host.virsh("domiflist", f"vg-{vm['id']}")
    # This guest never answers: an interface stays plugged until its restart.
    assert host.play("realize", vms=[vm])[vm["id"]].facts["pending_restart"] is True


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_disk_is_not_put_back_to_what_it_was_before_a_snapshot(host: Host, state: str) -> None:
    volume = host.volume()
    vm = host.vm(volume, state=state)
    name, overlay = f"vg-{vm['id']}", f"{host.pool_path}/{volume['id']}.s1"
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    host.virsh("snapshot-create-as", name, "s1", "--disk-only")
    renamed = {**vm, "title": "other"}
    assert not host.play("realize", volumes=[volume], vms=[vm])[vm["id"]].failed, "nothing of it differs"
    refused = host.play("realize", volumes=[volume], vms=[renamed])[vm["id"]]
    assert f"has {overlay} in the place of its volume" in str(refused.error)
    assert f"virsh blockcommit {name} {overlay}" in str(refused.cure)
    assert overlay in host.virsh("domblklist", name)
    if state == "running":
        assert "in use by" in str(host.play("remove", volumes=[volume])[volume["id"]].error)
        host.virsh("blockcommit", name, overlay, "--active", "--pivot", "--wait", "--delete")
    else:
        host.sh("mv", overlay, f"{overlay}.away")
    assert not host.play("realize", volumes=[volume], vms=[renamed])[vm["id"]].failed
    assert f"{volume['id']}.qcow2" in host.virsh("domblklist", name)


def test_more_memory_waits_for_a_restart(host: Host) -> None:
    vm = host.vm()
    host.play("realize", vms=[vm])
    larger = {**vm, "memory": 96 << 20}
    assert host.play("realize", vms=[larger])[vm["id"]].facts["pending_restart"] is True
    assert not host.play("realize", vms=[larger])[vm["id"]].changed
    host.virsh("destroy", f"vg-{vm['id']}")
    restarted = host.play("realize", vms=[larger])[vm["id"]]
    assert restarted.changed
    assert restarted.facts["pending_restart"] is False


def test_a_domain_that_was_defined_and_not_started_is_adopted(host: Host) -> None:
    vm = host.vm()
    host.play("realize", vms=[vm])
    host.virsh("destroy", f"vg-{vm['id']}")
    assert host.play("realize", vms=[vm])[vm["id"]].facts["power"] == "running"


def test_a_domain_without_our_mark_is_left_alone(host: Host) -> None:
    vm = host.vm()
    names = f"<name>theirs</name><uuid>{vm['id']}</uuid>"
    xml = f"<domain type='qemu'>{names}<memory>65536</memory><os><type>hvm</type></os></domain>"
    host.sh("sh", "-c", f'echo "{xml}" >/root/theirs.xml')
    host.virsh("define", "/root/theirs.xml")
    before = host.virsh("dumpxml", "theirs")
    for playbook in ("realize", "remove"):
        result = host.play(playbook, vms=[vm])[vm["id"]]
        assert result.failed
        assert "carries no mark of this installation" in str(result.error)
        assert result.cure
    assert host.virsh("dumpxml", "theirs") == before


def test_a_failure_harms_only_what_needs_it(host: Host) -> None:
    lost, well = host.volume(pool=str(uuid.uuid4()), pool_path="/nowhere"), host.volume()
    broken, works = host.vm(lost), host.vm(well)
    results = host.play("realize", pools=host.pools(), volumes=[lost, well], vms=[broken, works])
    assert results[lost["id"]].failed
    assert results[broken["id"]].skipped
    assert lost["id"] in str(results[broken["id"]].error)
    assert results[works["id"]].facts["power"] == "running"


def test_a_vm_that_does_not_go_keeps_its_volume(host: Host) -> None:
    volume = host.volume()
    vm = host.vm(volume, state="stopped")
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    host.virsh("metadata", f"vg-{vm['id']}", "https://virtgraph.dev/1", "--remove")
    results = host.play("remove", volumes=[{**volume, "needs": [vm["id"]]}], vms=[{**vm, "needs": []}])
    assert results[vm["id"]].failed
    assert results[volume["id"]].skipped
    assert host.sh("ls", host.pool_path).split() == [f"{volume['id']}.qcow2"]


def test_a_guest_has_the_time_that_is_given_to_power_off(host: Host) -> None:
    """This one never does by itself, so that its power is cut then."""
    vm = host.vm()
    assert play(host, vm={"vm_resources": [vm]}).returncode == 0
    begun = time.monotonic()
    stopped = play(host, vm={"vm_resources": [{**vm, "state": "stopped"}], "vm_shutdown_timeout": "14"})
    assert stopped.returncode == 0, stopped.stdout
    assert host.virsh("domstate", f"vg-{vm['id']}").strip() == "shut off"
    assert 14 < time.monotonic() - begun < 40


def test_a_guest_is_stopped_whatever_it_was_started_from(host: Host) -> None:
    """What is not there any more is needed for its next start, and named then."""
    volume, other = host.volume(), host.volume()
    host.sh("cp", KERNEL, "/root/away")
    vm = host.vm(volume, kernel="/root/away")
    stopped = {"state": "stopped"}
    assert play(host, pool={"pool_resources": host.pools()}, volume={"volume_resources": [volume]}).returncode == 0
    assert play(host, vm={"vm_resources": [vm]}).returncode == 0
    host.sh("rm", "/root/away", f"{host.pool_path}/{volume['id']}.qcow2")
    plugged = {**host.vm(volume, other, kernel="/root/away", **stopped), "id": vm["id"]}
    refused = play(host, vm={"vm_resources": [plugged], "vm_shutdown_timeout": 1})
    assert refused.returncode != 0 and f"is not on this host: volume {host.pool_path}/{other['id']}" in refused.stdout
    assert play(host, vm={"vm_resources": [{**vm, **stopped}], "vm_shutdown_timeout": 1}).returncode == 0
    assert host.virsh("domstate", f"vg-{vm['id']}").strip() == "shut off"
    again = play(host, vm={"vm_resources": [vm]})
    assert again.returncode != 0 and "file /root/away" in again.stdout


def test_a_vnc_password_is_nowhere_but_in_the_domain(host: Host) -> None:
    vm = host.vm(vnc_password="hash-1")
    result = host.play("realize", {vm["id"]: {"vnc_password": CANARY}}, vms=[vm])[vm["id"]]
    assert result.facts["vnc_port"]
    assert CANARY in host.virsh("dumpxml", "--security-info", f"vg-{vm['id']}")
    assert CANARY not in host.log()
    places = ["/tmp", "/run/virtgraph-fence", "/root", "/var/log", "/dev/shm"]
    found = host.sh("sh", "-c", f"grep -rlF '{CANARY}' {' '.join(places)} --exclude-dir=libvirt || true")
    assert found == ""
    assert host.sh("sh", "-c", f"grep -rlF '{CANARY}' /var/log/libvirt || true") == ""


def test_a_vnc_password_that_libvirt_cannot_read_is_refused_and_not_told(host: Host) -> None:
    vm = host.vm(vnc_password="hash-1")
    result = host.play("realize", {vm["id"]: {"vnc_password": f"{CANARY[:7]}\x01"}}, vms=[vm])[vm["id"]]
    assert "its VNC password must be printable ASCII" in str(result.error)
    assert CANARY[:7] not in host.log() and CANARY[:7] not in str(result)


def test_a_short_vnc_password_does_not_blank_out_results(host: Host) -> None:
    vm = host.vm(vnc_password="hash-1")
    assert host.play("realize", {vm["id"]: {"vnc_password": "e"}}, vms=[vm])[vm["id"]].facts["power"] == "running"


def test_a_vnc_password_changes_while_the_guest_runs(host: Host) -> None:
    vm = host.vm(vnc_password="hash-1")
    host.play("realize", {vm["id"]: {"vnc_password": CANARY}}, vms=[vm])
    changed = host.play("realize", {vm["id"]: {"vnc_password": "other"}}, vms=[{**vm, "vnc_password": "hash-2"}])
    assert changed[vm["id"]].changed
    assert "passwd='other'" in host.virsh("dumpxml", "--security-info", f"vg-{vm['id']}")


def test_remove_takes_everything_and_is_content_with_nothing(host: Host) -> None:
    volume = host.volume()
    vm = host.vm(volume)
    wanted = {"pools": host.pools(), "volumes": [volume], "vms": [vm]}
    host.play("realize", **wanted)
    assert all(result.changed and not result.failed for result in host.play("remove", **wanted).values())
    assert host.virsh("list", "--all", "--name").split() == []
    assert host.virsh("pool-list", "--all", "--name").split() == []
    assert host.sh("find", "/var/lib/libvirt/images", "/var/log/libvirt/qemu", "-name", f"*{host.pool}*") == ""
    assert host.sh("find", "/var/log/libvirt/qemu", "-name", f"*{vm['id']}-console*") == ""
    again = host.play("remove", **wanted)
    assert not any(result.changed or result.failed for result in again.values())


def test_a_vm_with_a_checkpoint_is_removed(host: Host) -> None:
    """Which programs for backups make."""
    volume = host.volume()
    vm = host.vm(volume)
    host.play("realize", pools=host.pools(), volumes=[volume])
    host.sh("qemu-img", "amend", "-f", "qcow2", "-o", "compat=1.1", f"{host.pool_path}/{volume['id']}.qcow2")
    host.play("realize", vms=[vm])
    host.virsh("checkpoint-create-as", f"vg-{vm['id']}", "backup")
    assert not host.play("remove", vms=[vm])[vm["id"]].failed
    assert host.virsh("list", "--all", "--name").split() == []


def test_an_older_claim_is_refused(host: Host) -> None:
    vm = host.vm(state="stopped")
    host.play("realize", vms=[vm])
    stale = {"installation": host.installation, "slot": 0, "fence": 0, "deadline": 60}
    with pytest.raises(AssertionError, match="A newer claim owns"):
        host.play("realize", lease=stale, vms=[{**vm, "title": "late"}])
    assert host.virsh("desc", "--title", f"vg-{vm['id']}").strip() == "web"


def test_observe_tells_what_is_there(host: Host) -> None:
    volume = host.volume()
    vm = host.vm(volume, state="stopped")
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    seen = host.play("observe", uplink="br0", pool_path=f"{host.pool_path}/not/there")
    assert {id: found.facts["kind"] for id, found in seen.items()} == {
        host.pool: "Pool",
        volume["id"]: "Volume",
        vm["id"]: "VM",
    }
    assert seen[vm["id"]].facts["power"] == "shutoff"
    assert host.outcome is not None
    facts = host.outcome.host_facts
    assert (facts["hostname"], facts["uplink_driver"], facts["libvirt_version"]) == ("host1", "ovs", "9.0.0")
    assert min(facts["cpus"], facts["memory"], facts["disk"]) > 0
