"""Buttons of a conversation: close it, open it again, say how it went."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from portal.errors import HelpdeskUnreachable
from portal.service import acting
from portal.service import requests as service
from portal.service.acting import MAX_WORDS, Reason, Score
from portal.service.requests import RequestView
from portal.service.writing import CLOSE, REOPEN, Delivery
from portal.web.answers import Answer, redirect
from portal.web.requests import number
from portal.web.site import Site
from portal.web.visitor import AnyRequest, Visitor, check_form, check_origin


@post("/{ticket_id:str}/close", status_code=303)
async def close(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """Close one of the visitor's requests, with a reason."""
    return await _turned(site, request, ticket_id, CLOSE)


@post("/{ticket_id:str}/reopen", status_code=303)
async def reopen(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """Open one of the visitor's requests again."""
    return await _turned(site, request, ticket_id, REOPEN)


@post("/{ticket_id:str}/rate", status_code=303)
async def rate(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """Keep what the visitor says of one of his requests that is closed."""
    visitor, view, once, fields = await _asked(site, request, ticket_id)
    score = next((score for score in Score if score == fields.get("score")), None)
    if score is None or view.conversation is None or not view.conversation.ticket.closed:
        return redirect(site, f"/{view.ticket_id}#acts", visitor, flash="not_rated")
    told = (visitor.person, view.ticket_id, score, _words(fields))
    kept = await site.databases.run(acting.rate, *told, once=once)
    return redirect(site, f"/{view.ticket_id}#acts", visitor, flash="rated" if kept else "not_rated")


async def _turned(site: Site, request: AnyRequest, ticket_id: str, kind: str) -> Answer:
    visitor, view, once, fields = await _asked(site, request, ticket_id)
    contact = view.requester_id
    if contact is None:
        raise HelpdeskUnreachable("nobody can say whose request it is")
    view = service.with_written(view, await site.written(visitor.person.customer.id, newly=True))
    if view.act and view.act.delivery is Delivery.SENDING:
        return redirect(site, f"/{view.ticket_id}#last", visitor)
    if view.conversation and view.conversation.ticket.closed == (kind == CLOSE):
        # Support has been faster: nothing is to be done, and nothing to be told.
        return redirect(site, f"/{view.ticket_id}#acts", visitor, flash="is_closed" if kind == CLOSE else "is_open")
    reason = next((reason for reason in Reason if reason == fields.get("reason")), Reason.OTHER)
    await site.databases.run(
        acting.turn,
        visitor.person,
        kind,
        view.ticket_id,
        contact,
        once=f"{once}:{kind}",
        reason=reason if kind == CLOSE else "",
        words=_words(fields),
    )
    site.feed.expect(visitor.person.customer.id)
    return redirect(site, f"/{view.ticket_id}#last", visitor, flash="acted")


async def _asked(site: Site, request: AnyRequest, ticket_id: str) -> tuple[Visitor, RequestView, str, dict[str, str]]:
    """Who asks, for which request of his, the form's name and its fields. Raises CrossSite and NotFound."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request, newly=True)
    form = await request.form()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    view = await service.view_for(visitor.person, site.desk, number(ticket_id))
    return visitor, view, check_form(site.tokens, visitor.person, fields), fields


def _words(fields: dict[str, str]) -> str:
    text = fields.get("words", "").replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(char if char.isprintable() or char == "\n" else " " for char in text[: 2 * MAX_WORDS])
    return shown.strip()[:MAX_WORDS]
