"""GraphiQL in a real browser: it loads from us alone; operations carry the header editor's token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import chromium
import demo_service
import httpx
import pytest
from requesting import SECONDS

from virtgraph_api import graphiql


def _editor(pane: str) -> str:
    return f"document.querySelector('{pane} .CodeMirror').CodeMirror"


QUERY = _editor(".graphiql-query-editor")
HEADERS = _editor(".graphiql-editor-tool .graphiql-editor:not(.hidden)")
RESULT = f"{_editor('.result-window')}.getValue()"
DOCS = "document.querySelector('.graphiql-doc-explorer')?.innerText ?? ''"


def _click(selector: str) -> str:
    return f"document.querySelector('{selector}').click()"


RUN = _click(".graphiql-execute-button")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with demo_service.running() as address:
        yield address


def test_the_page_needs_no_token_and_has_no_data(url: str) -> None:
    wanted = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = httpx.get(f"{url}/graphql", headers=wanted, timeout=SECONDS)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "Query" not in page.text and demo_service.TOKEN not in page.text


def test_assets_are_ours_and_small() -> None:
    assets = Path(graphiql.__file__).parent / "assets"
    assert sum(file.stat().st_size for file in assets.rglob("*") if file.is_file()) < 4_000_000
    licences = {file.name for file in assets.rglob("*.LICENSE")}
    assert licences == {"fira-code.LICENSE", "graphiql.LICENSE", "graphql-ws.LICENSE", "react.LICENSE"}


def test_nothing_but_the_assets_is_served_below_graphiql(url: str) -> None:
    for path in ("__init__.py", "../http.py", "%2e%2e/http.py", ""):
        assert httpx.get(f"{url}/graphiql/{path}", timeout=SECONDS).status_code == 404, path


@pytest.mark.browser
def test_a_person_asks_with_a_token_in_the_header_editor(url: str, tmp_path: Path) -> None:
    with chromium.tab() as tab:
        tab.do("Page.navigate", url=f"{url}/graphql")
        tab.until("document.querySelectorAll('.CodeMirror').length", lambda editors: editors >= 3)

        tab.evaluate(RUN)
        tab.until(RESULT, lambda text: "Headers pane" in text)
        assert not _sent(tab)  # no token: nothing leaves the page

        tab.type_into(HEADERS, json.dumps(demo_service.BEARER))
        tab.type_into(QUERY, "{ vm { name } }")
        tab.evaluate(RUN)
        tab.until(RESULT, lambda text: '"name": "web"' in text)
        tab.evaluate(_click("button[aria-label*=Documentation]"))
        tab.until(DOCS, lambda text: "Subscription" in text)  # the schema was asked for again, now with the token
        tab.screenshot(tmp_path / "query.png")
        tab.evaluate(_click("button[aria-label*=settings]"))
        tab.until("document.querySelector('[role=dialog]') !== null")
        tab.evaluate(_click("[role=dialog] button"))

        tab.type_into(QUERY, "subscription { count(to: 3) }")
        tab.evaluate(RUN)
        tab.until(RESULT, lambda text: '"count": 2' in text)
        tab.screenshot(tmp_path / "subscription.png")

        _assert_quiet(tab, url)
        assert len(tab.reported("Network.webSocketCreated")) == 1


def _sent(tab: chromium.Tab) -> list[str]:
    requests = [event["request"] for event in tab.reported("Network.requestWillBeSent")]
    return [one["url"] for one in requests if one["method"] == "POST"]


def _assert_quiet(tab: chromium.Tab, url: str) -> None:
    """Nothing was asked of anyone else, nothing failed, nothing broke the page's own policy."""
    ours = (f"{url}/graphql", f"{url}/graphiql/", "data:")
    addresses = [event["request"]["url"] for event in tab.reported("Network.requestWillBeSent")]
    statuses = [event["response"]["status"] for event in tab.reported("Network.responseReceived")]
    assert [one for one in addresses if not one.startswith(ours)] == []
    assert [one for one in statuses if one >= 400] == []
    for problem in ("Network.loadingFailed", "Runtime.exceptionThrown", "Log.entryAdded"):
        assert tab.reported(problem) == []
