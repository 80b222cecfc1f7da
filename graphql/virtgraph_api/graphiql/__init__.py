"""GraphiQL: the page a browser gets at the GraphQL URL. No data in it, no secret, nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

_HERE = Path(__file__).parent

# GraphiQL's dialogs put <style> elements into the page; scripts come from our own files only.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "vary": "Accept",
    "x-content-type-options": "nosniff",
}


def page() -> Response:
    """The page itself; its scripts and styles are under /graphiql."""
    return Response(_html(), headers=_HEADERS)


def assets() -> StaticFiles:
    """What the page loads: page.js and page.css; in vendor/ GraphiQL, React and graphql-ws as published."""
    return StaticFiles(directory=_HERE / "assets")


@cache
def _html() -> bytes:
    return (_HERE / "page.html").read_bytes()
