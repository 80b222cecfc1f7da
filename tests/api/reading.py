"""What tests of reads ask with: the schema over a graph that counts the statements sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, cast

from neo4j import AsyncDriver, AsyncResult, AsyncSession
from strawberry.types import ExecutionResult

from virtgraph.store.graph import Graph
from virtgraph_api.schema import schema


@dataclass
class Context:
    graph: Graph
    request_id: str = "test"


@dataclass
class CountingSession:
    session: AsyncSession
    statements: list[str]

    async def __aenter__(self) -> CountingSession:
        await self.session.__aenter__()
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.session.__aexit__(type_, error, traceback)

    async def run(self, query: Any, parameters: Any = None) -> AsyncResult:
        self.statements.append(query.text)
        return await self.session.run(query, parameters)


@dataclass
class CountingDriver:
    """A driver for reads that remembers every statement."""

    driver: AsyncDriver
    statements: list[str] = field(default_factory=list)

    def session(self, **config: Any) -> CountingSession:
        return CountingSession(self.driver.session(**config), self.statements)


@dataclass
class Reader:
    driver: CountingDriver

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> ExecutionResult:
        graph = Graph(cast(AsyncDriver, self.driver))
        answer = await schema.execute(query, dict(variables or {}), context_value=Context(graph))
        return cast(ExecutionResult, answer)
