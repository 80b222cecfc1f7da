"""The graph's constraints and its version: numbered statements, run once each when a service starts."""

from __future__ import annotations

import uuid

from neo4j.exceptions import ClientError

from virtgraph.store.graph import Graph, Transaction

UNIQUE = (
    ("Meta", "id"),
    ("Counter", "id"),
    ("Stack", "id"),
    ("Stack", "nameKey"),
    ("Resource", "id"),
    ("Resource", "nameKey"),
    ("Resource", "macKey"),
    ("Resource", "vlanKey"),
    ("Segment", "name"),
    ("Subnet", "id"),
    ("Address", "key"),
    ("Binding", "key"),
    ("Operation", "id"),
    ("Run", "id"),
    ("Revision", "key"),
    ("Event", "number"),
    ("Token", "hash"),
)
INDEXED = (
    ("Operation", "readyOn"),
    ("Operation", "state"),
    ("Run", "state"),
    ("VM", "name"),
    ("VM", "createdAt"),
    ("NIC", "createdAt"),
    ("Volume", "createdAt"),
)

# appended to, never changed: statement N brings a graph from version N-1 to N
MIGRATIONS: tuple[str, ...] = (
    *(
        f"CREATE CONSTRAINT {label.lower()}_{name.lower()} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{name} IS UNIQUE"
        for label, name in UNIQUE
    ),
    *(
        f"CREATE INDEX {label.lower()}_{name.lower()}_index IF NOT EXISTS FOR (n:{label}) ON (n.{name})"
        for label, name in INDEXED
    ),
    "CREATE CONSTRAINT answer_key IF NOT EXISTS FOR (n:Answer) REQUIRE n.key IS UNIQUE",
    "CREATE INDEX binding_foundon_index IF NOT EXISTS FOR (n:Binding) ON (n.foundOn)",
)


class SchemaTooNew(Exception):
    """The graph was written by a newer version of virtgraph."""


async def migrate(graph: Graph) -> str:
    """Bring the graph to this version; the id of this installation. Raises SchemaTooNew."""
    await run_schema_statement(graph, MIGRATIONS[0])
    version = await graph.write(current_version)
    if version > len(MIGRATIONS):
        raise SchemaTooNew(
            f"The graph has schema version {version}, this virtgraph knows {len(MIGRATIONS)}: upgrade virtgraph."
        )
    for number, statement in enumerate(MIGRATIONS[version:], start=version + 1):
        await run_schema_statement(graph, statement)
        await set_version(graph, number)
    return await installation(graph)


INSTALLATION = "MATCH (m:Meta {id: 'schema'}) RETURN m.installation AS installation"


async def installation(graph: Graph) -> str:
    """What marks the things that this service makes on hosts."""
    rows = await graph.read(INSTALLATION)
    return str(rows[0]["installation"])


async def installation_in(tx: Transaction) -> str:
    row = await tx.row(INSTALLATION)
    assert row is not None
    return str(row["installation"])


SET_VERSION = "MATCH (m:Meta {id: 'schema'}) SET m.version = $version"


async def set_version(graph: Graph, number: int) -> None:
    await graph.write(lambda tx: tx.run(SET_VERSION, version=number))


async def current_version(tx: Transaction) -> int:
    row = await tx.row(
        """
        MERGE (m:Meta {id: 'schema'})
        SET m.version = coalesce(m.version, 0), m.installation = coalesce(m.installation, $installation)
        MERGE (c:Counter {id: 'events'})
        SET c.value = coalesce(c.value, 0)
        RETURN m.version AS version
        """,
        installation=str(uuid.uuid4()),
    )
    return int(row["version"]) if row else 0


async def run_schema_statement(graph: Graph, statement: str) -> None:
    """Schema statements run outside of managed transactions: neither engine mixes them with writes."""
    async with graph.driver.session(database="neo4j") as session:
        try:
            await (await session.run(statement)).consume()
        except ClientError as error:
            if "AlreadyExists" not in (error.code or ""):
                raise
