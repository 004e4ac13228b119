"""A message's HTML as words: what its writer says himself, and what he quotes. One pass over the text."""

from __future__ import annotations

import html
import re

LONGEST = 200_000
"""Characters of a message that are looked at."""

_TAG = re.compile(r"<[^<>]*>")
_QUOTE = re.compile(r"<(/?)blockquote\b", re.I)
_FROM_HERE = re.compile(
    r"^\s*(?:-{3,}\s*(?:original message|исходное сообщение|forwarded message|пересылаемое сообщение)"
    r"|(?:on\b[^\n]{5,200}\bwrote:|[^\n]{5,200}(?:писал(?:а|\(а\))?|пишет|написал(?:а)?):)\s*$)",
    re.I,
)
_BREAK = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr|/?blockquote)\b", re.I)


def parted(source: str) -> tuple[str, str]:
    """The writer's own words, and the quoted: in a blockquote, after a line that introduces them, or behind ">"."""
    own, quoted = _by_tags(source[:LONGEST])
    said: list[str] = []
    is_quote = False
    for line in html.unescape(own).split("\n"):
        is_quote = is_quote or _FROM_HERE.match(line[:260]) is not None
        if is_quote or line.lstrip().startswith(">"):
            quoted.append(html.escape(line))
        else:
            said.append(line)
    return "\n".join(said), html.unescape("\n".join(quoted))


def _by_tags(source: str) -> tuple[str, list[str]]:
    own: list[str] = []
    quoted: list[str] = []
    depth, at = 0, 0
    for tag in _TAG.finditer(source):
        (quoted if depth else own).append(source[at : tag.start()])
        at = tag.end()
        if quote := _QUOTE.match(tag[0]):
            depth = max(0, depth + (-1 if quote[1] else 1))
        (quoted if depth else own).append("\n" if _BREAK.match(tag[0]) else " ")
    (quoted if depth else own).append(source[at:])
    return "".join(own), quoted
