"""Reads into our index what customers look for and nobody has read yet: further pages of lists, then messages.

Behind everybody else (the backfill's lane), a call or two a step. It goes on where it was when it is interrupted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from portal.database import Databases, Unit
from portal.errors import HelpdeskError, HelpdeskMissing
from portal.helpdesk import indexing
from portal.helpdesk.cache import Cache
from portal.service.finding import MESSAGES_READ
from portal.service.holding import ended_with_us
from portal.store import index_wants, tickets
from portal.store.index_wants import MESSAGES
from portal.store.tickets import Indexed

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
"""Who is at it and has died is followed by another; what failed is tried again."""

PATIENCE_SECONDS = 45.0
LAST_PAGE = 200
"""Of a list; nobody looks for anything behind ten thousand requests."""


class Indexer:
    """One of a worker."""

    def __init__(self, databases: Databases, cache: Cache) -> None:
        self._databases = databases
        self._cache = cache

    async def step(self) -> bool:
        """One call for whoever has waited longest; whether there was one."""
        claimed = await self._databases.run(index_wants.claim, LEASE_SECONDS)
        if claimed is None:
            return False
        contact, page = claimed
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            async with ended_with_us(self._cache):
                await (self._messages(contact, until) if page == MESSAGES else self._page(contact, page, until))
        except HelpdeskError as error:
            log.info("index: contact %d waits: %s", contact, error)
        return True

    async def _page(self, contact: int, page: int, until: float) -> None:
        copy = await self._cache.tickets(contact, page, until)
        pages = min(copy.value.pages, LAST_PAGE)
        if not copy.stale:
            rows = indexing.listed(copy.value.tickets)
            await self._databases.run(_read, contact, rows, page + 1 if page < pages else MESSAGES)

    async def _messages(self, contact: int, until: float) -> None:
        ticket = await self._databases.read(tickets.unread_of, contact, MESSAGES_READ)
        if ticket is None:
            await self._databases.run(index_wants.finish, contact)
            return
        try:
            copy = await self._cache.conversation(ticket, until)
        except HelpdeskMissing:
            await self._databases.run(tickets.has_no_words, ticket)
            await self._databases.run(_read, contact, [], MESSAGES)
            return
        if not copy.stale:
            await self._databases.run(_read, contact, [indexing.talked(copy.value)], MESSAGES)


def _read(unit: Unit, contact: int, rows: Sequence[Indexed], next_page: int) -> None:
    """The index is told here, too, and not by the cache alone: the copy may have been there before the index was.

    Of somebody whose copies were deleted meanwhile nothing is put back.
    """
    if index_wants.go_on(unit, contact, next_page):
        tickets.put(unit, rows)
