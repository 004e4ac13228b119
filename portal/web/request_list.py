"""The customer's list: as it stands, and narrowed down, searched and sorted as the address says."""

from __future__ import annotations

from typing import Any

from litestar.di import NamedDependency

from portal.model import Status
from portal.service import requests as service
from portal.service.finding import Wish, counted
from portal.service.requests import RequestList
from portal.store.tickets import Counts
from portal.web.answers import Answer, page, remember_list
from portal.web.reading import get
from portal.web.requests import attempt_of, begin, marks, number, written
from portal.web.site import LIST_COOKIE, Site
from portal.web.visitor import AnyRequest, Visitor, cookie_choice
from portal.web.wishes import query_of, wish_of


@get("/")
async def index(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """The list of the visitor's requests."""
    visitor = await site.visitors.of(request)
    wanted = number(request.query_params.get("page", "1"))
    wish = wish_of(request.query_params)
    await begin(site, visitor)
    return await (
        _plain(site, request, visitor, wanted) if wish.is_plain else _found(site, request, visitor, wish, wanted)
    )


async def _plain(site: Site, request: AnyRequest, visitor: Visitor, wanted: int) -> Answer:
    view = await service.list_for(visitor.person, site.desk, wanted)
    counts = await _counts(site, visitor, view)
    view = service.list_with_written(view, await written(site, request, visitor))
    # A page that is pending is made anew: it changes at once.
    going = marks([*view.written, *view.replies.values()])
    whose = (view.sight, view.email, view.page, view.pages, view.total, len(view.tickets))
    known = (view.version, view.as_of, view.stale, going, view.news, *_tabs(counts).items())
    keep = (*whose, *known) if view.version else None

    def shown() -> dict[str, Any]:
        return _context(site, request, view, counts or counted(view))

    answer = page(site, request, visitor, "requests/list.html", keep=keep, later=shown)
    if cookie_choice(request, LIST_COOKIE):
        remember_list(site, answer, "")
    return answer


async def _found(site: Site, request: AnyRequest, visitor: Visitor, wish: Wish, wanted: int) -> Answer:
    view, findings = await site.finder.find(visitor.person, wish, wanted)
    counts = findings.counts if findings else None
    context = _context(site, request, view, counts) | {"wish": wish, "findings": findings}
    answer = page(site, request, visitor, "requests/list.html", **context)
    remember_list(site, answer, query_of(wish, wanted))
    return answer


def _context(site: Site, request: AnyRequest, view: RequestList, counts: Counts | None) -> dict[str, Any]:
    return {
        "view": view,
        "can_prove": site.settings.mail,
        "attempt": attempt_of(request),
        "wish": Wish(),
        "findings": None,
        "tabs": _tabs(counts),
    }


def _tabs(counts: Counts | None) -> dict[str, int]:
    """How many requests stand behind each of the list's tabs; nothing where nobody knows."""
    if counts is None:
        return {}
    closed = counts.by_status.get(Status.CLOSED, 0)
    return {
        "all": counts.total,
        "open": counts.total - closed,
        "mine": counts.by_status.get(Status.WAITING, 0),
        "closed": closed,
    }


async def _counts(site: Site, visitor: Visitor, view: RequestList) -> Counts | None:
    """What there is of each state, as our index says, asked once for each state of the list; None while it lacks some,
    and of a list that is here whole.
    """
    if not view.version or view.pages == 1:
        return None
    key = (visitor.person.customer.id, view.version)
    if (counts := site.counts.get(key)) is None:
        counts = await site.finder.count(visitor.person)
        if counts.total < view.total:
            return None
        site.counts[key] = counts
    return counts
