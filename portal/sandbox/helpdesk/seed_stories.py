"""How a story of the demo is told: a ticket as a list of lines, each some hours after the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

Attachment = tuple[str, str, bytes]
"""Name, type, content."""
Text = str | Callable[[float], str]
"""HTML, or HTML made of the moment when the story began: quotes tell when the quoted letter was written."""

MONTHS = ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
HOUR = 3600.0


@dataclass(frozen=True)
class Line:
    """`who`: ivan or maria of the staff, anyone else is the requester. `after`: hours since the story began."""

    who: str
    html: Text
    after: float = 0.0
    files: tuple[Attachment, ...] = ()
    internal: bool = False


@dataclass(frozen=True)
class Story:
    """`status`: the slug it ends with, empty: as the lines left it. `fields` are ticket fields by name."""

    subject: str
    channel: str
    hours_ago: float
    lines: tuple[Line, ...]
    status: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def customer(html: Text, after: float = 0.0, *files: Attachment) -> Line:
    return Line("customer", html, after, files)


def ivan(html: Text, after: float, *files: Attachment) -> Line:
    return Line("ivan", html, after, files)


def maria(html: Text, after: float, *files: Attachment) -> Line:
    return Line("maria", html, after, files)


def note(html: Text, after: float) -> Line:
    return Line("maria", html, after, internal=True)


def written(begun: float, after: float) -> str:
    """When a quoted letter was written, as Russian mail programs put it: 20 ноя 2026 г., в 13:05."""
    moment = datetime.fromtimestamp(begun + after * HOUR, ZoneInfo("Europe/Moscow"))
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year} г., в {moment:%H:%M}"
