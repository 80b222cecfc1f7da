"""The administrator's token: the file's, and no other."""

from __future__ import annotations

import stat
from pathlib import Path

from virtgraph.store.graph import Graph
from virtgraph.tokens import ADMINISTRATOR, Tokens, ensure_administrator


async def test_a_token_is_revoked_by_taking_its_file_away(graph: Graph, tmp_path: Path) -> None:
    file, other = tmp_path / "token", tmp_path / "other" / "token"
    other.parent.mkdir()
    await ensure_administrator(graph, file)
    await ensure_administrator(graph, other)  # another service's on the same graph
    leaked = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await Tokens(graph).actor(leaked) == ADMINISTRATOR

    file.unlink()
    await ensure_administrator(graph, file)
    tokens = Tokens(graph)
    assert await tokens.actor(leaked) is None
    assert await tokens.actor(file.read_text().strip()) == ADMINISTRATOR
    assert await tokens.actor(other.read_text().strip()) == ADMINISTRATOR


async def test_the_graph_holds_no_token(graph: Graph, tmp_path: Path) -> None:
    await ensure_administrator(graph, tmp_path / "token")
    token = (tmp_path / "token").read_text().strip()
    rows = await graph.read("MATCH (n) RETURN properties(n) AS properties")
    assert token not in str(rows)
