"""The roles pool and volume on a real libvirtd."""

import hashlib
import os
import subprocess
import uuid
from pathlib import Path

import module_utils  # noqa: F401
import pytest
from ansible.module_utils.virtgraph_pools import unmounted
from conftest import Host

pytestmark = pytest.mark.lab


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A qcow2 file of 3 MB and some, 64 MB to its guest."""
    raw, qcow2 = tmp_path / "source.raw", tmp_path / "source.qcow2"
    raw.write_bytes(os.urandom(3 << 20))
    os.truncate(raw, 64 << 20)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2], check=True)
    return qcow2


def test_volumes_of_one_source_share_a_base(host: Host, source: Path) -> None:
    wanted = {"file": str(source), "sha256": None}
    small, large = host.volume(source=wanted, size=None), host.volume(source=wanted)
    results = host.play("realize", pools=host.pools(), volumes=[small, large])
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert host.sh("ls", "-A", host.pool_path).split() == sorted(
        [f"base-{sha256}.qcow2", f"{small['id']}.qcow2", f"{large['id']}.qcow2"]
    )
    assert results[small["id"]].facts["capacity"] == 64 << 20
    assert results[large["id"]].facts["capacity"] == 1 << 30
    assert {results[one["id"]].facts["source_sha256"] for one in (small, large)} == {sha256}
    assert not host.play("realize", volumes=[small, large])[small["id"]].changed


def test_volumes_of_two_sources(host: Host, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", other, "32M"], check=True)
    volumes = [host.volume(source={"file": str(file), "sha256": None}, size=None) for file in (source, other)]
    results = host.play("realize", pools=host.pools(), volumes=volumes)
    assert [results[volume["id"]].error for volume in volumes] == [None, None]
    assert ".part" not in host.sh("ls", "-A", host.pool_path)
    assert "virtgraph-" not in host.sh("ls", "/root/.ansible/tmp")


def test_one_source_with_and_without_its_hash(host: Host, source: Path, tmp_path: Path) -> None:
    """By a link, as images often are named."""
    link = tmp_path / "latest.qcow2"
    link.symlink_to(source)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    volumes = [host.volume(source={"file": str(link), "sha256": given}, size=None) for given in (sha256, None)]
    results = host.play("realize", pools=host.pools(), volumes=volumes)
    assert [results[of["id"]].facts.get("source_sha256") for of in volumes] == [sha256] * 2, results


def test_a_source_with_another_hash_is_refused_and_leaves_nothing(host: Host, source: Path) -> None:
    volume = host.volume(source={"file": str(source), "sha256": "0" * 64})
    result = host.play("realize", pools=host.pools(), volumes=[volume])[volume["id"]]
    assert result.failed
    assert "has the SHA-256" in str(result.error)
    assert host.sh("ls", "-A", host.pool_path) == ""


def test_another_source_of_a_volume_that_is_there_is_refused(host: Host, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", other, "32M"], check=True)
    was, new = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (source, other))
    volume = host.volume(source={"file": str(source), "sha256": was})
    host.play("realize", pools=host.pools(), volumes=[volume])
    (result,) = host.play("realize", volumes=[{**volume, "source": {"file": str(other), "sha256": new}}]).values()
    assert f"was made from a source with the SHA-256 {was}, and {new} is wanted" in str(result.error)
    assert not host.play("realize", volumes=[{**volume, "source": {"file": str(source), "sha256": None}}])[
        volume["id"]
    ].changed


def test_a_source_that_is_not_there_is_named(host: Host) -> None:
    volume, other = host.volume(source={"file": "/nowhere.qcow2", "sha256": None}), host.volume()
    results = host.play("realize", pools=host.pools(), volumes=[volume, other])
    assert "is not on the controller, or cannot be read there: /nowhere.qcow2" in str(results[volume["id"]].error)
    assert not results[other["id"]].failed


def test_a_volume_smaller_than_its_source_is_refused(host: Host, source: Path) -> None:
    volume = host.volume(size=1 << 20, source={"file": str(source), "sha256": None})
    result = host.play("realize", pools=host.pools(), volumes=[volume])[volume["id"]]
    assert result.failed
    assert "is smaller than its source" in (result.error or "")
    assert ".qcow2" not in host.sh("find", host.pool_path, "-name", f"{volume['id']}*")


def test_a_half_copy_never_counts(host: Host, source: Path) -> None:
    host.play("realize", pools=host.pools())
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    part = f"{host.pool_path}/.base-{sha256}.{host.installation}-0-0.part"
    host.sh("sh", "-c", f"echo half >{part}")
    volume = host.volume(source={"file": str(source), "sha256": sha256})
    assert not host.play("realize", volumes=[volume])[volume["id"]].failed
    assert host.sh("sha256sum", f"{host.pool_path}/base-{sha256}.qcow2").startswith(sha256)
    assert ".part" not in host.sh("ls", "-A", host.pool_path)


def test_what_earlier_claims_left_half_copied_is_removed(host: Host) -> None:
    host.play("realize", pools=host.pools())
    folder, part = "/root/.ansible/tmp/virtgraph-{}", f"{host.pool_path}/.base-{'0' * 64}.{{}}.part"
    claims = [f"{host.installation}-0-0", f"{host.installation}-1-0", f"{host.pool}-0-0"]  # the others are at work
    for claim in claims:
        host.sh("sh", "-ec", f"mkdir -p {folder.format(claim)}/ansible-tmp-1; echo half >{part.format(claim)}")
    host.play("realize", volumes=[host.volume()])
    for claim in claims:
        found = host.sh("sh", "-c", f"ls -d {folder.format(claim)} {part.format(claim)} 2>/dev/null || true").split()
        assert len(found) == (0 if claim == claims[0] else 2)


def test_a_copy_that_fails_harms_its_volume_alone(host: Host, source: Path) -> None:
    volume, other = host.volume(source={"file": str(source), "sha256": None}), host.volume()
    folder = "/root/.ansible/tmp"
    host.sh("mkdir", "-p", folder)
    host.sh("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder)
    try:
        results = host.play("realize", pools=host.pools(), volumes=[volume, other])
        assert f"was not copied to host1: {source}" in str(results[volume["id"]].error)
        assert not results[other["id"]].failed
    finally:
        host.sh("umount", folder)


@pytest.mark.parametrize("room", ["2m", "128k"])
def test_a_full_pool_says_how_much_is_missing(host: Host, source: Path, room: str) -> None:
    """2 MB are not enough for the base; 128 kB not even for an empty volume."""
    wanted = {"file": str(source), "sha256": None} if room == "2m" else None
    volume = host.volume(source=wanted)
    host.sh("mkdir", "-p", host.pool_path)
    # A namespace of the host: the play's ssh and libvirtd see it too.
    host.sh("mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", host.pool_path)
    try:
        results = host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm := host.vm(volume)])
        error = str(results[volume["id"]].error)
        assert f"Volume data ({volume['id']}) does not fit into pool {host.pool_path} on host1: " in error
        assert "bytes needed" in error
        assert results[volume["id"]].cure
        assert results[vm["id"]].skipped
        assert host.sh("ls", "-A", host.pool_path) == ""
    finally:
        host.virsh("pool-destroy", f"vg-{host.pool}")
        host.sh("umount", host.pool_path)


def test_a_size_need_be_no_round_one(host: Host) -> None:
    volume = host.volume(size=1_000_000_001)
    made = host.play("realize", pools=host.pools(), volumes=[volume])[volume["id"]]
    assert made.facts["capacity"] == 1_000_000_512, made
    assert not host.play("realize", volumes=[volume])[volume["id"]].changed
    larger = {**volume, "size": 1_100_000_001}
    assert host.play("realize", volumes=[larger])[volume["id"]].facts["capacity"] == 1_100_000_256
    assert not host.play("realize", volumes=[larger])[volume["id"]].changed


def test_a_disk_whose_file_is_gone_is_not_made_anew(host: Host) -> None:
    """What its pool lies on was not mounted after a start of the host: no guest writes to an empty disk beneath."""
    volume, mounted = host.volume(), f"{host.pool_path}-mounted"
    vm = host.vm(volume)
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    for command in (("destroy", f"vg-{vm['id']}"), ("pool-destroy", f"vg-{host.pool}")):
        host.virsh(*command)
    host.sh("sh", "-ec", f"mv {host.pool_path} {mounted}; mkdir {host.pool_path}")
    results = host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    assert f"is the disk of the domain vg-{vm['id']}, and its file" in str(results[volume["id"]].error)
    assert "Mount what the pool lies on" in str(results[volume["id"]].cure)
    assert results[vm["id"]].skipped
    assert host.sh("ls", "-A", host.pool_path) == ""
    host.sh("sh", "-ec", f"rmdir {host.pool_path}; mv {mounted} {host.pool_path}")
    results = host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    assert results[vm["id"]].facts["power"] == "running", results


def test_a_volume_grows_in_use_and_never_shrinks(host: Host) -> None:
    volume = host.volume()
    vm = host.vm(volume)
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    grown = host.play("realize", volumes=[{**volume, "size": 2 << 30}])[volume["id"]]
    assert (grown.changed, grown.facts["capacity"]) == (True, 2 << 30)
    assert str(2 << 30) in host.virsh("domblkinfo", f"vg-{vm['id']}", "vda")
    shrunk = host.play("realize", volumes=[volume])[volume["id"]]
    assert shrunk.failed
    assert "cannot shrink" in str(shrunk.error)


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_volume_in_use_is_not_removed(host: Host, state: str) -> None:
    volume = host.volume()
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[host.vm(volume, state=state)])
    result = host.play("remove", volumes=[volume])[volume["id"]]
    assert f"in use by the {state} domain" in str(result.error)
    assert volume["id"] in host.sh("ls", host.pool_path)


def test_what_a_domain_has_by_pool_and_name_is_in_use_too(host: Host) -> None:
    """Whatever else it has in pools that are not active."""
    volume = host.volume()
    host.virsh("pool-define-as", "theirs", "dir", "--target", "/root/theirs")
    host.play("realize", pools=host.pools(), volumes=[volume])
    theirs = host.lab.folder / "theirs.xml"
    theirs.write_text(f"""
        <domain type="qemu"><name>theirs</name><memory>65536</memory><os><type arch="x86_64">hvm</type></os><devices>
        <disk type="volume" device="disk"><driver name="qemu" type="qcow2"/>
        <source pool="vg-{host.pool}" volume="{volume["id"]}.qcow2"/><target dev="vda" bus="virtio"/></disk>
        <disk type="volume" device="disk"><source pool="theirs" volume="a"/><target dev="vdb" bus="virtio"/></disk>
        </devices></domain>""")
    host.virsh("define", str(theirs))
    assert "in use by the stopped domain theirs" in str(host.play("remove", volumes=[volume])[volume["id"]].error)
    assert volume["id"] in host.sh("ls", host.pool_path)


def test_a_path_may_have_slashes_too_many(host: Host) -> None:
    """Also where a domain has its disk by such a path since an earlier version."""
    pools, volume = [{**host.pools()[0], "path": f"{host.pool_path}/"}], host.volume(pool_path=f"{host.pool_path}//")
    vm = host.vm(volume)
    file = vm["disks"][0]["path"]
    vm["disks"][0]["path"] = file.replace("/images/", "//images/")
    host.play("realize", pools=pools, volumes=[volume], vms=[vm])
    name, old = f"vg-{vm['id']}", host.lab.folder / "old.xml"
    assert file in host.virsh("dumpxml", name)
    again = host.play("realize", pools=pools, volumes=[volume], vms=[vm])
    assert [result.changed or result.failed for result in again.values()] == [False] * 3, again
    host.virsh("destroy", name)
    old.write_text(host.virsh("dumpxml", name).replace(file, vm["disks"][0]["path"]).replace('digest="', 'digest="0'))
    host.virsh("define", str(old))
    host.virsh("start", name)
    assert "in use by" in str(host.play("remove", volumes=[volume])[volume["id"]].error)
    assert not host.play("realize", vms=[vm])[vm["id"]].facts["pending_restart"], "it keeps the disk that it has"


def test_a_pool_that_the_hosts_restart_stopped_is_started(host: Host) -> None:
    host.play("realize", pools=host.pools())
    host.virsh("pool-destroy", f"vg-{host.pool}")
    assert host.play("realize", pools=host.pools())[host.pool].changed
    assert not host.play("realize", pools=host.pools())[host.pool].changed


@pytest.mark.parametrize("stopped", [True, False])
def test_a_pool_whose_directory_is_gone_gets_it_again(host: Host, source: Path, stopped: bool) -> None:
    """A copy of an image that libvirt remembers in it is made again."""
    wanted = {"pools": host.pools(), "volumes": [host.volume(source={"file": str(source)}, size=None)]}
    host.play("realize", **wanted)
    host.play("remove", volumes=wanted["volumes"])
    host.sh("rm", "-r", host.pool_path)
    if stopped:
        host.virsh("pool-destroy", f"vg-{host.pool}")
    again = host.play("realize", **wanted)
    assert len(again) == 2 and all(result.changed and not result.failed for result in again.values()), again
    assert not any(result.changed for result in host.play("realize", **wanted).values())


def test_a_directory_that_somebody_needs_is_not_made_anew(host: Host) -> None:
    """It may be on a disk that is not mounted."""
    volume = host.volume()
    vm = host.vm(volume, state="stopped")
    host.play("realize", pools=host.pools(), volumes=[volume], vms=[vm])
    host.sh("mv", host.pool_path, f"{host.pool_path}-away")
    lost = host.play("realize", pools=host.pools())[host.pool]
    needed = f"domain vg-{vm['id']} has a disk in it, volume {volume['id']}.qcow2 is in it."
    assert str(lost.error).endswith(f"is not on this host, and {needed}"), lost.error
    host.virsh("undefine", f"vg-{vm['id']}")
    assert host.play("realize", pools=host.pools())[host.pool].failed
    host.sh("mv", f"{host.pool_path}-away", host.pool_path)
    assert not host.play("realize", pools=host.pools(), volumes=[volume])[volume["id"]].changed


def test_a_directory_is_in_the_nearest_mount_of_fstab_that_is_missing() -> None:
    fstab = "# UUID=1 /srv/commented ext4\n\nUUID=2 / ext4 defaults 0 1\nUUID=3\t/srv/none-such\text4 defaults 0 2\n"
    assert unmounted(Path("/srv/none-such/vms/pool"), fstab) == Path("/srv/none-such")
    assert unmounted(Path("/srv/commented/pool"), fstab) is None


def test_a_pool_of_an_earlier_life_of_the_host_is_used(host: Host) -> None:
    """The host was removed and added again, or the service's graph is a new one: the pool has another id since."""
    old, kept = host.pools(), host.volume()
    host.play("realize", pools=old, volumes=[kept])
    host.virsh("pool-destroy", f"vg-{host.pool}")
    pools = [{**old[0], "id": str(uuid.uuid4())}]
    volume = host.volume(pool=pools[0]["id"], needs=[pools[0]["id"]])
    results = host.play("realize", pools=pools, volumes=[volume], vms=[vm := host.vm(volume)])
    assert not any(result.failed or result.skipped for result in results.values()), results
    assert set(results) == {pools[0]["id"], volume["id"], vm["id"]}
    files = host.sh("ls", "-A", host.pool_path).split()
    assert sorted(files) == sorted(f"{of['id']}.qcow2" for of in (kept, volume))
    assert not host.play("realize", pools=pools, volumes=[volume])[volume["id"]].changed
    host.play("remove", vms=[vm], volumes=[volume])
    assert host.sh("ls", "-A", host.pool_path).split() == [f"{kept['id']}.qcow2"]


def test_a_pool_that_others_made_of_the_directory_is_left_alone(host: Host) -> None:
    host.virsh("pool-create-as", "theirs", "dir", "--target", host.pool_path, "--build")
    result = host.play("realize", pools=host.pools())[host.pool]
    assert "theirs" in str(result.error)


def test_a_pool_with_volumes_stays(host: Host) -> None:
    volume = host.volume()
    host.play("realize", pools=host.pools(), volumes=[volume])
    result = host.play("remove", pools=host.pools())[host.pool]
    assert "still has 1 volumes" in str(result.error)
