"""Reading what the help desk answers, whatever it makes of its own contract (facts: both dialects' oddities).

Lists come as arrays or as maps keyed by id, totals and ids as numbers or strings, dates in three formats without a
zone, "nothing" as null, "" or the string "null". A row that makes no sense is left out and counted; an answer without
its envelope is HelpdeskGarbled.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

from portal.errors import HelpdeskGarbled
from portal.model import Channel, Contact

T = TypeVar("T")
Row = Mapping[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What a row does not say itself: the account's zone, its names for its statuses, the people behind ids."""

    zone: tzinfo
    names: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[int, Contact] = field(default_factory=dict)


MAX_TEXT = 255
MAX_ID = 2**63 - 1
MAX_HTML = 2**20
MAX_FIELD = 5000
"""Characters of a custom field's value; longer ones are cut, and nothing of ours is that long."""

_FORMATS = ("%Y-%m-%d %H:%M:%S", "%H:%M:%S %d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M")

_CHANNELS = (
    (Channel.EMAIL, ("mail",)),
    (Channel.PHONE, ("phone", "call", "telephon", "sip", "voice")),
    (Channel.CHAT, ("chat", "telegram", "whatsapp", "viber", "vk", "messenger", "avito", "instagram", "messag")),
    (Channel.SITE, ("widget", "site", "web", "form", "system")),
    (Channel.PORTAL, ("portal", "api")),
)


def rows(data: Any) -> list[Row]:
    """The rows of a list that may be an array, a map keyed by id, or empty in any way."""
    if isinstance(data, Mapping):
        data = list(data.values())
    if data in (None, "", False):
        return []
    if not isinstance(data, list):
        raise HelpdeskGarbled("a list is no list")
    return [row for row in data if isinstance(row, Mapping)]


def one(data: Any) -> Row:
    """One object, which may come in an array of one, or in a map under its id."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, Mapping) and len(data) == 1 and "id" not in data:
        data = next(iter(data.values()))
    if not isinstance(data, Mapping):
        raise HelpdeskGarbled("an object is no object")
    return data


def each(found: Iterable[Row], decode: Callable[[Row], T | None], what: str) -> tuple[T, ...]:
    """Every row that makes sense; how many do not is told. `decode` gives None for what is to be skipped."""
    good, bad = [], 0
    for row in found:
        try:
            value = decode(row)
        except (KeyError, ValueError, TypeError, OverflowError):
            bad += 1
            continue
        if value is not None:
            good.append(value)
    if bad:
        log.warning("help desk: %d %s made no sense and were left out", bad, what)
    return tuple(good)


def sensible(row: Row, decode: Callable[[Row], T]) -> T:
    """One row that has to make sense. Raises HelpdeskGarbled."""
    try:
        return decode(row)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise HelpdeskGarbled("an object that makes no sense") from None


def number(value: Any) -> int:
    """A positive id from a number or its digits. Raises ValueError for anything else."""
    digits = isinstance(value, int | str) and re.fullmatch(r"\d{1,19}", str(value), re.ASCII)
    if not digits or isinstance(value, bool) or not 0 < int(value) <= MAX_ID:
        raise ValueError("no id")
    return int(value)


def count(value: Any, default: int = 0) -> int:
    """A number that may be a string; `default` for what is none."""
    try:
        return min(max(0, int(value)), MAX_ID) if not isinstance(value, bool) else default
    except (TypeError, ValueError, OverflowError):
        return default


def words(value: Any, limit: int = MAX_TEXT) -> str:
    """A text of at most `limit` characters; numbers are written out, "null" and all else is ""."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = whole(str(value).strip())
    return "" if text == "null" else text[:limit]


def html(value: Any) -> str:
    """The body of a message: as given, whatever is in it, up to MAX_HTML characters."""
    return whole(value[:MAX_HTML]) if isinstance(value, str) else ""


def address(value: Any) -> str:
    """Where a file is. Raises ValueError for what is no text at all."""
    if found := words(value, 2000):
        return found
    raise ValueError("no address")


def whole(text: str) -> str:
    """A text that can be written: half a surrogate pair is legal in JSON and cannot be sent or kept anywhere."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def name(value: Any, locale: str) -> str:
    """A name that may be a text or a map of languages: this one, else English, Russian, or any."""
    if isinstance(value, Mapping):
        for language in (locale, "en", "ru", *value):
            if text := words(value.get(language)):
                return text
        return ""
    return words(value)


def email(value: Any) -> str:
    """An address as we compare it: trimmed and lower-cased."""
    return words(value, 320).lower()


def moment(value: Any, zone: tzinfo) -> datetime:
    """A time in UTC. ISO 8601 says its own zone, the vendor's formats are in the account's. ValueError for none."""
    found = moment_or_none(value, zone)
    if found is None:
        raise ValueError("no time")
    return found


def moment_or_none(value: Any, zone: tzinfo) -> datetime | None:
    """Like `moment`, None for null, "", "null" and what cannot be read."""
    text = words(value, 40)
    if not text:
        return None
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def channel(value: Any) -> Channel:
    """The way a ticket came in, by what the help desk calls it."""
    said = words(value).lower()
    for known, marks in _CHANNELS:
        if any(mark in said for mark in marks):
            return known
    return Channel.OTHER


def pages(answer: Row, page: int, found: int) -> tuple[int, int]:
    """(pages, total) of a list; an answer without pagination is its only page."""
    told = answer.get("pagination")
    if not isinstance(told, Mapping):
        return max(1, page), found
    last = count(told.get("total_pages"), 1)
    return max(1, last), count(told.get("total"), found)
