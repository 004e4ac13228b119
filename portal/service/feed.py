"""The feed: what every web process must hear of soon, asked of the database a few times a second.

It is asked there and not told from process to process: the worker may be another process, on another machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NoReturn

from cachetools import TTLCache

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from portal.helpdesk.cache import Cache
from portal.service.live import Streams
from portal.service.writing import FAILED_DAYS, KINDS, SETTLED_SECONDS
from portal.store import snapshots, sweeps, written_jobs
from portal.store.snapshots import Forgotten
from portal.store.sweeps import Health

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.3
OVERLAP_SECONDS = 15.0
"""A row may be committed that long after the time it carries, and a look at it from before may take that long into
memory; what is heard of again does no harm."""

EXPECT_SECONDS = 5.0
MAX_EXPECTED = 10_000


@dataclass(frozen=True, slots=True)
class News:
    """What one round of questions brought."""

    forgotten: Sequence[Forgotten]
    busy: frozenset[int]
    """The customers for whom `writing.written` has something to tell."""
    sweep: Health | None
    """How the sweep was, asked before all else: what its last round has made old is among `forgotten`."""


def news(unit: Unit, seconds: float) -> News:
    """What has happened in the last `seconds`: one hop for all of it."""
    sweep = sweeps.health(unit)
    return News(
        snapshots.forgotten(unit, seconds),
        written_jobs.busy_users(unit, KINDS, SETTLED_SECONDS, FAILED_DAYS),
        sweep,
    )


class Feed:
    """Tells this process's memory what to drop and its open pages what to look at again, and who has something under
    way: nobody else's page asks for it.

    That is as old as the last round, but for what was written through this process.
    """

    def __init__(self, databases: Databases, cache: Cache, streams: Streams) -> None:
        self._databases = databases
        self._cache = cache
        self._streams = streams
        self._heard_at = monotonic()
        self._is_away = False
        self._busy: frozenset[int] = frozenset()
        self._expected: TTLCache[int, bool] = TTLCache(MAX_EXPECTED, EXPECT_SECONDS)

    def is_busy(self, customer_id: int) -> bool:
        """Whether he has written something that the help desk's copies may not show yet."""
        return customer_id in self._busy or customer_id in self._expected

    def expect(self, customer_id: int) -> None:
        """He has written something here, a moment ago: a round will say so."""
        self._expected[customer_id] = True

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
        self._busy = heard.busy
        for gone in heard.forgotten:
            self._cache.forget(gone)
        self._streams.hear(heard.forgotten)
        if heard.sweep:
            self._cache.coverage.hear(heard.sweep.since, heard.sweep.age, asked_at)
        else:
            self._cache.coverage.end()
