"""Texts that a shop's move from cp1251 to UTF-8 has spoilt (`РђРЅРЅР°` was «Анна»), repaired for display alone.

UTF-8 that was read as cp1251 has a letter of its own: each Russian letter became «Р» or «С» and a sign that Russian has
no use for there. A text is repaired when all that is foreign in it reads back as Russian; any doubt leaves it alone.
"""

from __future__ import annotations

import re

_SPOILT = re.compile(r"[РС][^\x00-\x7fа-яА-Я]|[РС][\x98\xa0]")
_READABLE = re.compile(
    "[\x20-\x7e\u0400-\u040f\u0410-\u044f\u0451\u00a0\u00ab\u00bb\u2116\u2013\u2014\u2018-\u201e\u2026\u20bd]+"
)
_FEWEST = 2
"""Letters that must come back: a pair like «Р°» may stand in a real text."""


def mended(text: str) -> str:
    """The text as it was meant; the text itself when it is whole, or nobody can tell."""
    if len(_SPOILT.findall(text)) < _FEWEST:
        return text
    try:
        meant = _bytes(text).decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
    return meant if _READABLE.fullmatch(meant) else text


def _bytes(text: str) -> bytes:
    """As cp1251 wrote it; its one empty place (0x98, the second half of «И») is a control character."""
    return b"\x98".join(part.encode("cp1251") for part in text.split("\x98"))
