"""HTML read as a browser would read it, in time that is linear whatever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_UNREAD = frozenset(["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext"])
"""What stands in these is not HTML to a browser, and not text to a reader."""
_KEPT = frozenset(["href", "alt", "class", "colspan", "rowspan"])
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no text needs, lone surrogates among them: those cannot even be sent."""

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_GAP = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"=?[^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_BARE = re.compile(r"[^\s>]*")
_ADDRESS = re.compile(r"<(?:https?:|mailto:|[^\s<>@/]+@)[^\s<>]*>")
"""`<anna@shop.example>` in a plain text is no tag."""
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")

Token = tuple[str, str, dict[str, str]]


def tokens(html: str) -> Iterator[Token]:
    """("text", text, {}), ("open", name, attributes) and ("close", name, {}), as a browser would tell them apart.

    Every step moves on or ends the reading, so the time is linear in the length.
    """
    html, at = _CONTROLS.sub("", html), 0
    while (start := html.find("<", at)) >= 0:
        if start > at:
            yield "text", unescape(html[at:start]), {}
        closes = html.startswith("/", start + 1)
        if name := _NAME.match(html, start + 1 + closes):
            if address := _ADDRESS.match(html, start):
                yield "text", unescape(address[0]), {}
                at = address.end()
                continue
            found = _attributes(html, name.end())
            if found is None:
                return
            attributes, at = found
            tag = name[0].lower()
            yield ("close" if closes else "open"), tag, attributes
            if tag in _UNREAD and not closes:
                end = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(html, at)
                if end is None:
                    return
                at = end.start()
        elif html.startswith(("!", "?", "/"), start + 1):
            end_mark = "-->" if html.startswith("<!--", start) else ">"
            end_at = html.find(end_mark, start + 2)
            if end_at < 0:
                return
            at = end_at + len(end_mark)
        else:
            yield "text", "<", {}
            at = start + 1
    if at < len(html):
        yield "text", unescape(html[at:]), {}


def _attributes(html: str, at: int) -> tuple[dict[str, str], int] | None:
    """The attributes we ask about and where the tag ends; None when it never does."""
    found: dict[str, str] = {}
    while True:
        at = _GAP.match(html, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if html.startswith(">", at):
            return found, at + 1
        name = _ATTRIBUTE.match(html, at)
        if name is None or at >= len(html):
            return None
        at, value = name.end(), ""
        if equals := _EQUALS.match(html, at):
            at = equals.end()
            quote = html[at : at + 1]
            if quote in ('"', "'"):
                end = html.find(quote, at + 1)
                if end < 0:
                    return None
                value, at = html[at + 1 : end], end + 1
            else:
                bare = _BARE.match(html, at)
                value, at = bare[0], bare.end()  # type: ignore[index,union-attr]  # matches nothing, too
        if name[0].lower() in _KEPT:
            found.setdefault(name[0].lower(), unescape(value))


def text_of(html: str) -> str:
    """The text without its tags, roughly and in linear time whatever it is; lines stay lines."""
    text = unescape(_ANY_TAG.sub("", _LINE_ENDS.sub("\n", html)))
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", _CONTROLS.sub("", text)).strip()
