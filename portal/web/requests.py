"""The customer's pages: his requests, one conversation, its files, and the proof of his address."""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from portal.errors import NotFound, TooOften
from portal.model import activity
from portal.service import requests as service
from portal.service import sight, unread
from portal.service.beside import NOTHING as NOTHING_BESIDE
from portal.service.beside import Beside
from portal.service.requests import RequestView
from portal.service.sight import Sight
from portal.service.writing import Delivery, Written
from portal.store import visits
from portal.web.answers import Answer, page, redirect
from portal.web.entered import NOTHING, Entered
from portal.web.pages import is_late
from portal.web.reading import get
from portal.web.site import LIST_COOKIE, Site
from portal.web.talk import Talk, parts, talk
from portal.web.visitor import FLASH_COOKIE, AnyRequest, Visitor, check_form, check_origin, cookie_choice
from portal.web.wishes import remembered

log = logging.getLogger(__name__)

NUMBER = re.compile(r"[1-9][0-9]{0,17}")
"""The one spelling of an id: no sign, no padding, no more digits than a BIGINT holds."""


def number(text: str) -> int:
    """An id from an address. Raises NotFound for any other spelling than the one we print."""
    if not NUMBER.fullmatch(text):
        raise NotFound
    return int(text)


@get("/{ticket_id:str}")
async def show(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """One conversation."""
    visitor = await site.visitors.of(request)
    view = await service.view_for(visitor.person, site.desk, number(ticket_id))
    view = service.with_written(view, await written(site, request, visitor))
    asked = part_of(request, view)
    beside = await _beside(site, request, visitor, view)
    new_from = unread.seen_upto(visitor.person, view.ticket_id)
    await _seen(site, visitor, view)
    shown = talk(view, beside, asked, new_from)
    if entered := _again(request, view):
        return conversation(site, request, visitor, view, beside=beside, shown=shown, entered=entered)
    waiting = marks([*view.written, *([view.act] if view.act else [])])
    known = (view.ticket_id, view.version, view.as_of, view.stale, beside, shown.new_at, asked, _back(request), waiting)
    keep = known if view.version else None
    return conversation(site, request, visitor, view, beside=beside, shown=shown, keep=keep)


def part_of(request: AnyRequest, view: RequestView) -> int:
    """Which part of a long conversation is asked for, 1 the newest. Raises NotFound for one that is not there."""
    part = number(request.query_params.get("part", "1"))
    if part > 1 and (view.conversation is None or part > parts(len(view.conversation.messages))):
        raise NotFound
    return part


async def _beside(site: Site, request: AnyRequest, visitor: Visitor, view: RequestView) -> Beside:
    if view.conversation is None:
        return NOTHING_BESIDE
    key = (visitor.person.customer.id, view.ticket_id)
    known = site.beside.get(key) if cookie_choice(request, FLASH_COOKIE) is None else None
    if known is None:
        known = site.beside[key] = await site.databases.read(site.besides.read, *key)
    return known


async def begin(site: Site, visitor: Visitor) -> None:
    """From his first visit on, things are new to him; before, those of two weeks."""
    person = visitor.person
    if person.seen.since is None:
        person.seen.since = unread.first_since()
        await site.databases.run(visits.begin, person.customer.id, person.seen.since)


async def _seen(site: Site, visitor: Visitor, view: RequestView) -> None:
    """He has the conversation before him: what is in it is not new any more."""
    if view.conversation is None:
        return
    await begin(site, visitor)
    person, upto = visitor.person, activity(view.conversation.ticket)
    if upto > unread.seen_upto(person, view.ticket_id):
        person.seen.tickets[view.ticket_id] = upto
        await site.databases.run(visits.note, person.customer.id, view.ticket_id, upto)


def _again(request: AnyRequest, view: RequestView) -> Entered | None:
    """`?again=` fills the form with a message of his that could not be delivered."""
    wanted = request.query_params.get("again")
    for one in view.written:
        if one.delivery is Delivery.FAILED and str(one.id) == wanted:
            return Entered(text=one.text, files=[file.name for file in one.files])
    return None


def conversation(
    site: Site,
    request: AnyRequest,
    visitor: Visitor,
    view: RequestView,
    *,
    beside: Beside = NOTHING_BESIDE,
    shown: Talk | None = None,
    entered: Entered = NOTHING,
    keep: Hashable = None,
    status: int = 200,
) -> Answer:
    """The page of a conversation, with what has been entered into its form; its newest part unless `shown` says else.

    `keep` as in `page`.
    """
    told: dict[str, Any] = {
        "view": view,
        "attempt": attempt_of(request),
        "entered": entered,
        "back": _back(request),
        "beside": beside,
        "talk": shown or talk(view, beside, 1, None),
    }
    return page(site, request, visitor, "requests/show.html", keep=keep, status=status, **told)


def _back(request: AnyRequest) -> str:
    """The query of the list that he comes from, "" for the list as it stands."""
    return remembered(cookie_choice(request, LIST_COOKIE) or "")


async def written(site: Site, request: AnyRequest, visitor: Visitor) -> Sequence[Written]:
    """What the visitor wrote here that the help desk's copies may not show yet."""
    newly = cookie_choice(request, FLASH_COOKIE) is not None
    return await site.written(visitor.person.customer.id, newly=newly)


def marks(written: Sequence[Written]) -> tuple[Hashable, ...]:
    """All that a page shows of them follows from this (and the minute)."""
    now = datetime.now(UTC)
    return tuple((one.id, one.delivery, one.ticket_id, one.result_id, is_late(one, now)) for one in written)


def attempt_of(request: AnyRequest) -> int:
    """How often a page that is being fetched has refreshed itself."""
    told = request.query_params.get("try", "0")
    return int(told) if re.fullmatch(r"[0-9]{1,3}", told) else 0


@get("/prove")
async def prove_page(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Where the link that proves the address is asked for, and what came of it."""
    visitor = await site.visitors.of(request)
    state = {Sight.UNPROVEN: "ask", Sight.PROVEN: "done", Sight.SHARED: "shared", Sight.NO_EMAIL: "no_email"}
    asked = visitor.person.sight is Sight.UNPROVEN and "sent" in request.query_params
    return _proof(site, request, visitor, "asked" if asked else state[visitor.person.sight])


@post("/prove", status_code=303)
async def ask_for_proof(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Queue the mail with the link."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request)
    check_form(site.tokens, visitor.person, await request.form())
    if visitor.person.sight is not Sight.UNPROVEN or not site.settings.mail:
        return redirect(site, "/prove")
    try:
        await site.databases.run(sight.ask, visitor.person.customer, site.locale(request, visitor))
    except TooOften as error:
        answer = _proof(site, request, visitor, "too_often", minutes=-(-error.retry_after // 60))
        answer.status_code, answer.headers["retry-after"] = 429, str(error.retry_after)
        return answer
    return redirect(site, "/prove?sent")


@get("/prove/{token:str}")
async def follow_proof(request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]) -> Answer:
    """The link of the mail: shows a button, and changes nothing (mail scanners follow links)."""
    visitor = await site.visitors.of(request)
    try:
        sight.check_proof(site.tokens, visitor.person.customer, token)
    except NotFound:
        return _proof(site, request, visitor, _proven_or(visitor, "expired"))
    return _proof(site, request, visitor, _proven_or(visitor, "follow"), token=token)


@post("/prove/{token:str}", status_code=303)
async def prove(request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]) -> Answer:
    """The button of the link: the address is proven."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request, newly=True)
    check_form(site.tokens, visitor.person, await request.form())
    try:
        await site.databases.run(sight.prove, site.tokens, visitor.person.customer, token)
    except NotFound:
        return _proof(site, request, visitor, _proven_or(visitor, "expired"))
    log.info("customer %d proved his address", visitor.person.customer.id)
    return redirect(site, "/", visitor, flash="proven")


def _proven_or(visitor: Visitor, state: str) -> str:
    """A link opened again after it has done its work says so."""
    return "done" if visitor.person.sight is Sight.PROVEN else state


def _proof(site: Site, request: AnyRequest, visitor: Visitor, state: str, **more: object) -> Answer:
    shown: dict[str, Any] = {
        "state": state,
        "email": visitor.person.customer.email,
        "can_prove": site.settings.mail,
        **more,
    }
    return page(site, request, visitor, "requests/prove.html", **shown)
