"""What a customer may see and do. Every function takes the person first.

The help desk's copies are shared by everyone and grant nothing: what a person sees is decided here, at every read, by
his own links and by who the ticket's requester is now. Tickets that he opened with us are his own beside that, as long
as their requester is the one they were opened for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal.errors import HelpdeskError, HelpdeskMissing, HelpdeskPending, NotFound
from portal.model import Attachment, Conversation, Copy, Ticket, TicketPage, activity
from portal.service.listing import MERGED_PAGES, Desk, contacts_of, own_elsewhere, pages_of
from portal.service.sight import Person, Sight
from portal.service.unread import new_of
from portal.service.writing import Delivery, Written

PATIENCE_SECONDS = 3.0
"""A page waits this long for the help desk, all its questions together."""

PAGE_SIZE = 30
GUESSES = 10
"""Tickets that no list of his shows, and that the help desk is asked about for one person in GUESS_SECONDS."""


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
    written: tuple[Written, ...] = ()
    """New requests of his that are on their way, on the first page."""
    replies: Mapping[int, Written] = field(default_factory=dict)
    """By ticket, the newest message of his that its row does not know of."""
    news: frozenset[int] = frozenset()
    """The tickets in which the shop has done something that he has not seen."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """One conversation with its age; `conversation` is None while there is nothing to show, as in RequestList.

    `requester_id`: the ticket's requester when the ticket is known to be this person's, None when nobody can say yet.
    """

    ticket_id: int
    conversation: Conversation | None
    as_of: datetime | None = None
    stale: bool = False
    version: str = ""
    requester_id: int | None = None
    written: tuple[Written, ...] = ()
    """Messages of his that the copy does not show yet."""
    act: Written | None = None
    """That he closes it or opens it again, and the copy does not know yet."""


async def list_for(person: Person, desk: Desk, page: int) -> RequestList:
    """One page of the person's requests, newest activity first. Raises NotFound for a page that is not there.

    With everything fresh in this process it does not wait for anything.
    """
    email = person.customer.email
    if person.sight is not Sight.PROVEN and not person.own:
        return RequestList(person.sight, email)
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        contacts = await contacts_of(person, desk, until)
        others = await own_elsewhere(person, desk, contacts, until)
        copies = [*await pages_of(desk, contacts, page, until, merged=bool(others)), *others]
    except HelpdeskError as error:
        away = not isinstance(error, HelpdeskPending)
        return RequestList(person.sight, email, page=page, pending=True, stale=away)
    return _listed(person, copies, page)


async def view_for(person: Person, desk: Desk, ticket_id: int) -> RequestView:
    """One conversation of the person. Raises NotFound when it is not there or not his, which nobody can tell apart.

    The shared copies are opened only for a ticket that is known to be his: whether a stranger's happens to be kept, or
    how the help desk is doing, shows in no answer to anybody else.
    """
    own = person.own.get(ticket_id)
    if person.sight is not Sight.PROVEN and own is None:
        raise NotFound
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    try:
        contacts = await contacts_of(person, desk, until)
        listed = own is not None or await _is_listed(desk, contacts, ticket_id, until)
    except HelpdeskError as error:
        if own is None:
            return RequestView(ticket_id, None, stale=not isinstance(error, HelpdeskPending))
        contacts, listed = (), True
    if not listed:
        await _must_be_his(person, desk, contacts, ticket_id, until)
    try:
        copy = await desk.cache.conversation(ticket_id, until)
    except HelpdeskMissing:
        raise NotFound from None
    except HelpdeskError as error:
        if not listed:
            raise NotFound from None
        return RequestView(ticket_id, None, stale=not isinstance(error, HelpdeskPending), requester_id=own)
    ticket = copy.value.ticket
    if not _is_his(person, contacts, ticket):
        raise NotFound
    return RequestView(
        ticket_id, copy.value, copy.fetched_at, copy.stale, copy.version, requester_id=ticket.requester_id
    )


def with_written(view: RequestView, written: Sequence[Written]) -> RequestView:
    """The conversation with what he wrote in it and the copy does not show yet.

    A message that was delivered shows from here until the copy has it, or is newer than the delivery.
    """
    if not written:
        return view
    there = {message.id for message in view.conversation.messages} if view.conversation else set()
    waiting = [
        one
        for one in written
        if not one.is_request
        and not one.act
        and one.ticket_id == view.ticket_id
        and one.result_id not in there
        and not _was_fetched_after(one, view.as_of)
    ]
    acts = [
        one
        for one in written
        if one.act and one.ticket_id == view.ticket_id and not _was_fetched_after(one, view.as_of)
    ]
    return replace(view, written=tuple(waiting), act=acts[-1] if acts else None)


def list_with_written(view: RequestList, written: Sequence[Written]) -> RequestList:
    """The list with what it does not show yet: his new requests, on its first page, and his newest reply in each row.

    A request with such a reply moves up, as it will when the help desk tells of it.
    """
    if not written:
        return view
    there = {ticket.id: ticket for ticket in view.tickets}
    waiting = [
        one
        for one in written
        if one.is_request and one.ticket_id not in there and not _was_fetched_after(one, view.as_of)
    ]
    newest = {one.ticket_id: one for one in written if not one.is_request and not one.act and one.ticket_id in there}
    replies = {
        ticket.id: newest[ticket.id]
        for ticket in view.tickets
        if ticket.id in newest and not _is_known(newest[ticket.id], ticket, view.as_of)
    }
    tickets = view.tickets
    if replies:
        tickets = tuple(sorted(tickets, key=lambda ticket: touched(ticket, replies.get(ticket.id)), reverse=True))
    return replace(view, tickets=tickets, replies=replies, written=tuple(waiting) if view.page == 1 else ())


def touched(ticket: Ticket, reply: Written | None) -> datetime:
    """The time of a row: when something happened in it last, his own reply that waits included."""
    return max(activity(ticket), reply.written_at) if reply else activity(ticket)


def _is_known(one: Written, ticket: Ticket, as_of: datetime | None) -> bool:
    """Whether the row shows it by itself. What stayed behind shows until somebody has said something after it."""
    if one.delivery in (Delivery.UNSURE, Delivery.FAILED):
        return ticket.last_reply_at is not None and ticket.last_reply_at > one.written_at
    return _was_fetched_after(one, as_of)


def _was_fetched_after(one: Written, as_of: datetime | None) -> bool:
    return (
        one.delivery is Delivery.SENT and one.finished_at is not None and as_of is not None and as_of > one.finished_at
    )


async def file_for(person: Person, desk: Desk, ticket_id: int, file_id: str) -> Attachment:
    """A file of one of the person's conversations. Raises NotFound, also while the conversation is being fetched."""
    view = await view_for(person, desk, ticket_id)
    for message in view.conversation.messages if view.conversation else ():
        for file in message.files:
            if file.id == file_id:
                return file
    raise NotFound


def _listed(person: Person, copies: Sequence[Copy[TicketPage]], page: int) -> RequestList:
    """The page as a list; rows that no longer carry the proven address are left out, whoever said they are his."""
    tickets = [
        ticket
        for copy in copies
        for ticket in copy.value.tickets
        if ticket.requester_email in ("", person.customer.email) or _is_own(person, ticket)
    ]
    firsts = [copy.value for copy in copies if copy.value.page == 1] or [copy.value for copy in copies]
    pages, total = max((first.pages for first in firsts), default=1), sum(first.total for first in firsts)
    if len(firsts) > 1:
        # The help desk's page is ours, whatever its size: so many rows of each list are here as one page may need.
        size = max((len(first.tickets) for first in firsts if first.pages > 1), default=PAGE_SIZE)
        tickets.sort(key=activity, reverse=True)
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
        news=new_of(person, tickets),
    )


def _is_own(person: Person, ticket: Ticket) -> bool:
    return person.own.get(ticket.id) == ticket.requester_id


def _is_his(person: Person, contacts: Sequence[int], ticket: Ticket) -> bool:
    joined = ticket.requester_id in contacts and ticket.requester_email in ("", person.customer.email)
    return joined or _is_own(person, ticket)


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
