"""How large an operation may be: refused with a code before anything of it is executed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from demo_service import Context, schema
from graphql import get_introspection_query
from requesting import ask, asking, code

from virtgraph_api.limits import MAX_ALIASES, MAX_DEPTH, MAX_FIELDS, MAX_TOKENS


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with asking() as one:
        yield one


def deep(levels: int) -> str:
    return "{ vm " + "{ itself " * (levels - 2) + "{ name }" + " }" * (levels - 1)


def aliased(count: int) -> str:
    return "{" + " ".join(f"a{n}: me" for n in range(count)) + "}"


def fields(fragments: int) -> str:
    """A short document of 10 ** fragments fields: each fragment spreads the next one ten times over."""
    return (
        "{ vm { ...F0 } } "
        + "".join(
            f"fragment F{n} on VM {{ {' '.join(f'itself {{ ...F{n + 1} }}' for _ in range(10))} }} "
            for n in range(fragments)
        )
        + f"fragment F{fragments} on VM {{ name }}"
    )


def test_depth(client: httpx.Client) -> None:
    assert ask(client, deep(MAX_DEPTH)).status_code == 200
    response = ask(client, deep(MAX_DEPTH + 1))
    assert (response.status_code, code(response)) == (422, "TOO_DEEP")
    assert response.json()["errors"][0]["extensions"] == {"code": "TOO_DEEP", "limit": 15, "found": 16}


def test_depth_counts_through_fragments(client: httpx.Client) -> None:
    fragments = "fragment A on VM { itself { itself { itself { ...B } } } } "
    fragments += "fragment B on VM { ... { itself { name } } }"
    assert ask(client, deep(11).replace("name", "...A") + fragments).status_code == 200
    assert code(ask(client, deep(12).replace("name", "...A") + fragments)) == "TOO_DEEP"


@pytest.mark.parametrize("levels", [50, 150, 300, 3_000])
def test_absurd_depth_is_the_same_refusal(client: httpx.Client, levels: int) -> None:
    assert code(ask(client, deep(levels))) == "TOO_DEEP"


def test_aliases(client: httpx.Client) -> None:
    assert ask(client, aliased(MAX_ALIASES)).status_code == 200
    assert code(ask(client, aliased(MAX_ALIASES + 1))) == "TOO_MANY_ALIASES"


def test_aliases_count_wherever_their_fragment_is_spread(client: httpx.Client) -> None:
    spreads = " ".join("vm { itself { ...A } }" if n else "vm { ...A }" for n in range(2))
    assert (
        ask(client, f"{{ {spreads} }} fragment A on VM {{ {aliased(15)[1:-1].replace('me', 'name')} }}").status_code
        == 200
    )
    response = ask(client, f"{{ {spreads} }} fragment A on VM {{ {aliased(16)[1:-1].replace('me', 'name')} }}")
    assert code(response) == "TOO_MANY_ALIASES"


def test_operations_of_one_document_are_measured_each(client: httpx.Client) -> None:
    document = "".join(f"query Q{n} {aliased(20)} " for n in range(5))
    assert ask(client, document, operationName="Q3").status_code == 200


def test_tokens(client: httpx.Client) -> None:
    padding = "," * 50_000  # commas and comments are no tokens
    assert ask(client, "{" + " me" * (MAX_TOKENS - 2) + "}" + padding).status_code in (200, 422)
    response = ask(client, "{" + " me" * (MAX_TOKENS - 1) + "}")
    assert (response.status_code, code(response)) == (400, "TOO_MANY_TOKENS")


def test_fields_with_fragments_written_out(client: httpx.Client) -> None:
    assert ask(client, fields(2)).status_code == 200
    response = ask(client, fields(12))  # written out, they would take for ever
    assert code(response) == "TOO_MANY_FIELDS"
    assert response.json()["errors"][0]["extensions"]["found"] > 10**12 > MAX_FIELDS


def test_a_long_chain_of_fragments_is_an_error_and_no_crash(client: httpx.Client) -> None:
    chain = "".join(f"fragment F{n} on VM {{ ...F{n + 1} }} " for n in range(1_000))
    response = ask(client, "{ vm { ...F0 } } " + chain + "fragment F1000 on VM { name }")
    assert response.status_code == 422


def test_introspection_as_graphiql_asks_for_it(client: httpx.Client) -> None:
    query = get_introspection_query(
        schema_description=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        input_value_deprecation=True,
    )
    assert ask(client, query).status_code == 200


def test_introspection_has_its_own_depth_limit(client: httpx.Client) -> None:
    query = "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }"
    assert ask(client, query).status_code == 422


async def test_limits_hold_without_http() -> None:
    for query in (deep(16), aliased(31), "{" + " me" * MAX_TOKENS + "}"):
        result = await schema.execute(query, context_value=Context(None, "r", None))  # type: ignore[arg-type]
        assert result.data is None and result.errors


def test_a_document_is_read_once() -> None:
    assert schema.document("{ me }") is schema.document("{ me }")
    large = "{ me }" + " " * 2_000_000
    assert schema.document(large) is schema.document(large)
    assert schema.document("{ me }").errors == ()
