"""The seam between strawberry's resolvers and the compiled reads."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, cast

from graphql import GraphQLError, GraphQLResolveInfo, is_non_null_type
from strawberry import Info

from virtgraph import reads
from virtgraph.store.graph import Graph
from virtgraph_api.passthrough import Done

T = TypeVar("T")


class ReadingContext(Protocol):
    """What resolvers that read need of a request's context."""

    graph: Graph


async def read(info: Info[Any], **given: Any) -> T:
    """The field's answer with all below it, in one statement.

    The arguments are those that the query gives, or `given`: `id` or `ids` of what a result shows. A resolver returns
    this as its declared type; what it hands to the executor is a finished answer.
    """
    context: ReadingContext = info.context
    raw: GraphQLResolveInfo[Any] = info._raw_info
    answer = await reads.answer(context.graph.driver, raw, given or None)
    if answer.tree is None and answer.errors and is_non_null_type(raw.return_type):
        raise _below(raw, answer.errors[0])  # one is enough for a field that takes what is around it along
    return cast(T, Done(answer.tree, answer.errors))


def _below(info: GraphQLResolveInfo[Any], error: GraphQLError) -> GraphQLError:
    """The error where it is in the whole answer."""
    return GraphQLError(error.message, info.field_nodes, path=[*info.path.as_list(), *(error.path or ())])
