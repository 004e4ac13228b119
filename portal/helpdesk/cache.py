"""A memory of what the help desk told, one call for many readers, and the last good copy for bad days.

A copy is fresh for 60 seconds; one of tickets for as long as the sweep has seen every change since (coverage.py).

Memory first, then the copy in the database, then one renewal at a time, in this process (a task) and over all (a lease
in the copy's row), and when that fails or takes too long, the old copy. Nothing here knows who may see what.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from time import monotonic
from typing import Any, TypeVar

import msgspec
from cachetools import TLRUCache

from portal.database import Databases
from portal.errors import (
    DatabaseAway,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskPending,
    HelpdeskUnreachable,
)
from portal.helpdesk import copies
from portal.helpdesk.client import Client
from portal.helpdesk.copies import FORMAT, Flight, Kept, Kind, decoded, kept_until, tell_failure
from portal.helpdesk.coverage import Coverage
from portal.helpdesk.last_word import brief, overlaid, with_last_word
from portal.helpdesk.shown import keep
from portal.model import Contact, Conversation, Copy, Ticket, TicketPage
from portal.store import snapshots
from portal.store.snapshots import Forgotten, Snapshot

T = TypeVar("T")

log = logging.getLogger(__name__)

MEMORY_BYTES = 4 * 2**20
"""Of JSON, as the copies are kept; as objects they take about four times that. What does not fit is in the database."""

LEASE_SECONDS = 30.0
"""Who renews says every third of it that he is still at it: who has been silent for so long has died."""

DOUBT_SECONDS = 10.0
HURRIED_SECONDS = 0.2
"""For DOUBT_SECONDS after a renewal that failed or kept a page waiting in vain, pages that have an old copy wait for a
new one no longer than HURRIED_SECONDS: on the help desk's bad days they answer at once (design/goals.md)."""

LARGEST_COPY = 2 * 2**20
"""Bytes; the smallest usual max_allowed_packet is 4 MB, and quoting in SQL may double what is sent. A conversation
that is larger is shown, and fetched again for whoever comes after the others."""

WATCH_SECONDS = 0.15
RETRY_SECONDS = 2.0
"""A renewal that failed is not tried again by the next reader at once: readers are many and calls are not."""

CONTACT_TIMES = 10
"""Found contacts of an address are fresh ten times as long as tickets; none found is asked again as soon as those."""

ROUNDS = 3
"""A copy that is forgotten while it is being fetched is fetched again, but not for ever in a storm of events."""


class Cache:
    """Reads of the help desk for everybody. `until` of its methods is the loop's time when the page must answer."""

    def __init__(self, client: Client, databases: Databases, seconds: int) -> None:
        self._databases = databases
        self._seconds = seconds
        self.coverage = Coverage()
        self._memory: TLRUCache[tuple[str, str], Kept[Any]] = TLRUCache(
            MEMORY_BYTES, ttu=kept_until, timer=monotonic, getsizeof=lambda kept: kept.size
        )
        self._flights: dict[tuple[str, str], Flight[Any]] = {}
        self._client = client
        self._doubt_until = 0.0
        self._contacts = Kind[tuple[Contact, ...]](
            copies.CONTACTS,
            tuple[Contact, ...],
            client.find_contacts,
            lambda found: seconds * CONTACT_TIMES if found else seconds,
        )
        self._contact = Kind[Contact](
            copies.CONTACT, Contact, lambda key: client.get_contact(int(key)), lambda _: seconds * CONTACT_TIMES
        )
        self._tickets = Kind[TicketPage](copies.TICKETS, TicketPage, self._fetch_tickets, lambda _: seconds, swept=True)
        self._conversations = Kind[Conversation](
            copies.CONVERSATIONS, Conversation, self._fetch_conversation, lambda _: seconds, brief, swept=True
        )

    async def contacts(self, email: str, until: float) -> Copy[tuple[Contact, ...]]:
        """The contacts that carry this address."""
        return await self._get(self._contacts, email, until)

    async def contact(self, contact_id: int, until: float) -> Copy[Contact]:
        """A contact, whether he has an address or not. Raises HelpdeskMissing, which is remembered."""
        return await self._get(self._contact, str(contact_id), until)

    async def tickets(self, contact_id: int, page: int, until: float) -> Copy[TicketPage]:
        """One page of a contact's tickets."""
        return await self._get(self._tickets, f"{contact_id}:{page}", until)

    async def conversation(self, ticket_id: int, until: float) -> Copy[Conversation]:
        """A ticket with its messages. Raises HelpdeskMissing, which is remembered as long as a copy."""
        return await self._get(self._conversations, str(ticket_id), until)

    async def ticket_now(self, ticket_id: int, until: float) -> Ticket:
        """A ticket from the help desk itself, past every copy. Raises HelpdeskPending when that takes too long."""
        try:
            async with asyncio.timeout_at(until):
                return await self._client.get_ticket(ticket_id)
        except TimeoutError:
            raise HelpdeskPending("ticket") from None

    def forget(self, gone: Forgotten) -> None:
        """Something has happened, as the database tells: what this memory has from before goes.

        Told again for a while (feed.py), as a look at the row from before may come into memory only after the news.
        """
        kept = self._memory.get((gone.kind, gone.key))
        if kept is not None and kept.copy.fetched_at <= gone.at:
            self._memory.pop((gone.kind, gone.key), None)

    async def close(self) -> None:
        """End the renewals under way; they need the database and the help desk, which are closed next."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _get(self, kind: Kind[T], key: str, until: float) -> Copy[T]:
        """A copy, fresh if it can be had before `until`.

        Raises HelpdeskPending when there is none yet, and the renewal's error when there is none and it failed.
        """
        kept = self._memory.get((kind.name, key))
        if kept is not None and (monotonic() < kept.until or self._is_covered(kind, kept.copy)):
            return kept.copy
        flight = self._flights.get((kind.name, key)) or self._take_off(kind, key)
        try:
            return await self._wait(flight, until)
        except TimeoutError:
            self._doubt_until = monotonic() + DOUBT_SECONDS
            if flight.old is None:
                raise HelpdeskPending(kind.name) from None
        except (HelpdeskMissing, DatabaseAway):
            raise
        except Exception:
            if flight.old is None:
                raise
        return replace(flight.old, stale=True)

    async def _wait(self, flight: Flight[T], until: float) -> Copy[T]:
        """What the renewal brings. Raises TimeoutError at `until`, soon when in doubt and there is an old copy."""
        if monotonic() < self._doubt_until:
            hurried = min(until, asyncio.get_running_loop().time() + HURRIED_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(hurried):
                    return await asyncio.shield(flight.task)
            if flight.old is not None:
                raise TimeoutError
        async with asyncio.timeout_at(until):
            return await asyncio.shield(flight.task)

    def _take_off(self, kind: Kind[T], key: str) -> Flight[T]:
        # The task outlives the page that wanted it first: what it brings is for whoever comes next.
        place = (kind.name, key)
        task = asyncio.create_task(self._renew(kind, key))
        flight = Flight(task)
        self._flights[place] = flight

        def landed(done: asyncio.Task[Copy[T]]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None and not isinstance(error, HelpdeskMissing | DatabaseAway):
                tell_failure(kind.name, error)
                if not isinstance(error, HelpdeskGarbled):  # that came quickly, and tells of this one thing only
                    self._doubt_until = monotonic() + DOUBT_SECONDS
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._flights.pop, place, None)
            else:
                del self._flights[place]

        task.add_done_callback(landed)
        return flight

    async def _renew(self, kind: Kind[T], key: str) -> Copy[T]:
        for _ in range(ROUNDS):
            copy, is_forgotten = await self._renew_once(kind, key)
            if not is_forgotten:
                break
        return copy

    async def _renew_once(self, kind: Kind[T], key: str) -> tuple[Copy[T], bool]:
        """A copy, and whether it was forgotten while it was fetched: then it may lack what has happened since."""
        holder = secrets.token_hex(16).encode()
        seen = await self._databases.read(snapshots.load, kind.name, key)
        while True:
            if (copy := self._fresh(kind, key, seen)) is not None:
                return copy, False
            self._flights[kind.name, key].old = decoded(kind, seen)
            opened = await self._databases.run(snapshots.claim, kind.name, key, holder, LEASE_SECONDS)
            if opened.claimed:
                break
            seen = await self._watch(kind, key, seen)
        async with self._claimed(kind, key, holder):
            if (copy := self._fresh(kind, key, opened.snapshot)) is not None:
                return copy, False  # somebody renewed it between our look and our claim
            return await self._fetch(kind, key, holder, opened.at)

    @asynccontextmanager
    async def _claimed(self, kind: Kind[T], key: str, holder: bytes) -> AsyncIterator[None]:
        """Keep the claim for as long as the block takes, and end it however the block ends."""

        async def say_so() -> None:
            while True:
                await asyncio.sleep(LEASE_SECONDS / 3)
                with suppress(DatabaseAway):
                    await self._databases.run(snapshots.prolong, kind.name, key, holder, LEASE_SECONDS)

        saying = asyncio.create_task(say_so())
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.shield(self._databases.run(snapshots.give_up, kind.name, key, holder))

    async def _watch(self, kind: Kind[T], key: str, seen: Snapshot | None) -> Snapshot | None:
        """Somebody else is renewing it: wait until it is there, or until he has given up or died."""
        deadline = monotonic() + LEASE_SECONDS
        while monotonic() < deadline:
            await asyncio.sleep(WATCH_SECONDS)
            now, busy = await self._databases.read(snapshots.look, kind.name, key)
            if now is not None and (seen is None or now.fetched_at != seen.fetched_at):
                return now
            if not busy:
                # He failed a moment ago; to try at once again would be a call a reader.
                raise HelpdeskUnreachable("another process has just failed to fetch it")
        return seen

    async def _fetch(self, kind: Kind[T], key: str, holder: bytes, began: datetime) -> tuple[Copy[T], bool]:
        try:
            value = await kind.fetch(key)
        except HelpdeskMissing:
            await self._databases.run(snapshots.store, kind.name, key, holder=holder, began=began, body=None)
            raise
        self._doubt_until = 0.0
        body = FORMAT + msgspec.json.encode(value)
        copy = Copy(value, began, False, blake2b(body, digest_size=9).hexdigest())
        if len(body) > LARGEST_COPY:
            return copy, False
        stored = await self._databases.run(keep, kind, key, value, holder=holder, began=began, body=body)
        if stored is None:
            return copy, False  # it took so long that another has renewed it meanwhile
        if stored.forgotten:
            return copy, True
        return self._keep(kind, key, copy, stored.age, len(body)), False

    def _fresh(self, kind: Kind[T], key: str, found: Snapshot | None) -> Copy[T] | None:
        """What another process has fetched, when that is not too long ago. Raises HelpdeskMissing."""
        if found is None or found.forgotten:
            return None
        if found.body is None:
            if found.age < self._seconds:
                raise HelpdeskMissing("no such thing, a moment ago")
            return None
        copy = decoded(kind, found)
        if copy is None or (found.age >= kind.fresh(copy.value) and not self._is_covered(kind, copy)):
            return None
        return self._keep(kind, key, copy, found.age, len(found.body))

    def _is_covered(self, kind: Kind[T], copy: Copy[T]) -> bool:
        return kind.swept and self.coverage.covers(copy.fetched_at)

    def _keep(self, kind: Kind[T], key: str, copy: Copy[T], age: float, size: int) -> Copy[T]:
        if size <= LARGEST_COPY:
            self._memory[kind.name, key] = Kept(copy, monotonic() + kind.fresh(copy.value) - age, size)
        return copy

    async def _fetch_tickets(self, key: str) -> TicketPage:
        contact_id, _, page = key.partition(":")
        found = await self._client.list_tickets(int(contact_id), int(page))
        ids = [str(ticket.id) for ticket in found.tickets]
        briefs = await self._databases.read(snapshots.briefs, self._conversations.name, ids)
        return replace(found, tickets=tuple(overlaid(ticket, briefs.get(str(ticket.id))) for ticket in found.tickets))

    async def _fetch_conversation(self, key: str) -> Conversation:
        ticket = await self._client.get_ticket(int(key))
        messages = await self._client.list_messages(ticket)
        return Conversation(with_last_word(ticket, messages), messages)
