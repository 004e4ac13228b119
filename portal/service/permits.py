"""How often somebody may ask, over all processes together, without a write for every question.

A process takes permits from the shared counter a lease at a time, and spends them by itself. Who is refused is refused
from memory until his time is over: asking on costs the database nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from cachetools import LRUCache

from portal.database import Databases, Unit
from portal.errors import TooOften
from portal.store import limits

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """`allowed` questions in `seconds`, counted from the first of them; a process takes `lease` at a time.

    The time is not a sliding one: around its end it may be twice as many. What a process has taken and not spent is
    lost to the others, so that one of n processes may be refused (n - 1) leases too soon.
    """

    allowed: int
    seconds: int
    lease: int


@dataclass(slots=True)
class _Held:
    """What this process holds of one name's permits until `ends_at`; with `refused` nobody has any before that."""

    left: int = 0
    ends_at: float = 0.0
    refused: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Permits:
    """Built once a process."""

    def __init__(self, databases: Databases, clock: Callable[[], float] = monotonic) -> None:
        self._databases = databases
        self._clock = clock
        self._held: LRUCache[str, _Held] = LRUCache(REMEMBERED)

    async def spend(self, name: str, pace: Pace) -> None:
        """One question of `name`, which is no secret and at most 50 bytes. Raises TooOften, and DatabaseAway."""
        held = self._held.setdefault(name, _Held())
        if self._took(held):
            return
        async with held.lock:
            if not self._took(held):
                await self._lease(name, pace, held)

    def _took(self, held: _Held) -> bool:
        """Whether a permit was there. Raises TooOften while it is known that there is none."""
        now = self._clock()
        if now >= held.ends_at:
            return False
        if held.refused:
            raise TooOften(max(1, ceil(held.ends_at - now)))
        if held.left == 0:
            return False
        held.left -= 1
        return True

    async def _lease(self, name: str, pace: Pace, held: _Held) -> None:
        """Take a lease and spend the first of it."""
        try:
            await self._databases.run(_take, name, pace)
        except TooOften as error:
            held.left, held.ends_at, held.refused = 0, self._clock() + error.retry_after, True
            raise
        held.left, held.ends_at, held.refused = pace.lease - 1, self._clock() + pace.seconds, False


def _take(unit: Unit, name: str, pace: Pace) -> None:
    # Raised inside the unit, so that a refusal counts nothing.
    if wait := limits.hit(unit, name, pace.allowed, pace.seconds, times=pace.lease):
        raise TooOften(wait)
