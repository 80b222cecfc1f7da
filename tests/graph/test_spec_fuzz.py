"""Whatever stands anywhere in a document: it is read, or refused in words; nothing else is ever raised."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from virtgraph.model.wanted import Problem
from virtgraph.spec import Invalid, parse, wish

SEED = parse((Path(__file__).parents[2] / "examples" / "n0core.yaml").read_text()).tree

WORDS = st.sampled_from(
    [
        *(
            "type",
            "id",
            "name",
            "status",
            "object",
            "property",
            "r",
            "variable",
            "web",
            "var_network",
            "dependencies",
        ),
        *(
            "resource/nic",
            "resource/vm/kvm",
            "resource/network/flat",
            "n0stack/n0core/vm/attachments",
            "10gb",
            "-1gb",
        ),
        *(
            "192.168.0.0/24",
            "192.168.0.9",
            "192.168.0.1-192.168.0.9",
            "::1",
            "2001:db8::/64",
            "1.1.1.1/0",
            "-",
            "/",
        ),
        "56410722-d507-472a-a800-c89211b7c261",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys or indexes."""
    if not isinstance(value, dict | list):
        return []
    members = list(value.items() if isinstance(value, dict) else enumerate(value))
    return [(value, key) for key, _ in members] + [place for _, one in members for place in places(one)]


def problems(text: str) -> tuple[Problem, ...]:
    try:
        wanted = wish(parse(text), "default")
    except Invalid as refused:
        return refused.problems
    assert all(resource.key == key for key, resource in wanted.resources.items())
    return ()


@settings(max_examples=1000)
@given(st.data())
def test_anything_anywhere(data: st.DataObject) -> None:
    tree = copy.deepcopy(dict(SEED))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(tree) or [(tree, "spec")]))
        container[key] = data.draw(VALUES)
    found = problems(json.dumps(tree))
    assert all(problem.reason and len(problem.reason) < 1000 for problem in found)


@settings(max_examples=500)
@given(st.text() | st.text(alphabet="{}[]:,-&*!|>'\"%@`#? \n\tab01~<.=_"))
def test_any_text(text: str) -> None:
    assert all(problem.reason for problem in problems(text))
