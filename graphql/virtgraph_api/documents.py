"""GraphQL documents: parsed, validated and measured, once for each text."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    specified_rules,
)
from graphql.language.parser import Parser
from strawberry.schema.schema import validate_document

from virtgraph_api.limits import MAX_TOKENS, excesses
from virtgraph_api.refusal import Code, Refusal

KEPT_LENGTH = 1_000_000  # characters of text; a parsed document takes some 45 times its text


@dataclass(frozen=True, slots=True)
class Document:
    """A document that can be executed, or the errors that say why not; no `ast`: it cannot be parsed."""

    ast: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """GetOperation() of the GraphQL specification, for a document without errors. Raises Refusal."""
        assert self.ast
        found = [node for node in self.ast.definitions if isinstance(node, OperationDefinitionNode)]
        if name is not None:
            found = [node for node in found if node.name and node.name.value == name]
        if len(found) == 1:
            return found[0]
        if name is not None:
            raise Refusal(Code.NO_OPERATION, f"The document has no operation named {name!r}"[:300])
        message = "`operationName` must name one of the document's operations" if found else "There is no operation"
        raise Refusal(Code.NO_OPERATION, message)


class Documents:
    """Reads documents for one schema and remembers the texts it was asked for last."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: dict[str, Document] = {}  # the last one is the latest
        self._length = 0

    def read(self, text: str) -> Document:
        document = self._kept.pop(text, None)
        if document is None:
            document = _read(self._schema, text)
            self._length += len(text)
        self._kept[text] = document
        while self._length > KEPT_LENGTH and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._length -= len(oldest)
        return document


def _read(schema: GraphQLSchema, text: str) -> Document:
    try:
        ast = _parse(text)
    except GraphQLError as error:
        return Document(None, (error,))
    try:
        if errors := validate_document(schema, ast, tuple(specified_rules)):
            return Document(ast, tuple(_coded(error, Code.INVALID) for error in errors))
        return Document(ast, tuple(excesses(ast)))
    except RecursionError:
        return Document(ast, (_too_deep(),))


def _parse(text: str) -> DocumentNode:
    """graphql.parse(), of which one cannot learn what was wrong except from the message."""
    parser = Parser(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS)
    try:
        return parser.parse_document()
    except GraphQLSyntaxError as error:
        code = Code.TOO_MANY_TOKENS if parser.token_count > MAX_TOKENS else Code.SYNTAX
        raise _coded(error, code) from None
    except RecursionError:
        raise _too_deep() from None


def _coded(error: GraphQLError, code: Code) -> GraphQLError:
    error.extensions = {"code": code}
    return error


def _too_deep() -> GraphQLError:
    return GraphQLError("The document is nested too deeply", extensions={"code": Code.TOO_DEEP})
