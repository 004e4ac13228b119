"""Where a customer writes: a reply to a request, and a new one. What he typed comes back to him whatever happens."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import FromPath

from portal.database import Unit
from portal.errors import DatabaseAway, NotFound, TooOften
from portal.model import OrderChoice
from portal.service import requests as service
from portal.service import writing
from portal.service.orders import Orders
from portal.service.sight import Person, Sight
from portal.service.similar import similar
from portal.service.writing import Delivery, Draft, Problem
from portal.store.outbox import Kept
from portal.web import intake
from portal.web.answers import RETRY_SECONDS, Answer, bare_page, page, redirect
from portal.web.entered import NOTHING, Entered, Why, given_back
from portal.web.intake import Form
from portal.web.reading import get
from portal.web.requests import conversation, number, written
from portal.web.site import Site
from portal.web.visitor import (
    AnyRequest,
    CrossSite,
    SignedOut,
    Visitor,
    check_form,
    check_origin,
    login_address_to,
    own_path,
)

log = logging.getLogger(__name__)

WRITTEN = "written"
"""The flash of a page that shows what has just been written."""


@post("/{ticket_id:str}/reply", status_code=303, request_max_body_size=None)
async def reply(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """Keep a message for one of the visitor's requests."""

    async def act(visitor: Visitor, form: Form) -> Answer:
        view = await service.view_for(visitor.person, site.desk, number(ticket_id))
        unknown = Why.UNKNOWN if view.requester_id is None else None
        draft, entered = _checked(site, visitor, form, where=ticket_id, otherwise=unknown)
        if draft and view.requester_id is not None:
            try:
                async with site.keeping(draft):
                    await site.databases.run(writing.reply, visitor.person, view.ticket_id, view.requester_id, draft)
                site.feed.expect(visitor.person.customer.id)
                return redirect(site, f"/{view.ticket_id}#last", visitor, flash=WRITTEN)
            except TooOften as error:
                entered = _entered(form, why=Why.TOO_OFTEN, seconds=error.retry_after)
        view = service.with_written(view, await written(site, request, visitor))
        return _later(conversation(site, request, visitor, view, entered=entered, status=entered.status), entered)

    return await _taken(site, request, act)


@get("/{ticket_id:str}/reply", status_code=303)
async def replied(site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """Whoever comes back to where a reply was sent to: on to the conversation, whosever it is."""
    return redirect(site, f"/{number(ticket_id)}")


@get("/new")
async def new(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """The form of a new request; `?order=` chooses one of his orders, `?item=` one of the goods in it, and `?again=`
    fills in one that was not delivered.
    """
    visitor = await site.visitors.of(request)
    wanted, item = (request.query_params.get(name, "") for name in ("order", "item"))
    subject = await site.databases.read(site.orders.item, visitor.person.customer.id, wanted, item) if item else ""
    entered = Entered(subject=subject, order=wanted)
    again = request.query_params.get("again")
    if again is not None:
        kept = await site.databases.read(writing.request_of, visitor.person.customer.id, number(again))
        if kept and kept.delivery is Delivery.FAILED:
            files = [file.name for file in kept.files]
            entered = Entered(kept.subject, kept.text, kept.order, files=files)
    return await _form(site, request, visitor, entered)


@post("/new", status_code=303, request_max_body_size=None)
async def open_request(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Keep a new request of the visitor's."""

    async def act(visitor: Visitor, form: Form) -> Answer:
        draft, entered = _checked(site, visitor, form)
        if draft and await _is_asked_again(site, visitor, draft, form):
            draft, entered = None, _entered(form, why=Why.SIMILAR)
        if draft and visitor.person.sight is not Sight.NO_EMAIL:
            try:
                async with site.keeping(draft):
                    kept = await site.databases.run(_keep, site.orders, visitor.person, draft)
                if kept:
                    site.feed.expect(visitor.person.customer.id)
                    return redirect(site, f"/new/{kept.id}", visitor, flash=WRITTEN)
                entered = _entered(form, problems=[Problem.NOT_HIS_ORDER])
            except TooOften as error:
                entered = _entered(form, why=Why.TOO_OFTEN, seconds=error.retry_after)
        return _later(await _form(site, request, visitor, entered), entered)

    return await _taken(site, request, act)


@get("/new/{kept_id:str}")
async def on_its_way(request: AnyRequest, site: NamedDependency[Site], kept_id: FromPath[str]) -> Answer:
    """A new request that is on its way; once it has arrived, the way to its conversation."""
    visitor = await site.visitors.of(request)
    kept = await site.databases.read(writing.request_of, visitor.person.customer.id, number(kept_id))
    if kept is None:
        raise NotFound
    if kept.ticket_id is not None:
        # With the flash he is read anew: the ticket has become his a moment ago.
        return redirect(site, f"/{kept.ticket_id}", visitor, flash="opened")
    return page(site, request, visitor, "requests/kept.html", one=kept)


async def _taken(site: Site, request: AnyRequest, act: Callable[[Visitor, Form], Awaitable[Answer]]) -> Answer:
    """Read the form of whoever it is and act on it; who cannot be let in, or served, gets his words back.

    Where it comes from is looked at first: another site never gets to see what it has made a browser send.
    """
    check_origin(request, site.settings.public_url)
    visitor, why = None, Why.SIGNED_OUT
    try:
        visitor = await site.visitors.of(request, newly=True)
    except SignedOut:
        pass
    except DatabaseAway as error:
        why = _told(error)
    with await intake.read(request, keep_files=visitor is not None) as form:
        if visitor is not None:
            try:
                return await act(visitor, form)
            except DatabaseAway as error:
                why = _told(error)
            except NotFound:
                return _gone(site, request, _entered(form))
        # Megabytes may come back to somebody we do not know: not in the loop that serves everybody.
        return await asyncio.to_thread(_back, site, request, _entered(form, why=why))


def _gone(site: Site, request: AnyRequest, entered: Entered) -> Answer:
    """The page of what is not there, and his words below: the same bytes for what is another's. Raises NotFound."""
    if not entered.text.strip():
        raise NotFound
    locale = site.locale(request)
    body = site.pages.render("requests/gone.html", locale=locale, status=404, entered=entered)
    return Response(site.dressed(request, body, locale), status_code=404, media_type=MediaType.HTML)


def _told(error: DatabaseAway) -> Why:
    log.warning("a customer's text is given back: %s: %s", type(error).__name__, error)
    return Why.AWAY


def _back(site: Site, request: AnyRequest, entered: Entered) -> Answer:
    """The words on a page of their own, for somebody we do not know, in a form that leads to the same address."""
    path = own_path(request)
    sign_in = login_address_to(site.settings, f"{site.settings.prefix}/")
    context = {"entered": entered, "path": path, "sign_in": sign_in}
    return _later(bare_page(site, request, "requests/back.html", entered.status, **context), entered)


def _later(answer: Answer, entered: Entered) -> Answer:
    """Programs are told, too, when it makes sense to try again."""
    if entered.status in (429, 503):
        answer.headers["retry-after"] = str(entered.seconds or RETRY_SECONDS)
    return answer


def _checked(
    site: Site, visitor: Visitor, form: Form, *, where: str = "", otherwise: Why | None = None
) -> tuple[Draft | None, Entered]:
    """The draft that the form holds, or why it is not sent. `where`: the ticket it goes to, "" for a new request.

    `otherwise`: a reason that stands even if all is well.
    """
    if form.broken:
        return None, _entered(form, why=Why.BROKEN)
    try:
        name = check_form(site.tokens, visitor.person, form.fields)
    except CrossSite:
        return None, _entered(form, why=Why.STALE if "csrf" in form.fields else Why.BACK)
    draft = _draft(name, where, form)
    problems = writing.problems(draft, is_request=not where)
    if problems or otherwise:
        return None, _entered(form, problems=problems, why=None if problems else otherwise)
    return draft, NOTHING


def _draft(name: str, where: str, form: Form) -> Draft:
    """What is written, under the name of its form, where it goes and what it says.

    The same form sent twice by an impatient finger is one message; another text from a page that the browser has taken
    out of its memory is another one.
    """
    text, subject, order = (form.fields.get(field, "") for field in ("text", "subject", "order"))
    said = "\0".join([where, subject, order, text, *(f"{file.name}:{file.size}" for file in form.files)])
    digest = hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Draft(text, f"{name}:{digest}", subject, order, form.files)


def _entered(form: Form, *, problems: Sequence[Problem] = (), why: Why | None = None, seconds: int = 0) -> Entered:
    return given_back(
        form.fields, [file.name for file in form.files] or form.lost, problems=problems, why=why, seconds=seconds
    )


def _keep(unit: Unit, orders: Orders, person: Person, draft: Draft) -> Kept | None:
    """Keep a request, None when it names an order that is not his. Raises TooOften."""
    order = orders.own(unit, person.customer.id, draft.order) if draft.order else None
    return writing.open_request(unit, person, draft, order) if order or not draft.order else None


async def _form(site: Site, request: AnyRequest, visitor: Visitor, entered: Entered) -> Answer:
    """The form of a new request, with what has been entered into it."""
    orders = await site.databases.read(_offered, site.orders, visitor.person.customer.id, entered.order)
    asked = {"subject": entered.subject, "text": entered.text, "order": entered.order}
    shown: dict[str, Any] = {
        "entered": entered,
        "orders": orders,
        "similar": await similar(visitor.person, site.desk, site.orders, **asked),
        "can_write": visitor.person.sight is not Sight.NO_EMAIL,
    }
    return page(site, request, visitor, "requests/new.html", status=entered.status, **shown)


async def _is_asked_again(site: Site, visitor: Visitor, draft: Draft, form: Form) -> bool:
    """Whether he has open requests like this one that its form has not shown him.

    Who has attached files is not held up: no browser gives them back to be sent once more.
    """
    if draft.files:
        return False
    asked = {"subject": draft.subject, "text": draft.text, "order": draft.order}
    found = await similar(visitor.person, site.desk, site.orders, **asked)
    if {str(ticket.id) for ticket in found} <= set(form.fields.get("seen", "").split()):
        return False
    # The second of two clicks may find what has become of the first.
    return not await site.databases.read(writing.is_kept, visitor.person, draft)


def _offered(unit: Unit, orders: Orders, user_id: int, wanted: str) -> list[OrderChoice]:
    """The orders to choose from: his newest, and the wanted one before them when it is his and older."""
    newest = list(orders.choices(unit, user_id))
    if not wanted or any(order.number == wanted for order in newest):
        return newest
    older = orders.own(unit, user_id, wanted)
    return [older, *newest] if older else newest
