"""XML as a person reads it in a diff: of what libvirt says, only what we write. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring, indent, tostring


def shown(xml: str, ours: str) -> str:
    """`ours`: a document of ours that has everything that is to be shown."""
    root = fromstring(xml)
    known: dict[str, set[str]] = {}
    for path, element in _walk(fromstring(ours), ""):
        known.setdefault(path, set()).update(element.attrib)
    _trim(root, root.tag, known)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _walk(element: Element, above: str) -> Iterator[tuple[str, Element]]:
    path = f"{above}/{element.tag}".lstrip("/")
    yield path, element
    for child in element:
        yield from _walk(child, path)


def _trim(element: Element, path: str, known: dict[str, set[str]]) -> None:
    for name in sorted(element.attrib.keys() - known[path]):
        del element.attrib[name]
    for child in list(element):
        below = f"{path}/{child.tag}"
        if below in known:
            _trim(child, below, known)
        else:
            element.remove(child)
    if not len(element) and not (element.text or "").strip():
        element.text = None
    if path.endswith("devices"):  # libvirt has an order of its own
        element[:] = sorted(element, key=lambda child: child.tag)
