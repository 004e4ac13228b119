"""What the operator's panel shows: the person behind a ticket or an order, first glance first.

A sheet and what a search has found say in `whom` whom they show, as pairs of a kind (account, contact) and a number:
that is what the audit writes down. The shop is read now, in one thread hop and a constant number of queries; what the
help desk told is read from its copies, old ones too, and says from when it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from portal.bitrix.orders import Sale
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.errors import HelpdeskError, HelpdeskMissing, HelpdeskPending, NotFound
from portal.model import Contact, Conversation, Copy, Ticket, TicketPage, activity
from portal.service.identity import Identity
from portal.service.listing import Desk
from portal.service.panel_find import Finder
from portal.service.panel_read import Known, Reader
from portal.service.panel_sheet import Face, Found, Moment, News, Sheet, Subject
from portal.service.ticket_orders import TicketOrders

T = TypeVar("T")

PATIENCE_SECONDS = 1.5
"""For a copy that is not there yet; one that is there is shown as it is when the help desk takes longer."""

CONTACTS = 5
ADDRESSES = 5
"""Of one person, those asked for at the help desk; the surest first."""

TIMELINE = 40


class Panel:
    """Built once. `identity` says who is who, `linked` which orders a ticket is about."""

    def __init__(self, settings: Settings, shape: Shape, desk: Desk, identity: Identity, linked: TicketOrders) -> None:
        self._desk = desk
        sale = Sale(shape, settings.site_id, settings.timezone, settings.locale)
        self._reader = Reader(sale, identity, linked)
        self._finder = Finder(sale, desk)

    async def sheet(self, subject: Subject, page: int = 1) -> Sheet:
        """The sheet of this subject, its orders and requests of `page`.

        Raises NotFound for a page that neither of them has, and DatabaseAway.
        """
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        talk, news = await self._ticket(subject, until)
        ticket = talk.value.ticket if talk else None
        contacts = await self._whoever(subject, ticket, until)
        known = await self._read(subject, ticket, contacts, page)
        more = [reach.value for reach in known.someone.emails] if known.someone else []
        told = await self._contacts(more, until)
        if {one.id for one in told} - {one.id for one in contacts}:
            known = await self._read(subject, ticket, _unique([*contacts, *told]), page)
        pages, listed = await self._requests(known, page, until)
        sheet = _with_requests(known.sheet, ticket, pages, page)
        if page > sheet.pages and news is listed is News.FRESH:
            raise NotFound
        ages = [copy.fetched_at for copy in pages] + ([talk.fetched_at] if talk else [])
        stale = any(copy.stale for copy in pages) or bool(talk and talk.stale)
        worst = max(news, listed, News.STALE if stale else News.FRESH, key=_WORSE.index)
        return replace(sheet, requests_at=min(ages, default=None), news=worst)

    async def find(self, q: str) -> Found:
        """Whom these words may mean: an order's number, an address, a phone, the beginning of a name.

        Raises DatabaseAway.
        """
        return await self._finder.find(q, asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def _ticket(self, subject: Subject, until: float) -> tuple[Copy[Conversation] | None, News]:
        if subject.ticket_id is None:
            return None, News.FRESH
        try:
            return await self._desk.cache.conversation(subject.ticket_id, until), News.FRESH
        except HelpdeskMissing:
            return None, News.FRESH
        except HelpdeskPending:
            return None, News.PENDING
        except HelpdeskError:
            return None, News.AWAY

    async def _read(self, subject: Subject, ticket: Ticket | None, contacts: Sequence[Contact], page: int) -> Known:
        return await self._desk.databases.read(self._reader.read, subject, ticket, tuple(contacts), page)

    async def _whoever(self, subject: Subject, ticket: Ticket | None, until: float) -> list[Contact]:
        """The contact that the panel is about: by his address, or by his number."""
        if ticket and ticket.requester_email:
            return await self._contacts([ticket.requester_email], until)
        contact_id = ticket.requester_id if ticket else subject.contact_id
        if not contact_id:
            return []
        try:
            return [(await self._desk.cache.contact(contact_id, until)).value]
        except HelpdeskError:
            return []

    async def _contacts(self, emails: Iterable[str], until: float) -> list[Contact]:
        """Whoever carries these addresses at the help desk, as far as it can be told now."""
        asked = [email for email in dict.fromkeys(emails) if email][:ADDRESSES]
        copies = await asyncio.gather(
            *(self._desk.cache.contacts(email, until) for email in asked), return_exceptions=True
        )
        return _unique(contact for copy in _told(copies) for contact in copy.value)

    async def _requests(self, known: Known, page: int, until: float) -> tuple[list[Copy[TicketPage]], News]:
        """That page of the lists of all his contacts, and whether all of them could be asked."""
        contacts = known.someone.contacts[:CONTACTS] if known.someone else ()
        found = await asyncio.gather(
            *(self._list(contact, page, until) for contact in contacts), return_exceptions=True
        )
        pages: list[Copy[TicketPage]] = _told(found)
        failed = [error for error in found if isinstance(error, HelpdeskError)]
        pending = failed and all(isinstance(error, HelpdeskPending) for error in failed)
        return pages, News.PENDING if pending else News.AWAY if failed else News.FRESH

    async def _list(self, contact: int, page: int, until: float) -> Copy[TicketPage]:
        """That page of a contact's list, empty beyond its last.

        The first page says how many there are: numbers are cheap to make up, and a page is a call.
        """
        first = await self._desk.cache.tickets(contact, 1, until)
        if 1 < page <= first.value.pages:
            return await self._desk.cache.tickets(contact, page, until)
        return first if page == 1 else replace(first, value=replace(first.value, tickets=()))


_WORSE = (News.FRESH, News.STALE, News.PENDING, News.AWAY)


def _told(found: Iterable[Copy[T] | BaseException]) -> list[Copy[T]]:
    """The copies among what was asked for at once; what is no failure of the help desk is raised."""
    copies: list[Copy[T]] = []
    for one in found:
        if isinstance(one, Copy):
            copies.append(one)
        elif not isinstance(one, HelpdeskError):
            raise one
    return copies


def _unique(contacts: Iterable[Contact]) -> list[Contact]:
    return list({contact.id: contact for contact in contacts}.values())


def _with_requests(sheet: Sheet, ticket: Ticket | None, pages: Sequence[Copy[TicketPage]], page: int) -> Sheet:
    """The sheet with his requests, newest activity first, and the timeline of both.

    A page has that page of each contact's list whole: a row left out would be on no other page.
    """
    tickets = {one.id: one for copy in pages for one in copy.value.tickets}
    others = sorted((one for one in tickets.values() if not ticket or one.id != ticket.id), key=activity, reverse=True)
    total = sum(copy.value.total for copy in pages) - (1 if ticket and ticket.id in tickets else 0)
    last = max((copy.value.pages for copy in pages), default=1)
    requests = tuple(others)
    shown = [*requests, *([ticket] if ticket and sheet.subject.ticket_id and page == 1 else [])]
    timeline = tuple(_timeline(sheet, shown))
    return replace(
        sheet, ticket=ticket, requests=requests, requests_total=total, timeline=timeline, pages=max(sheet.pages, last)
    )


def _timeline(sheet: Sheet, tickets: Sequence[Ticket]) -> list[Moment]:
    """Orders and requests in one line, newest first; no further back than the orders that are shown."""
    moments = [Moment(order.created_at, "ordered", order=order) for order in sheet.orders]
    moments += [Moment(one.created_at, "archived", archived=one) for one in sheet.archived]
    for one in tickets:
        moments.append(Moment(one.created_at, "opened", ticket=one))
        if (last := activity(one)) > one.created_at:
            moments.append(Moment(last, "touched", ticket=one))
    begins: datetime | None = sheet.orders[-1].created_at if sheet.orders and sheet.page < sheet.pages else None
    moments = [one for one in moments if begins is None or one.at >= begins]
    return sorted(moments, key=lambda one: one.at, reverse=True)[:TIMELINE]


__all__ = ["Face", "Found", "News", "Panel", "Sheet", "Subject"]
