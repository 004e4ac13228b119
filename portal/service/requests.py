"""What a customer may see and do. Every function takes the person first.

The help desk's copies are shared by everyone and grant nothing: what a person sees is decided here, at every read, by
his own links and by who the ticket's requester is now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cachetools import TTLCache

from portal.database import Databases
from portal.errors import HelpdeskError, HelpdeskMissing, HelpdeskPending, NotFound
from portal.helpdesk.cache import Cache
from portal.model import Attachment, Conversation, Copy, Ticket, TicketPage
from portal.service.identity import Person, Sight
from portal.store import links

PATIENCE_SECONDS = 3.0
"""A page waits this long for the help desk, all its questions together."""

PAGE_SIZE = 30
MERGED_PAGES = 10
"""A person with several contacts gets their lists merged; beyond this page that would cost a call a page a contact."""

GUESSES = 10
GUESS_SECONDS = 60
"""Tickets that no list of his shows, and that the help desk is asked about for one person in that time."""


@dataclass(frozen=True, slots=True)
class RequestList:
    """One page of a customer's requests.

    `pending`: nothing to show yet; being fetched, or with `stale` the help desk does not answer at all. `as_of` is when
    the help desk told us (UTC); `stale` when it is past its time because the help desk does not answer. `version`
    changes with everything the page shows of the help desk.
    """

    sight: Sight
    email: str
    tickets: tuple[Ticket, ...] = ()
    page: int = 1
    pages: int = 1
    total: int = 0
    as_of: datetime | None = None
    stale: bool = False
    pending: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class RequestView:
    """One conversation with its age; `conversation` is None while there is nothing to show, as in RequestList."""

    ticket_id: int
    conversation: Conversation | None
    as_of: datetime | None = None
    stale: bool = False
    version: str = ""


class Desk:
    """What the requests are read from: the cached help desk, and our links to write down new contacts."""

    def __init__(self, cache: Cache, databases: Databases) -> None:
        self.cache = cache
        self.databases = databases
        self.guesses: TTLCache[int, int] = TTLCache(10_000, GUESS_SECONDS)
        self.his: TTLCache[tuple[int, int], bool] = TTLCache(10_000, GUESS_SECONDS)


async def list_for(person: Person, desk: Desk, page: int) -> RequestList:
    """One page of the person's requests, newest activity first. Raises NotFound for a page that is not there.

    With everything fresh in this process it does not wait for anything.
    """
    email = person.customer.email
    if person.sight is not Sight.PROVEN:
        return RequestList(person.sight, email)
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        contacts = await _contacts(person, desk, until)
        copies = await _pages(desk, contacts, page, until)
    except HelpdeskError as error:
        away = not isinstance(error, HelpdeskPending)
        return RequestList(person.sight, email, page=page, pending=True, stale=away)
    return _listed(person, copies, page)


async def view_for(person: Person, desk: Desk, ticket_id: int) -> RequestView:
    """One conversation of the person. Raises NotFound when it is not there or not his, which nobody can tell apart.

    The shared copies are opened only for a ticket that is known to be his: whether a stranger's happens to be kept, or
    how the help desk is doing, shows in no answer to anybody else.
    """
    if person.sight is not Sight.PROVEN:
        raise NotFound
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        contacts = await _contacts(person, desk, until)
        listed = await _is_listed(desk, contacts, ticket_id, until)
    except HelpdeskError as error:
        return RequestView(ticket_id, None, stale=not isinstance(error, HelpdeskPending))
    if not listed:
        await _must_be_his(person, desk, contacts, ticket_id, until)
    try:
        copy = await desk.cache.conversation(ticket_id, until)
    except HelpdeskMissing:
        raise NotFound from None
    except HelpdeskError as error:
        if not listed:
            raise NotFound from None
        return RequestView(ticket_id, None, stale=not isinstance(error, HelpdeskPending))
    if not _is_his(person, contacts, copy.value.ticket):
        raise NotFound
    return RequestView(ticket_id, copy.value, copy.fetched_at, copy.stale, copy.version)


async def file_for(person: Person, desk: Desk, ticket_id: int, file_id: str) -> Attachment:
    """A file of one of the person's conversations. Raises NotFound, also while the conversation is being fetched."""
    view = await view_for(person, desk, ticket_id)
    for message in view.conversation.messages if view.conversation else ():
        for file in message.files:
            if file.id == file_id:
                return file
    raise NotFound


async def _contacts(person: Person, desk: Desk, until: float) -> tuple[int, ...]:
    """The contacts whose tickets this person sees; those that carry his proven address now are written down first."""
    if person.joins is None:
        return tuple(sorted(person.contacts))
    try:
        found = await desk.cache.contacts(person.customer.email, until)
    except HelpdeskError:
        if not person.contacts:
            raise
        return tuple(sorted(person.contacts))
    ids = {contact.id for contact in found.value} - person.withdrawn
    if found.stale:
        return tuple(sorted(ids & person.contacts))
    if new := ids - person.contacts:
        await desk.databases.run(links.add, person.customer.id, person.customer.email, person.joins, sorted(new))
    return tuple(sorted(ids))


async def _pages(desk: Desk, contacts: Sequence[int], page: int, until: float) -> list[Copy[TicketPage]]:
    """The upstream pages that page `page` is made of: that one for one contact, the first ones of each for several."""
    if len(contacts) == 1:
        # The first page says how many there are: numbers are cheap to make up, and a page is a call.
        first = await desk.cache.tickets(contacts[0], 1, until)
        if page > max(1, first.value.pages):
            raise NotFound
        return [first if page == 1 else await desk.cache.tickets(contacts[0], page, until)]
    if page > MERGED_PAGES:
        raise NotFound
    wanted = [(contact, number) for contact in contacts for number in range(1, page + 1)]
    found = await asyncio.gather(*(desk.cache.tickets(contact, number, until) for contact, number in wanted))
    return list(found)


def _listed(person: Person, copies: Sequence[Copy[TicketPage]], page: int) -> RequestList:
    """The page as a list; rows that no longer carry the proven address are left out, whoever said they are his."""
    tickets = [t for copy in copies for t in copy.value.tickets if t.requester_email in ("", person.customer.email)]
    firsts = [copy.value for copy in copies if copy.value.page == 1] or [copy.value for copy in copies]
    pages, total = max((first.pages for first in firsts), default=1), sum(first.total for first in firsts)
    if len(firsts) > 1:
        # The help desk's page is ours, whatever its size: so many rows of each list are here as one page may need.
        size = max((len(first.tickets) for first in firsts if first.pages > 1), default=PAGE_SIZE)
        tickets.sort(key=_activity, reverse=True)
        tickets = tickets[(page - 1) * size : page * size]
        pages = min(MERGED_PAGES, -(-total // size) or 1)
    if page > max(pages, 1):
        raise NotFound
    return RequestList(
        person.sight,
        person.customer.email,
        tuple(tickets),
        page,
        pages,
        total,
        min((copy.fetched_at for copy in copies), default=None),
        any(copy.stale for copy in copies),
        version="-".join(copy.version for copy in copies),
    )


def _activity(ticket: Ticket) -> datetime:
    return ticket.last_reply_at or ticket.updated_at


def _is_his(person: Person, contacts: Sequence[int], ticket: Ticket) -> bool:
    return ticket.requester_id in contacts and ticket.requester_email in ("", person.customer.email)


async def _is_listed(desk: Desk, contacts: Sequence[int], ticket_id: int, until: float) -> bool:
    """Whether the first page of the person's own lists has it: nearly everything that is opened stands there."""
    firsts = await asyncio.gather(*(desk.cache.tickets(contact, 1, until) for contact in contacts))
    return any(ticket.id == ticket_id for copy in firsts for ticket in copy.value.tickets)


async def _must_be_his(person: Person, desk: Desk, contacts: Sequence[int], ticket_id: int, until: float) -> None:
    """Raises NotFound unless the help desk itself says now that the ticket is his, in one call whoever's it is.

    Ids are cheap to guess and calls are not: only so many guesses are asked about, counted before they are.
    """
    customer = person.customer.id
    if (customer, ticket_id) in desk.his:
        return
    guesses = desk.guesses.get(customer, 0)
    if guesses >= GUESSES:
        raise NotFound
    desk.guesses[customer] = guesses + 1
    try:
        ticket = await desk.cache.ticket_now(ticket_id, until)
    except HelpdeskMissing:
        raise NotFound from None
    except HelpdeskError:
        # Nobody can say. The conversation that is opened next is his own last copy, or nothing.
        return
    if not _is_his(person, contacts, ticket):
        raise NotFound
    desk.his[customer, ticket_id] = True
    desk.guesses[customer] = max(0, desk.guesses.get(customer, 1) - 1)
