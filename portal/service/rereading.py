"""A ticket that is read again for an event: from its copy, which is fetched anew because of it anyway, or by itself.

Two calls for the copy and two for the event would be one ticket read twice: the minute's calls are few.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from portal.database import Databases
from portal.errors import (
    HelpdeskBanned,
    HelpdeskBusy,
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskUnauthorized,
    HelpdeskUnreachable,
)
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.helpdesk.copies import CONVERSATIONS
from portal.model import Event, Message, Ticket
from portal.service.effects import Effects
from portal.store import snapshots
from portal.store.snapshots import Forgotten

log = logging.getLogger(__name__)

AWAY = (HelpdeskBanned, HelpdeskBusy, HelpdeskUnreachable, HelpdeskUnauthorized)

SMALL_BYTES = 20_000
"""A copy that is larger takes more calls than a look at the newest messages, at each of many events of one ticket."""

PATIENCE_SECONDS = 15.0
"""Somebody who renews it for others may take long; two such tickets must not hold up all events."""


@dataclass(frozen=True, slots=True)
class Reread:
    """A ticket, its messages as far as they were asked for, and when that was so: the database's clock, naive UTC."""

    ticket: Ticket
    messages: tuple[Message, ...]
    read_at: datetime


class Rereader:
    """Built once. `cache`: whose copies are renewed by the same worker; None to ask the help desk in any case."""

    def __init__(self, client: Client, databases: Databases, effects: Effects, cache: Cache | None) -> None:
        self._client = client
        self._databases = databases
        self._effects = effects
        self._cache = cache

    async def read(self, event: Event, now: datetime, since: datetime | None) -> Reread:
        """The ticket as it is `now` (naive UTC), or as a copy of it says that was fetched after `since`, if told.

        Raises HelpdeskError.
        """
        asks = self._effects.asks_for_the_message(event)
        if since is not None and (kept := await self._kept(event, since)) is not None:
            return Reread(kept.ticket, kept.messages if asks else (), kept.read_at)
        ticket = await self._client.get_ticket(event.ticket_id)
        return Reread(ticket, await self._messages(event, ticket) if asks else (), now)

    async def _kept(self, event: Event, since: datetime) -> Reread | None:
        """The copy; None where there is none that is renewed, or it does not tell what the event is about.

        Rules that look at more are told by the help desk itself: what a copy says of the status is who had the last
        word, and a message that makes no sense is not in it.
        """
        if self._cache is None or self._effects.asks_for_the_status or self._effects.asks_for_each_message(event):
            return None
        place = (CONVERSATIONS, str(event.ticket_id))
        if not await self._databases.read(snapshots.is_small, *place, SMALL_BYTES):
            return None
        self._cache.forget(Forgotten(*place, since))
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            copy = await self._cache.conversation(event.ticket_id, until)
        except AWAY:
            raise
        except HelpdeskError:
            return None
        messages = copy.value.messages
        names_another = event.message_id is not None and all(one.id != event.message_id for one in messages)
        if copy.stale or copy.fetched_at <= since or names_another:
            return None
        return Reread(copy.value.ticket, messages, copy.fetched_at.replace(tzinfo=None))

    async def _messages(self, event: Event, ticket: Ticket) -> tuple[Message, ...]:
        """The newest; none where they make no sense and only an order's number is looked for in them."""
        try:
            return await self._client.newest_messages(ticket)
        except HelpdeskGarbled:
            if self._effects.asks_for_each_message(event):
                raise
            log.warning("ticket %d: its messages make no sense, no order is looked for in them", ticket.id)
            return ()
