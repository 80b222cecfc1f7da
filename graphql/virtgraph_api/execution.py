"""The API's schema class: strawberry's, with limits, with finished answers, and silent about internals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from virtgraph.store.graph import UNREACHABLE
from virtgraph_api.documents import Document, Documents
from virtgraph_api.passthrough import PassThrough
from virtgraph_api.refusal import Code

log = structlog.get_logger(__name__)


class Schema(strawberry.Schema):
    """Limits hold and internals stay inside however it is executed: by HTTP, by WebSocket, or directly."""

    def __init__(
        self, query: type, mutation: type | None = None, subscription: type | None = None, **others: Any
    ) -> None:
        super().__init__(
            query,
            mutation,
            subscription,
            extensions=[_ReadDocument],
            execution_context_class=PassThrough,
            **others,
        )
        self._documents = Documents(self._schema)

    def document(self, text: str) -> Document:
        """The document, parsed, validated and measured; from memory if it was seen before."""
        return self._documents.read(text)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Called by strawberry with the list that it goes on to answer with."""
        context = execution_context.context if execution_context else None
        errors[:] = [presentable(error, getattr(context, "request_id", None)) for error in errors]


class _ReadDocument(SchemaExtension):
    def on_parse(self) -> Iterator[None]:
        execution = self.execution_context
        schema = execution.schema
        if execution.query and isinstance(schema, Schema):
            document = schema.document(execution.query)
            if document.ast is None:
                raise document.errors[0].with_traceback(None)  # it is remembered, its traceback not
            execution.graphql_document = document.ast
            execution.pre_execution_errors = list(document.errors)
        yield


def presentable(error: GraphQLError, request_id: str | None) -> GraphQLError:
    """An error as the caller may see it: what nobody raised on purpose is logged, and told as internal."""
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        if error.path is None and "code" not in (error.extensions or {}):
            error.extensions = {**(error.extensions or {}), "code": Code.BAD_VARIABLES}
        return error
    return unexpected(error.original_error, request_id, error)


def unexpected(exception: Exception, request_id: str | None, located: GraphQLError | None = None) -> GraphQLError:
    """Log an exception that is no refusal; what a caller learns of it."""
    path = located.path if located else None
    if isinstance(exception, UNREACHABLE):
        log.warning("the graph cannot be asked now", request_id=request_id, path=path, error=str(exception))
        code, message = Code.UNAVAILABLE, "The graph does not answer now. Ask again in a moment."
    else:
        log.error("internal error", request_id=request_id, path=path, exc_info=exception)
        code, message = Code.INTERNAL, "Internal error"
    nodes = located.nodes if located else None
    return GraphQLError(message, nodes=nodes, path=path, extensions={"code": code, "requestId": request_id})
