"""Which media type a request is written in, and which one its answer may have (RFC 9110, 8.3 and 12.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of an Accept header."""

    type: str
    quality: float
    charset: str

    def covers(self, media_type: str) -> int:
        """0: not at all; higher is more specific."""
        if self.charset not in ("", "utf-8", "utf8"):
            return 0
        if self.type == media_type:
            return 3
        if self.type == media_type.split("/")[0] + "/*":
            return 2
        return 1 if self.type == "*/*" else 0


def content_type(header: str) -> tuple[str, str]:
    """(media type, charset or "") of a Content-Type header, in lower case."""
    message = Message()
    message["content-type"] = header
    charset = message.get_param("charset", "")
    return message.get_content_type() if header else "", charset.lower() if isinstance(charset, str) else "?"


def media_ranges(accept: str) -> list[MediaRange]:
    """The readable elements of an Accept header."""
    return [found for element in accept.split(",") if (found := _media_range(element))]


def _media_range(element: str) -> MediaRange | None:
    kind, *parameters = (part.strip().lower() for part in element.split(";"))
    if kind.count("/") != 1:
        return None
    quality, charset = 1.0, ""
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                return None
        elif name == "charset":
            charset = value.strip('"')
    return MediaRange(kind, quality, charset)


def _wish(accept: str, media_type: str) -> tuple[float, int, int]:
    """(quality, how specifically it was meant, minus its place in the header); quality 0 is not at all.

    The most specific element that covers the type decides (RFC 9110).
    """
    covering = [
        (covers, -place, one.quality)
        for place, one in enumerate(media_ranges(accept))
        if (covers := one.covers(media_type))
    ]
    covers, place, quality = max(covering, default=(0, 0, 0.0))
    return quality, covers, place


def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The offered type that the header wants most, the earlier offer where it does not care, or None.

    No header, or an empty one, accepts everything.
    """
    if not accept.strip():
        return offered[0]
    best = max(offered, key=lambda media_type: _wish(accept, media_type))  # max keeps the first of equals
    return best if _wish(accept, best)[0] > 0 else None


def wants_page(accept: str) -> bool:
    """A browser asks: text/html by name, and before any GraphQL type."""
    return any(one.type == HTML for one in media_ranges(accept)) and preferred(accept, (HTML, GRAPHQL, JSON)) == HTML
