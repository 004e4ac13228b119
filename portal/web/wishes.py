"""What a customer asks his list for, in the address: read leniently, written in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from portal.model import Channel
from portal.service.finding import Wish
from portal.service.search_words import LONGEST_QUERY
from portal.store.tickets import Sort

DAYS = (7, 30, 90, 365)
LONGEST_NUMBER = 100
LONGEST_COOKIE = 3_000
STATES = {"open": True, "closed": False}
TURNS = ("mine", "shop")
CHANNELS = [channel for channel in Channel if channel is not Channel.OTHER]


PLAIN = Wish()


def wish_of(query: Mapping[str, str]) -> Wish:
    """What is asked for. What makes no sense is as if it was not there: an old bookmark shows a list all the same."""
    if not query:
        return PLAIN
    turn = query.get("turn", "")
    days = query.get("days", "")
    return Wish(
        words=_line(query.get("q", ""), LONGEST_QUERY),
        is_open=STATES.get(query.get("state", "")),
        turn=turn if turn in TURNS else "",
        channel=next((channel for channel in CHANNELS if channel == query.get("channel")), None),
        order=_line(query.get("order", ""), LONGEST_NUMBER),
        days=next((each for each in DAYS if str(each) == days), None),
        sort=next((sort for sort in Sort if sort == query.get("sort")), Sort.ACTIVITY),
    )


def query_of(wish: Wish, page: int = 1) -> str:
    """The query of the address that asks for it, without the question mark; "" for the plain list's first page."""
    state = next((name for name, is_open in STATES.items() if is_open is wish.is_open), "")
    told = {
        "q": wish.words,
        "state": state,
        "turn": wish.turn,
        "channel": wish.channel or "",
        "order": wish.order,
        "days": str(wish.days or ""),
        "sort": "" if wish.sort is Sort.ACTIVITY else wish.sort,
        "page": str(page) if page > 1 else "",
    }
    return urlencode({name: value for name, value in told.items() if value})


def remembered(cookie: str) -> str:
    """The query of a cookie that we have set; whatever else stands in it comes to nothing."""
    if not cookie:
        return ""
    try:
        told = dict(parse_qsl(cookie[:LONGEST_COOKIE], max_num_fields=20))
    except ValueError:
        return ""
    page = told.get("page", "")
    return query_of(wish_of(told), int(page) if page.isascii() and page.isdecimal() and len(page) < 5 else 1)


def without(wish: Wish, name: str) -> Wish:
    """The wish without one of its parts."""
    changes: dict[str, Any] = {name: getattr(PLAIN, name)}
    return replace(wish, **changes)


def _line(text: str, longest: int) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * longest])
    return " ".join(shown.split())[:longest]
