"""The feed: what every web process must hear of soon, asked of the database twice a second.

It is asked there and not told from process to process: the worker may be another process, on another machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from portal.helpdesk.cache import Cache
from portal.service.writing import FAILED_DAYS, REPLY, REQUEST, SETTLED_SECONDS
from portal.store import outbox, snapshots
from portal.store.snapshots import Forgotten

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.3
OVERLAP_SECONDS = 15.0
"""A row may be committed that long after the time it carries; what is heard of twice does no harm."""


@dataclass(frozen=True, slots=True)
class News:
    """What one round of questions brought."""

    forgotten: Sequence[Forgotten]
    busy: frozenset[int]
    """The customers for whom `writing.written` has something to tell."""


def news(unit: Unit, seconds: float) -> News:
    """What has happened in the last `seconds`: one hop for all of it."""
    return News(
        snapshots.forgotten(unit, seconds),
        outbox.busy_users(unit, (REPLY, REQUEST), SETTLED_SECONDS, FAILED_DAYS),
    )


class Feed:
    """Tells this process's memory what to drop, and who has something under way: nobody else's page asks for it.

    `busy` is as old as the last round; who has written something a moment ago knows it from his own browser.
    """

    def __init__(self, databases: Databases, cache: Cache) -> None:
        self._databases = databases
        self._cache = cache
        self._heard_at = monotonic()
        self._is_away = False
        self.busy: frozenset[int] = frozenset()

    async def run(self) -> NoReturn:
        """Ask for ever, whatever happens to the database."""
        while True:
            await self._ask()
            await asyncio.sleep(EVERY_SECONDS)

    async def _ask(self) -> None:
        try:
            await self.hear()
        except DatabaseAway as error:
            if not self._is_away:
                log.warning("feed: the database does not answer: %s", error)
            self._is_away = True
        except Exception:
            # A defect here must not leave the process deaf; it is told each time.
            log.exception("feed: a round failed")
        else:
            self._is_away = False

    async def hear(self) -> None:
        """One round: everything since the last one that brought an answer."""
        asked_at = monotonic()
        heard = await self._databases.read(news, asked_at - self._heard_at + OVERLAP_SECONDS)
        self._heard_at = asked_at
        self.busy = heard.busy
        for gone in heard.forgotten:
            self._cache.forget(gone)
