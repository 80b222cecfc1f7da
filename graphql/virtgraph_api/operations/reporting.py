"""What was done without the service, told to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from virtgraph.apply import report, told
from virtgraph.model import wanted
from virtgraph.spec import Invalid as InvalidError
from virtgraph.spec.addresses import address as read_address
from virtgraph.spec.units import hardware_address
from virtgraph_api.changes import AppliedRevision, IdempotencyKey, Info, asked
from virtgraph_api.operations.types import Operation, Run
from virtgraph_api.reading import read
from virtgraph_api.refusals import Conflict, Forbidden, Invalid, NoHost, NotFound, Problem, refusable
from virtgraph_api.scalars import JSON


@strawberry.input(description="What a module said of one resource.")
class ReportedResult:
    resource: strawberry.ID = strawberry.field(description="The id of the resource.")
    failed: bool = strawberry.field(default=False, description="Whether it did not work.")
    skipped: bool = strawberry.field(default=False, description="Whether it was not tried, for want of something else.")
    error: str | None = strawberry.field(default=None, description="Why, in words.")
    cure: str | None = strawberry.field(default=None, description="What a person can do about it.")
    facts: JSON | None = strawberry.field(
        default=None,
        description="A map of what was found, such as `bridge`, `url` or `power`, by the modules' own names.",
    )

    def to_model(self, n: int) -> report.Reported:
        """Raises Invalid; `n` is its place in the input."""
        facts: Any = {} if self.facts is None else self.facts
        if not isinstance(facts, Mapping):
            raise InvalidError((wanted.Problem(f"input.results[{n}].facts", "must be a map"),))
        return report.Reported(str(self.resource), self.failed, self.skipped, self.error, self.cure, facts)


@strawberry.input(description="By whom a network's addresses are served.")
class ReportedServer:
    network: strawberry.ID = strawberry.field(description="The id of the network.")
    host: str = strawberry.field(description="Its id or name; it need not be the one that is told of.")
    address: str = strawberry.field(description="Of the DHCP server itself.")
    mac: str = strawberry.field(description="Of the DHCP server itself.")

    def to_model(self, n: int) -> told.Served:
        """Raises Invalid; `n` is its place in the input."""
        path = f"input.servers[{n}]"
        try:
            address, mac = read_address(self.address), hardware_address(self.mac)
        except ValueError as error:
            raise InvalidError((wanted.Problem(path, str(error)),)) from None
        return told.Served(path, str(self.network), self.host, address, mac)


@strawberry.input(description="A run of playbooks/site.yml on one host.")
class ReportRunInput:
    host: str = strawberry.field(description="Its id or name.")
    document: str = strawberry.field(description="What was made there, with ids.")
    installation: strawberry.ID = strawberry.field(description="Whose mark it bears: the service's own.")
    results: list[ReportedResult] = strawberry.field(
        description="What came of it, several for a resource that several modules worked on."
    )
    stack: str = strawberry.field(default="default", description="The stack that the document is of.")
    servers: list[ReportedServer] = strawberry.field(
        default_factory=list, description="Of the document's networks; without, the service chooses."
    )
    removed: bool = strawberry.field(
        default=False, description="What the document has was taken away; what others use stays."
    )

    def to_model(self) -> report.Report:
        results = tuple(result.to_model(n) for n, result in enumerate(self.results))
        served = tuple(server.to_model(n) for n, server in enumerate(self.servers))
        return report.Report(
            self.host, self.stack, self.document, str(self.installation), results, served, self.removed
        )


@strawberry.type(description="It is in the graph as if the service had asked for it.")
class RunReported:
    revision: AppliedRevision = strawberry.field(description="The revision of the stack that it is.")
    operation_ids: strawberry.Private[list[str]]
    run_id: strawberry.Private[str | None]
    refused: list[Problem] = strawberry.field(
        description="Why something of the document is not in the graph, which has the rest."
    )

    @strawberry.field(description="What the graph did not know yet.")
    async def operations(self, info: Info) -> list[Operation]:
        return await read(info, ids=self.operation_ids)

    @strawberry.field(description="The run, with what came of it; null where all of it was known.")
    async def run(self, info: Info) -> Run | None:
        return await read(info, id=self.run_id) if self.run_id else None


ReportResult = Annotated[
    RunReported | Invalid | Conflict | NoHost | NotFound | Forbidden,
    strawberry.union("ReportResult", description="What was stored of a run, or why nothing was."),
]


@strawberry.type
class ReportMutations:
    @strawberry.mutation(description="Tell what playbooks/site.yml did on a host; its callback plugin does.")
    @refusable
    async def report_run(
        self, info: Info, input: ReportRunInput, idempotency_key: IdempotencyKey = None
    ) -> ReportResult:
        context = info.context
        kept = await report.report(
            context.graph,
            context.vault,
            input.to_model(),
            context.caller,
            context.images,
            asked(info, input, idempotency_key),
        )
        context.nudge()
        return RunReported(
            revision=AppliedRevision.of(kept.applied),
            operation_ids=list(kept.applied.operations),
            run_id=kept.run,
            refused=[Problem(path=one.path, reason=one.reason) for one in kept.applied.refused],
        )
