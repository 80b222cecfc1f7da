"""Finished parts of an answer, which GraphQL's executor hands on instead of walking them.

A root resolver that has the whole tree below its field already in the answer's shape (names, aliases and
order of the query) returns `Done(tree)`: for 500 VMs with what hangs on them that is 2 ms instead of 80.
Resolvers, permission classes and extensions of the fields inside do not run: who makes the tree decides who
may see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLOutputType, GraphQLResolveInfo
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


@dataclass(frozen=True, slots=True)
class Done:
    """A field's finished value: `tree` of dicts, lists and leaves that JSON can carry, or None.

    `errors` are the field errors inside the tree, which has null where they say so; their paths begin below
    the field that returns this (`["vms", 3, "host"]` is given as `[3, "host"]`).
    """

    tree: Any
    errors: tuple[GraphQLError, ...] = ()


class PassThrough(StrawberryGraphQLCoreExecutionContext):
    """strawberry's executor, to be given as `execution_context_class`."""

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if type(result) is Done:
            self._collect(result.errors, field_details_list, path)
            if result.tree is not None:
                return result.tree
            result = None  # null in a non-null field is still an error: let the executor say so
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    def _collect(self, errors: tuple[GraphQLError, ...], field_details_list: Any, path: Path) -> None:
        nodes = [details.node for details in field_details_list]
        for error in errors:
            at = path
            for step in error.path or ():
                at = at.add_key(step)
            located = GraphQLError(
                error.message,
                nodes,
                path=at.as_list(),
                original_error=error.original_error,
                extensions=error.extensions,
            )
            self.collected_errors.add(located, at)
