"""The connection to this host's libvirtd, and what is the same for all that lives behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ansible.module_utils import virtgraph_names as names
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_batch import Done, Item, ResourceError, described
from ansible.module_utils.virtgraph_fence import HostError
from ansible.module_utils.virtgraph_mark import Mark, read
from ansible.module_utils.virtgraph_predicted import Predicted

try:
    import libvirt
except ImportError:
    libvirt = None

URI = "qemu:///system"
# By virDomainState.
POWER = ("nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended")


@contextlib.contextmanager
def connected(module: AnsibleModule) -> Iterator[Any]:
    """A virConnect; ends the module with code "libvirt" when there is none to have."""
    if libvirt is None:
        module.fail_json(msg="python3-libvirt is not installed (apt-get install python3-libvirt)", code="libvirt")
    libvirt.registerErrorHandler(lambda context, error: None, None)  # else it writes to stderr
    try:
        connection = libvirt.open(URI)
    except libvirt.libvirtError as error:
        module.fail_json(msg=str(error), code="libvirt")
    try:
        yield connection
    finally:
        connection.close()


def watched(connection: Any, realize_one: Callable[[Item], Done]) -> Callable[[Item], Done]:
    """A connection that broke on the way is the host's failure, not the resource's."""

    def realize(item: Item) -> Done:
        try:
            return realize_one(item)
        except libvirt.libvirtError as error:
            if not connection.isAlive():
                raise HostError("libvirt", str(error)) from error
            raise

    return realize


def found(look_up: Callable[[str], Any], key: str) -> Any | None:
    """What `look_up` (of a connection or a pool) finds; None when there is nothing of that name or UUID."""
    try:
        return look_up(key)
    except libvirt.libvirtError as error:
        if error.get_error_code() in _NOTHING:
            return None
        raise


_NOTHING = (
    ()
    if libvirt is None
    else (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
    )
)


def pool_at(connection: Any, path: str) -> Any | None:
    """A storage pool of another id that virtgraph made of this directory: libvirt takes no second one of it.

    A host that was removed and is added again has one, and so has the host of an installation that is made anew.
    """
    return next((pool for pool, place in pools(connection) if place == path), None)


def pools(connection: Any) -> Iterator[tuple[Any, str]]:
    """Storage pools that virtgraph made, of whichever installation, with their directories."""
    for pool in connection.listAllStoragePools():
        if pool.name() == names.libvirt_pool(pool.UUIDString()):
            yield pool, ElementTree.fromstring(pool.XMLDesc()).findtext("target/path", "")


def files_of(connection: Any, root: Element) -> set[str]:
    """Of a domain's disks and of what these stand on, which is the disk of before where a snapshot was made."""
    sources = [source for disk in root.iterfind("devices/disk") for source in disk.iter("source")]
    return {file for source in sources if (file := _file_of(connection, source))}


def _file_of(connection: Any, source: Element) -> str:
    if (pool := source.get("pool")) is None:
        return names.straight(source.get("file", ""))
    known = found(connection.storagePoolLookupByName, pool)
    folder = known and ElementTree.fromstring(known.XMLDesc()).findtext("target/path")  # also of one that is not active
    return names.straight(f"{folder}/{source.get('volume', '')}") if folder else ""


def taps(connection: Any, predicted: Predicted) -> set[str]:
    """Names of the interfaces of guests that would be gone by now."""
    if not predicted.known.get("vm"):
        return set()
    going = [domain for domain in connection.listAllDomains() if predicted.gone("vm", domain.UUIDString())]
    targets = (ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/interface/target") for domain in going)
    return {target.get("dev", "") for found in targets for target in found}


def ours(xml: str, item: Item, installation: str, kind: str) -> Mark:
    """The mark of what exists under the item's name; raises ResourceError when this installation did not make it."""
    mark = read(ElementTree.fromstring(xml))
    if mark is not None and mark.id == item["id"] and mark.installation == installation:
        return mark
    whose = f"belongs to installation {mark.installation}" if mark else "carries no mark of this installation"
    raise ResourceError(
        f"The {kind} of {described(item)} exists on this host already and {whose}: it is left as it is.",
        f"Remove that {kind} by hand if nobody needs it, then apply again.",
    )
