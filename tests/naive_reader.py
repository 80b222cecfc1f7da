"""The oracle of reads: the same schema answered the naive way, one object and one relation at a time.

graphql-core executes it as everything else; nothing here is shared with the compiler. Cursors are the nodes' ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLResolveInfo, build_schema, graphql_sync
from neo4j import Driver

RESOURCES = ("VM", "NIC", "Volume", "Network", "Pool", "Host")
KINDS = (*RESOURCES, "Stack", "Operation", "Run", "Binding", "Revision", "Subnet")
STACK = "(x)<-[:OWNS]-(y:Stack)"
BINDINGS = "(x)<-[:OF]-(y:Binding)"
OPERATIONS = "(x)<-[:OF]-(:Binding)<-[:ON]-(y:Operation)"
Key = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Thing:
    """A node, with the relationship that led to it."""

    kind: str
    values: Mapping[str, Any]
    arrow: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.values.get("key" if self.kind == "Binding" else "id"))


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a whole list."""

    things: list[Thing]
    whole: list[Thing]
    first: int  # where the slice begins


def by(*names: str) -> Key:
    """Null sorts last; the id decides."""
    return lambda thing: (*((thing.values.get(n) is None, thing.values.get(n)) for n in names), thing.id)


def by_arrow(name: str) -> Key:
    return lambda thing: (thing.arrow[name], thing.id)


def latest(name: str) -> Key:
    return lambda thing: (-thing.values[name], thing.id)


# (kind, field): the pattern from x to y, the order, and whether it is one, a list or a page
RELATIONS: dict[tuple[str, str], tuple[str, Key, str]] = {
    ("VM", "nics"): ("(x)-[r:HAS_NIC]->(y:NIC)", by_arrow("order"), "list"),
    ("VM", "volumes"): ("(x)-[r:ATTACHES]->(y:Volume)", by_arrow("order"), "list"),
    ("VM", "host"): ("(x)-[:PLACED_ON]->(y:Host)", by(), "one"),
    ("NIC", "network"): ("(x)-[:ON]->(y:Network)", by(), "one"),
    ("NIC", "vm"): ("(x)<-[:HAS_NIC]-(y:VM)", by(), "one"),
    ("Volume", "pool"): ("(x)-[:IN]->(y:Pool)", by(), "one"),
    ("Volume", "host"): ("(x)-[:IN]->(:Pool)-[:ON]->(y:Host)", by(), "one"),
    ("Volume", "vms"): ("(x)<-[:ATTACHES]-(y:VM)", by("name"), "list"),
    ("Network", "subnets"): ("(x)-[r:HAS_SUBNET]->(y:Subnet)", by_arrow("order"), "list"),
    ("Network", "nics"): ("(x)<-[:ON]-(y:NIC)", by("createdAt"), "page"),
    ("Host", "vms"): ("(x)<-[:PLACED_ON]-(y:VM)", by("name"), "page"),
    ("Host", "pools"): ("(x)<-[:ON]-(y:Pool)", by("name"), "list"),
    ("Host", "bindings"): ("(x)<-[:ON]-(y:Binding)", by("key"), "page"),
    ("Host", "runs"): ("(x)<-[:AT]-(y:Run)", latest("startedAt"), "page"),
    ("Host", "operation"): (OPERATIONS, latest("ordinal"), "one"),
    ("Pool", "host"): ("(x)-[:ON]->(y:Host)", by(), "one"),
    ("Pool", "volumes"): ("(x)<-[:IN]-(y:Volume)", by("name"), "page"),
    ("Pool", "bindings"): (BINDINGS, by("key"), "list"),
    ("Binding", "resource"): ("(x)-[:OF]->(y:Resource)", by(), "one"),
    ("Binding", "host"): ("(x)-[:ON]->(y:Host)", by(), "one"),
    ("Stack", "resources"): ("(x)-[:OWNS]->(y:Resource)", by("createdAt"), "page"),
    ("Stack", "revisions"): ("(x)<-[:REVISION_OF]-(y:Revision)", latest("number"), "page"),
    ("Revision", "stack"): ("(x)-[:REVISION_OF]->(y:Stack)", by(), "one"),
    ("Revision", "operations"): ("(x)<-[:OF_REVISION]-(y:Operation)", by("ordinal"), "page"),
    ("Operation", "binding"): ("(x)-[:ON]->(y:Binding)", by(), "one"),
    ("Operation", "resource"): ("(x)-[:ON]->(:Binding)-[:OF]->(y:Resource)", by(), "one"),
    ("Operation", "host"): ("(x)-[:ON]->(:Binding)-[:ON]->(y:Host)", by(), "one"),
    ("Operation", "run"): ("(x)<-[:REALIZES]-(y:Run)", latest("startedAt"), "one"),
    ("Operation", "after"): ("(x)-[:AFTER]->(y:Operation)", by("ordinal"), "list"),
    ("Run", "host"): ("(x)-[:AT]->(y:Host)", by(), "one"),
    ("Run", "operations"): ("(x)-[:REALIZES]->(y:Operation)", by("ordinal"), "page"),
    **{(kind, "stack"): (STACK, by(), "one") for kind in RESOURCES[:4]},
    **{(kind, "bindings"): (BINDINGS, by("key"), "list") for kind in RESOURCES[:4]},
    **{(kind, "operation"): (OPERATIONS, latest("ordinal"), "one") for kind in RESOURCES[:4]},
    **{(kind, "operations"): (OPERATIONS, latest("ordinal"), "page") for kind in RESOURCES[:4]},
}
ROOTS = {
    "vms": "VM", "nics": "NIC", "volumes": "Volume", "networks": "Network", "hosts": "Host", "pools": "Pool",
    "stacks": "Stack", "operations": "Operation",
}  # fmt: skip
SEEN = {"power", "vncPort", "acceleration", "pendingRestart", "url", "allocation", "capacity", "available"}
RELATED_FILTERS = {("VM", "host"), ("NIC", "network"), ("NIC", "vm"), ("Volume", "host"), ("Volume", "pool")}
RELATED_FILTERS |= {("Pool", "host"), *((kind, "stack") for kind in RESOURCES[:4])}


class NaiveReader:
    """Answers queries of the schema with this SDL."""

    def __init__(self, sdl: str, driver: Driver) -> None:
        self.schema = build_schema(sdl)
        self.driver = driver

    def answer(self, query: str, variables: Mapping[str, Any] | None = None) -> ExecutionResult:
        return graphql_sync(
            self.schema,
            query,
            variable_values=dict(variables or {}),
            field_resolver=self.resolve,
            type_resolver=lambda thing, *_: thing.kind,
        )

    def resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        name = info.field_name
        match source:
            case None:
                return self.root(name, arguments)
            case Page():
                return self.of_page(source, name)
            case Thing():
                return self.of_thing(source, name, info, arguments)
            case ("edge", thing):
                return thing if name == "node" else thing.id
            case ("attachment", thing):
                return thing if name == "volume" else thing.arrow.get(name)
            case ("waiting", thing):
                renamed = {"name": "resourceName", "host": "hostName", "operation": "id"}
                return thing.values.get(renamed.get(name, name))
        raise AssertionError(source)

    def root(self, name: str, arguments: dict[str, Any]) -> Any:
        if name in ROOTS:
            kind = ROOTS[name]
            things = [t for t in self.all(kind) if self.passes(t, arguments.get("filter") or {})]
            return self.page(self.sorted(things, kind, arguments.get("orderBy")), arguments)
        kinds = (*RESOURCES, "Stack", "Operation", "Run") if name == "node" else (_kind(name),)
        found = [thing for kind in kinds for thing in self.all(kind) if self.passes(thing, arguments)]
        return found[0] if found else None

    def all(self, kind: str) -> list[Thing]:
        return self.things(f"MATCH (y:{kind}) RETURN labels(y), properties(y), {{}}")

    def things(self, statement: str, **parameters: Any) -> list[Thing]:
        """What a statement finds and people may see."""
        records = self.driver.execute_query(statement, parameters).records
        found = [Thing(next(k for k in KINDS if k in labels), node, arrow) for labels, node, arrow in records]
        return [thing for thing in found if thing.values.get("deletedAt") is None]

    def sorted(self, things: list[Thing], kind: str, order: dict[str, str] | None) -> list[Thing]:
        if order is None:
            return sorted(things, key=latest("ordinal") if kind == "Operation" else by("name"))
        first, *rest = order["field"].lower().split("_")
        key = by(first + "".join(word.title() for word in rest))
        return sorted(things, key=key, reverse=order.get("direction") == "DESC")

    def passes(self, thing: Thing, wanted: Mapping[str, Any]) -> bool:
        return all(self.fits(thing, name, value) for name, value in wanted.items() if value is not None)

    def fits(self, thing: Thing, name: str, value: Any) -> bool:
        if (thing.kind, name) in RELATED_FILTERS:
            return any(value in (t.id, t.values.get("name")) for t in self.related(thing, name))
        stored = thing.values
        match name:
            case "namePrefix":
                return str(stored.get("name") or "").startswith(value)
            case "nameContains":
                return value in (stored.get("name") or "")
            case "ids":
                return thing.id in value
            case "state":
                return stored["state"] in value
            case "action":
                return stored["action"].upper() in value
            case "createdAfter":
                return bool(stored["createdAt"] > _milliseconds(value))
            case "createdBefore":
                return bool(stored["createdAt"] < _milliseconds(value))
            case "ipAddress":
                return value in stored["ipAddresses"]
            case "label":
                return value in stored["labels"]
            case "type":
                return bool(stored["type"].upper() == value)
        return bool(stored.get(name) == value)

    def page(self, whole: list[Thing], arguments: dict[str, Any]) -> Page:
        ids = [thing.id for thing in whole]
        start = ids.index(arguments["after"]) + 1 if arguments.get("after") else 0
        end = ids.index(arguments["before"]) if arguments.get("before") else len(ids)
        if "last" in arguments or "before" in arguments:
            start = max(start, end - arguments.get("last", 50))
        else:
            end = min(end, start + arguments.get("first", 50))
        return Page(whole[start:end], whole, start)

    def of_page(self, page: Page, name: str) -> Any:
        things, end = page.things, page.first + len(page.things)
        return {
            "nodes": things,
            "edges": [("edge", thing) for thing in things],
            "totalCount": len(page.whole),
            "pageInfo": page,
            "hasNextPage": end < len(page.whole),
            "hasPreviousPage": page.first > 0,
            "startCursor": things[0].id if things else None,
            "endCursor": things[-1].id if things else None,
        }[name]

    def of_thing(self, thing: Thing, name: str, info: GraphQLResolveInfo, arguments: dict[str, Any]) -> Any:
        if name == "attachments":
            return [("attachment", volume) for volume in self.related(thing, "volumes")]
        if name == "waitingFor":
            waits = thing.values["state"] == "PENDING"
            after = self.related(thing, "after") if waits else []
            return [("waiting", t) for t in after if t.values["state"] in ("PENDING", "RUNNING")]
        if (thing.kind, name) in RELATIONS:
            found = self.related(thing, name)
            match RELATIONS[thing.kind, name][2]:
                case "one":
                    return found[0] if found else None
                case "page":
                    return self.page(found, arguments)
            return found
        return _shown(self.value(thing, name), str(info.return_type).strip("!"))

    def related(self, thing: Thing, name: str) -> list[Thing]:
        pattern, order, _ = RELATIONS[thing.kind, name]
        key = "key" if thing.kind == "Binding" else "id"
        arrow = "properties(r)" if "[r:" in pattern else "{}"
        statement = f"MATCH (x:{thing.kind} {{{key}: $id}}) MATCH {pattern} RETURN labels(y), properties(y), {arrow}"
        return sorted(self.things(statement, id=thing.id), key=order)

    def value(self, thing: Thing, name: str) -> Any:
        if name == "id":
            return thing.id
        if name in SEEN and thing.kind in ("VM", "Volume", "Pool"):
            seen = self.related(thing, "bindings")
            return seen[0].values.get(name) if seen else None
        match thing.kind, name:
            case "VM", "hasVncPassword":
                return thing.values.get("vncPassword") is not None
            case "Operation", "cancelRequested":
                return thing.values.get("cancel") is True
            case _, "stackName":
                return self.related(thing, "stack")[0].values["name"]
            case (("Network" | "Host"), "segment"):
                return "default"
            case "Revision", "document":
                return orjson.loads(thing.values["document"])
        return thing.values.get(name)


def _kind(field: str) -> str:
    return {"vm": "VM", "nic": "NIC"}.get(field, field.title())


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _shown(value: Any, type_: str) -> Any:
    if value is None:
        return None
    if type_ == "DateTime":
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.upper() if type_ in ("Action", "NetworkType") else value
