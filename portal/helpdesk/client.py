"""The help desk: one method per thing we need, one private _call with time-outs, budget and breaker.

Which words go over the wire is the dialect's business (v1.py, v2.py), what an answer means is answer.py's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from time import monotonic
from typing import Any, TypeVar

from cachetools import TTLCache

from portal import http
from portal.config import Settings
from portal.database import Databases
from portal.errors import (
    HelpdeskBanned,
    HelpdeskBusy,
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskRefused,
    HelpdeskUnreachable,
)
from portal.helpdesk import decode, v1, v2
from portal.helpdesk.answer import ban_seconds, data_of
from portal.helpdesk.breaker import Breaker
from portal.helpdesk.budget import Budget
from portal.helpdesk.decode import Call, Known, Row
from portal.helpdesk.dialect import Dialect
from portal.helpdesk.files import FILES_AT_ONCE, FileStream, open_file
from portal.model import Attachment, Contact, Message, Ticket, TicketPage

T = TypeVar("T")

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
CALL_SECONDS = 20.0
"""One call, from the connection to the last byte; an answer that drips is cut here."""

SLOT_WAIT_SECONDS = 20.0
CALLS_AT_ONCE = 20
MAX_ANSWER = 8 * 2**20

CONTACT_PAGES = 5
MESSAGE_PAGES = 20
"""Pages read of one conversation, at most: 600 posts; an answer that claims 300 pages costs no more."""

CONVERSATION_CHARACTERS = 2 * 2**20
"""Of one conversation's texts; the oldest beyond that are left out."""

STATUS_SECONDS = PEOPLE_SECONDS = 24 * 3600
STATUS_RETRY_SECONDS = 60
FIELD_SECONDS = 24 * 3600
FIELD_RETRY_SECONDS = 600
FIELD_PAGES = 10
PEOPLE_A_CONVERSATION = 5
MAX_PEOPLE = 5000

AWAY = "it has not answered for a while"


class Client:
    """Built once; every call goes through `_call`."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        transport: http.Transport | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._settings = settings
        self._base = settings.hde_url
        self._dialect: Dialect = v1 if settings.dialect == "v1" else v2
        self._http = http.make_client(
            connect=CONNECT_SECONDS, read=READ_SECONDS, connections=CALLS_AT_ONCE + FILES_AT_ONCE, transport=transport
        )
        self._authorization = self._dialect.authorization(settings)
        self._budget = budget or Budget(databases, settings.hde_rate, CALL_SECONDS)
        self._breaker = Breaker()
        self._at_once = asyncio.Semaphore(CALLS_AT_ONCE)
        self._files_at_once = asyncio.Semaphore(FILES_AT_ONCE)
        self._names: Mapping[str, str] = {}
        self._names_until = 0.0
        self._naming = asyncio.Lock()
        self._fields: dict[str, tuple[str, float]] = {}
        self._people: TTLCache[int, Contact] = TTLCache(MAX_PEOPLE, PEOPLE_SECONDS)

    async def find_contacts(self, email: str) -> tuple[Contact, ...]:
        """The contacts that carry exactly this address (lower-cased, trimmed), however fuzzy the help desk's search."""
        rows = await self._all(lambda page: self._dialect.find_contacts(email, page), CONTACT_PAGES)
        found = decode.each(rows, self._dialect.contact, "contacts")
        return tuple(contact for contact in found if contact.email == email)

    async def get_contact(self, contact_id: int) -> Contact:
        """One contact. Raises HelpdeskMissing."""
        answer = await self._call(self._dialect.get_contact(contact_id))
        return _sensible(self._dialect.contact, decode.one(answer["data"]))

    async def list_tickets(self, contact_id: int, page: int) -> TicketPage:
        """One page of a contact's tickets, newest activity first.

        A filter the help desk does not know is ignored, and everybody's tickets come back: rows of others are dropped
        here and told in the log.
        """
        known = await self._known()
        answer = await self._call(self._dialect.list_tickets(contact_id, page))
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

    async def get_ticket(self, ticket_id: int) -> Ticket:
        """One ticket. Raises HelpdeskMissing."""
        known = await self._known()
        answer = await self._call(self._dialect.get_ticket(ticket_id))
        ticket = _sensible(lambda row: self._dialect.ticket(row, known), decode.one(answer["data"]))
        if ticket.id != ticket_id:
            raise HelpdeskGarbled("another ticket than the one asked for")
        return ticket

    async def ticket_and_field(self, ticket_id: int, name: str) -> tuple[Ticket, str]:
        """One ticket with its value of the custom field `name`, "" for none; read from the help desk itself.

        Apart from the ticket, because a value may be a secret and copies of tickets are kept. Raises HelpdeskMissing.
        """
        known, key = await self._known(), await self._field_key(name)
        answer = await self._call(self._dialect.get_ticket(ticket_id))
        row = decode.one(answer["data"])
        ticket = _sensible(lambda row: self._dialect.ticket(row, known), row)
        if ticket.id != ticket_id:
            raise HelpdeskGarbled("another ticket than the one asked for")
        return ticket, self._dialect.field_value(row, key) if key else ""

    async def list_messages(self, ticket: Ticket) -> tuple[Message, ...]:
        """A ticket's messages for its customer, oldest first; internal notes never get past the decoder."""
        rows = await self._all(lambda page: self._dialect.list_messages(ticket.id, page), MESSAGE_PAGES)
        people = await self._authors(self._dialect.strangers(rows, ticket))
        known = Known(self._settings.hde_timezone, people=people)
        messages = decode.each(rows, lambda row: self._dialect.message(row, ticket, known), "messages")
        return _bounded(sorted(messages, key=lambda message: (message.created_at, message.id)))

    def open_file(self, attachment: Attachment) -> AbstractAsyncContextManager[FileStream]:
        """A file, streamed. Raises HelpdeskRefused for an address that is not the help desk's own."""
        return open_file(
            self._http,
            attachment.url,
            base=self._base,
            authorization=self._authorization,
            budget=self._budget,
            at_once=self._files_at_once,
        )

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _known(self) -> Known:
        """What tickets need beside themselves; a help desk that does not tell its statuses leaves their slugs."""
        call = self._dialect.statuses()
        async with self._naming:  # the first readers of a process come together
            if call and monotonic() >= self._names_until:
                try:
                    answer = await self._call(call)
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
                key = self._dialect.field_key(await self._all(definitions, FIELD_PAGES), name)
                self._fields[name] = key, monotonic() + (FIELD_SECONDS if key else FIELD_RETRY_SECONDS)
                if not key:
                    log.warning(
                        "help desk: it has no ticket field %s; until it has, the widget vouches for nothing", name
                    )
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

    async def _all(self, call: Callable[[int], Call], bound: int) -> list[Row]:
        """The rows of every page, each once (pages shift while they are read), of `bound` pages at most."""
        found: dict[str, Row] = {}
        page = pages = 1
        while page <= min(pages, bound):
            answer = await self._call(call(page))
            rows = decode.rows(answer["data"])
            seen = len(found)
            found.update((str(row.get("id")), row) for row in rows)
            if len(found) == seen:
                break  # it claims more pages than it has
            pages, _ = decode.pages(answer, page, len(rows))
            page += 1
        else:
            if pages > bound:
                log.warning("help desk: a list says it has %d pages; %d were read", pages, bound)
        return list(found.values())

    async def _call(self, call: Call) -> Row:
        """GET one thing. Raises a HelpdeskError, and DatabaseAway as the budget is in the database.

        A connection that the help desk had closed between two calls is tried once more, with a slot of its own.
        """
        path, query = call
        for attempt in (1, 2):
            if self._breaker.refuses():
                raise HelpdeskUnreachable(AWAY)
            try:
                return await self._once(path, query)
            except _HungUp as error:
                self._breaker.failed()
                if attempt == 2:
                    raise HelpdeskUnreachable("hung up") from error
        raise AssertionError("unreachable")

    async def _once(self, path: str, query: Mapping[str, Any]) -> Row:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._at_once)
            if not self._breaker.allows():  # it may have stopped answering while we queued
                raise HelpdeskUnreachable(AWAY)
            slot = await stack.enter_async_context(self._budget.slot(SLOT_WAIT_SECONDS))
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    status, headers, body = await self._get(path, query)
            except http.HungUp as error:
                raise _HungUp from error
            except (TimeoutError, http.TransportError) as error:
                self._breaker.failed()
                raise HelpdeskUnreachable(type(error).__name__) from None
            if seconds := ban_seconds(status, headers, body):
                raise await self._budget.banned(seconds)
            await self._budget.answered(slot, _allowed(headers))
        try:
            answer = data_of(status, body)
        except (HelpdeskUnreachable, HelpdeskGarbled):
            self._breaker.failed()
            raise
        except HelpdeskError:
            self._breaker.answered()
            raise
        self._breaker.answered()
        return answer

    async def _get(self, path: str, query: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"authorization": self._authorization, "accept": "application/json"}
        async with self._http.stream("GET", self._base + path, params=dict(query), headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise HelpdeskGarbled("an answer that does not end")
            return response.status_code, response.headers, bytes(body)


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


class _HungUp(Exception):
    """The connection was closed before any answer."""


def _allowed(headers: Mapping[str, str]) -> int | None:
    value = headers.get("x-rate-limit", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


def _sensible(read: Callable[[Row], T], row: Row) -> T:
    try:
        return read(row)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise HelpdeskGarbled("an object that makes no sense") from None
