"""Copies that an event or the sweep has made old are fetched again before anybody asks: pages wait for no call."""

from __future__ import annotations

import asyncio
import logging

from cachetools import TTLCache

from portal.database import Databases
from portal.errors import HelpdeskError
from portal.helpdesk.cache import Cache
from portal.helpdesk.copies import TICKETS
from portal.service.holding import ended_with_us
from portal.store import snapshots
from portal.store.snapshots import Forgotten

log = logging.getLogger(__name__)

AT_ONCE = 4
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 60.0
MAX_FAILED = 10_000


class Renewer:
    """One of a worker. That several want the same costs one call (helpdesk/cache.py)."""

    def __init__(self, databases: Databases, cache: Cache) -> None:
        self._databases = databases
        self._cache = cache
        self._failed: TTLCache[tuple[str, str], bool] = TTLCache(MAX_FAILED, RETRY_SECONDS)

    async def step(self) -> bool:
        """Renew a few; whether there were any."""
        overdue = await self._databases.read(snapshots.overdue, AT_ONCE + len(self._failed))
        due = [gone for gone in overdue if (gone.kind, gone.key) not in self._failed][:AT_ONCE]
        async with ended_with_us(self._cache):
            # Lists last: they take from conversations what they know less well.
            await asyncio.gather(*(self._renew(gone) for gone in due if gone.kind != TICKETS))
            await asyncio.gather(*(self._renew(gone) for gone in due if gone.kind == TICKETS))
        return bool(due)

    async def _renew(self, gone: Forgotten) -> None:
        self._cache.forget(gone)
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            if gone.kind == TICKETS:
                contact_id, _, page = gone.key.partition(":")
                copy_is_stale = (await self._cache.tickets(int(contact_id), int(page), until)).stale
            else:
                copy_is_stale = (await self._cache.conversation(int(gone.key), until)).stale
        except HelpdeskError:
            copy_is_stale = True  # told by the cache
        if copy_is_stale:
            self._failed[gone.kind, gone.key] = True
