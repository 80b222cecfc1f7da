"""The committed SDL is the schema's, and the source roots are no packages."""

from __future__ import annotations

from pathlib import Path

from virtgraph_api.schema import schema

ROOT = Path(__file__).parents[2]


def test_schema_graphql_is_current() -> None:
    assert (ROOT / "schema.graphql").read_text() == schema.as_str() + "\n", "run scripts/schema"


def test_source_roots_are_not_packages() -> None:
    """A graphql/__init__.py would shadow graphql-core for uvicorn, `python -m` and type checkers."""
    assert not (ROOT / "graphql" / "__init__.py").exists()
    assert not (ROOT / "graph" / "__init__.py").exists()
