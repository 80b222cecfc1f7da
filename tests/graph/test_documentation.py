"""docs/documents.md has every field that documents may have, and its example is answered as it says."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from applying import put
from engines import ON_ONE_GRAPH
from playing import a_host

from virtgraph.spec.networks import DHCP_FIELDS, PARAMETER_FIELDS, SUBNET_FIELDS
from virtgraph.spec.shapes import COMMON_FIELDS, MEMBER_FIELDS, PROPERTY_FIELDS, RELATIONS, SHAPES
from virtgraph.spec.volumes import SOURCE_FIELDS
from virtgraph.spec.wishes import HOST_ID, SAME_HOST, TOP_FIELDS
from virtgraph.store.graph import Graph

TEXT = (Path(__file__).parents[2] / "docs" / "documents.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")}
EXAMPLE, ANSWER = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

# by a part of a section's title: what stands there as code
NAMES: Mapping[str, Collection[str]] = {
    "The top": (*TOP_FIELDS, SAME_HOST, HOST_ID),
    "Every resource": COMMON_FIELDS,
    **{f"`{type_}`": (type_, *shape.states, *shape.own_fields) for type_, shape in SHAPES.items()},
    "Volume": [f"source.{name}" for name in SOURCE_FIELDS],
    "Network": [
        *(f"parameters.{name}" for name in PARAMETER_FIELDS),
        *(f"subnets[].{name}" for name in SUBNET_FIELDS),
        *(f"subnets[].dhcp.{name}" for name in DHCP_FIELDS),
    ],
    "Relations": (*MEMBER_FIELDS, *PROPERTY_FIELDS, *RELATIONS),
}


@pytest.mark.parametrize("title", NAMES)
def test_every_field_is_there(title: str) -> None:
    (section,) = (section for name, section in SECTIONS.items() if title in name)
    assert [name for name in NAMES[title] if f"`{name}`" not in section] == []


@ON_ONE_GRAPH
async def test_the_example_is_answered_as_it_says(graph: Graph) -> None:
    await a_host(graph)
    answer = (await put(graph, EXAMPLE)).document
    assert re.fullmatch(".*".join(re.escape(part.strip()) for part in ANSWER.split("…")), answer.strip(), re.DOTALL)
    assert (await put(graph, answer)).applied.changed is False
