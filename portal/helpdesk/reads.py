"""What the help desk can be asked; one method per thing we need."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from time import monotonic

from cachetools import TTLCache

from portal.config import Settings
from portal.errors import (
    HelpdeskBanned,
    HelpdeskBusy,
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskRefused,
    HelpdeskUnreachable,
)
from portal.helpdesk import decode
from portal.helpdesk.call import Call
from portal.helpdesk.decode import Known, Row
from portal.helpdesk.dialect import Dialect
from portal.helpdesk.paging import Ask, first_pages, last_pages
from portal.helpdesk.wire import Wire
from portal.model import Contact, Message, Ticket, TicketPage

log = logging.getLogger(__name__)

CONTACT_PAGES = 5
MESSAGE_PAGES = 20
"""Pages read of one conversation, at most: 600 posts; an answer that claims 300 pages costs no more."""

NEWEST_PAGES = 2
"""Of a list that begins with the oldest: the last page may have been begun by the very last message."""

CONVERSATION_CHARACTERS = 2 * 2**20
"""Of one conversation's texts; the oldest beyond that are left out."""

STATUS_SECONDS = PEOPLE_SECONDS = 24 * 3600
STATUS_RETRY_SECONDS = 60
FIELD_SECONDS = 24 * 3600
FIELD_RETRY_SECONDS = 600
FIELD_PAGES = 10
PEOPLE_A_CONVERSATION = 5
MAX_PEOPLE = 5000


class Reads:
    """Every call goes through `wire`, in the words of `dialect`."""

    def __init__(self, settings: Settings, dialect: Dialect, wire: Wire) -> None:
        self._settings = settings
        self._dialect = dialect
        self._wire = wire
        self._names: Mapping[str, str] = {}
        self._names_until = 0.0
        self._naming = asyncio.Lock()
        self._fields: dict[str, tuple[str, float]] = {}
        self._people: TTLCache[int, Contact] = TTLCache(MAX_PEOPLE, PEOPLE_SECONDS)

    async def find_contacts(self, email: str) -> tuple[Contact, ...]:
        """The contacts that carry exactly this address (lower-cased, trimmed), however fuzzy the help desk's search."""
        found, _whole = await self._search(email)
        return found

    async def get_contact(self, contact_id: int) -> Contact:
        """One contact. Raises HelpdeskMissing."""
        answer = await self._wire.call(self._dialect.get_contact(contact_id))
        return decode.sensible(decode.one(answer["data"]), self._dialect.contact)

    async def list_tickets(self, contact_id: int, page: int) -> TicketPage:
        """One page of a contact's tickets, newest activity first.

        A filter the help desk does not know is ignored, and everybody's tickets come back: rows of others are dropped
        here and told in the log.
        """
        known = await self._known()
        answer = await self._wire.call(self._dialect.list_tickets(contact_id, page))
        rows = decode.rows(answer["data"])
        tickets = decode.each(rows, lambda row: self._dialect.ticket(row, known), "tickets")
        own = tuple(ticket for ticket in tickets if ticket.requester_id == contact_id)
        pages, total = decode.pages(answer, page, len(rows))
        if len(own) < len(tickets):
            strange = len(tickets) - len(own)
            log.error("help desk: %d of %d tickets listed for one contact are others'", strange, len(tickets))
            # Counts that were made over everybody's tickets tell nothing about this person's.
            pages, total = (page, len(own)) if not own else (pages, len(own))
        return TicketPage(own, page, pages, total)

    async def changed_since(self, moment: datetime | None, page: int) -> TicketPage:
        """One page of everybody's tickets that changed at `moment` or later, newest change first; None for all.

        Newest first, so that what changes while pages are read pushes nothing past the reader: a row may come twice.
        A filter that the help desk ignores brings older rows; they are dropped, and that page is the last. Raises
        HelpdeskGarbled when they come without order, as nobody knows then where to stop.
        """
        known = await self._known()
        answer = await self._wire.call(self._dialect.changed_tickets(moment, page, self._settings.hde_timezone))
        rows = decode.rows(answer["data"])
        found = decode.each(rows, lambda row: self._dialect.ticket(row, known), "tickets")
        pages, _total = decode.pages(answer, page, len(rows))
        since = moment.replace(microsecond=0) if moment else None
        newer = tuple(ticket for ticket in found if since is None or ticket.updated_at >= since)
        is_filtered = since is not None and len(newer) == len(found)
        if not is_filtered and any(one.updated_at < next_.updated_at for one, next_ in pairwise(found)):
            raise HelpdeskGarbled("changed tickets come neither filtered nor in order")
        if len(newer) < len(found) or not rows:
            pages = page
        return TicketPage(newer, page, pages, len(newer))

    async def get_ticket(self, ticket_id: int) -> Ticket:
        """One ticket. Raises HelpdeskMissing."""
        ticket, _row = await self._ticket(ticket_id)
        return ticket

    async def ticket_and_field(self, ticket_id: int, name: str) -> tuple[Ticket, str]:
        """One ticket with its value of the custom field `name`, "" for none.

        Apart from the ticket, because a value may be a secret and copies of tickets are kept. Raises HelpdeskMissing.
        """
        key = await self._field_key(name)
        ticket, row = await self._ticket(ticket_id)
        return ticket, self._dialect.field_value(row, key) if key else ""

    async def _ticket(self, ticket_id: int) -> tuple[Ticket, Row]:
        known = await self._known()
        answer = await self._wire.call(self._dialect.get_ticket(ticket_id))
        row = decode.one(answer["data"])
        ticket = decode.sensible(row, lambda row: self._dialect.ticket(row, known))
        if ticket.id != ticket_id:
            raise HelpdeskGarbled("another ticket than the one asked for")
        return ticket, row

    async def list_messages(self, ticket: Ticket) -> tuple[Message, ...]:
        """A ticket's messages for its customer, oldest first; internal notes never get past the decoder."""
        ask = self._messages(ticket)
        if self._dialect.OLDEST_FIRST:
            rows = await last_pages(ask, MESSAGE_PAGES)
        else:
            rows, _whole = await first_pages(ask, MESSAGE_PAGES)
        people = await self._authors(self._dialect.strangers(rows, ticket))
        known = Known(self._settings.hde_timezone, people=people)
        messages = decode.each(rows, lambda row: self._dialect.message(row, ticket, known), "messages")
        return _bounded(sorted(messages, key=_age))

    async def newest_messages(self, ticket: Ticket) -> tuple[Message, ...]:
        """A ticket's newest public messages, a page of them or two, oldest first: to read back what was written.

        Who is no party to the ticket stays without a name. Raises HelpdeskGarbled when any of them makes no sense: what
        cannot be read is not known to be missing.
        """
        ask = self._messages(ticket)
        rows = (
            await last_pages(ask, NEWEST_PAGES) if self._dialect.OLDEST_FIRST else decode.rows((await ask(1))["data"])
        )
        known = Known(self._settings.hde_timezone)
        read = [decode.sensible(row, lambda row: self._dialect.message(row, ticket, known)) for row in rows]
        return tuple(sorted((message for message in read if message is not None), key=_age))

    def _messages(self, ticket: Ticket) -> Ask:
        return self._ask(lambda page: self._dialect.list_messages(ticket.id, page))

    async def _search(self, email: str) -> tuple[tuple[Contact, ...], bool]:
        """The contacts that carry this address, and whether all that was found has been looked at."""
        rows, whole = await first_pages(self._ask(lambda page: self._dialect.find_contacts(email, page)), CONTACT_PAGES)
        found = decode.each(rows, self._dialect.contact, "contacts")
        return tuple(contact for contact in found if contact.email == email), whole

    def _ask(self, call: Callable[[int], Call]) -> Ask:
        return lambda page: self._wire.call(call(page))

    async def _known(self) -> Known:
        """What tickets need beside themselves; a help desk that does not tell its statuses leaves their slugs."""
        call = self._dialect.statuses()
        async with self._naming:  # the first readers of a process come together
            if call and monotonic() >= self._names_until:
                try:
                    answer = await self._wire.call(call)
                    self._names = self._dialect.status_names(decode.rows(answer["data"]), self._settings.locale)
                    self._names_until = monotonic() + STATUS_SECONDS
                except (HelpdeskRefused, HelpdeskGarbled, HelpdeskUnreachable) as error:
                    # Tickets are worth more than the names of their statuses; a question a list would be too dear.
                    self._names_until = monotonic() + STATUS_RETRY_SECONDS
                    log.warning("help desk: its statuses cannot be read: %s", error)
        return Known(self._settings.hde_timezone, self._names)

    async def _field_key(self, name: str) -> str:
        """What a custom field's values go by, "" when nobody has defined it; asked once a day."""
        definitions = self._dialect.ticket_fields()
        if definitions is None:
            return self._dialect.field_key([], name)
        async with self._naming:
            key, until = self._fields.get(name, ("", 0.0))
            if monotonic() >= until:
                rows, _whole = await first_pages(self._ask(definitions), FIELD_PAGES)
                key = self._dialect.field_key(rows, name)
                self._fields[name] = key, monotonic() + (FIELD_SECONDS if key else FIELD_RETRY_SECONDS)
                if not key:
                    log.warning("help desk: it has no field %s for tickets; it is looked for again later", name)
        return key

    async def _authors(self, ids: list[int]) -> dict[int, Contact]:
        """Who these people are; those beyond a few stay unknown until the next time."""
        for contact_id in [contact_id for contact_id in ids if contact_id not in self._people][:PEOPLE_A_CONVERSATION]:
            try:
                self._people[contact_id] = await self.get_contact(contact_id)
            except (HelpdeskBanned, HelpdeskBusy, HelpdeskUnreachable):
                raise
            except HelpdeskError:
                self._people[contact_id] = Contact(contact_id, "", "", is_staff=True)
        return {contact_id: self._people[contact_id] for contact_id in ids if contact_id in self._people}


def _age(message: Message) -> tuple[object, int]:
    return message.created_at, message.id


def _bounded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The newest messages that a copy can hold; at least one."""
    kept: list[Message] = []
    room = CONVERSATION_CHARACTERS
    for message in reversed(messages):
        room -= len(message.html)
        if kept and room < 0:
            log.warning("help desk: of %d messages only the last %d are kept", len(messages), len(kept))
            break
        kept.append(message)
    return tuple(reversed(kept))
