"""When the worker's loops look for work: all of them by one look, seldom while nothing comes, at once when it does.

What is put by this process is known the moment it is committed; for what others put (the shop, another process) the
database is asked, less and less often up to LONGEST_SECONDS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from portal.database import Databases
from portal.store import dues

SHORTEST_SECONDS, LONGEST_SECONDS = 0.25, 0.75
"""Between two looks: while there is something, and after a while without. Who watches a page sees what happens within
two seconds, of which this is the greatest part when web and worker are two processes."""

LINGER_SECONDS = 2.0
"""What was put leads to more within this: a copy is renewed a moment after it was forgotten."""

Step = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Due:
    """A step that is taken when one of these topics is due."""

    pulse: Pulse
    topics: Sequence[str]
    step: Step

    def __post_init__(self) -> None:
        self.pulse.kinds.update(set(self.topics) - dues.NAMES)

    async def __call__(self) -> bool:
        """Whether there was work."""
        return await self.pulse.take(self.topics, self.step)


class Pulse:
    """One of a process, for all of its loops."""

    def __init__(self, databases: Databases, paces: Mapping[str, Sequence[str]]) -> None:
        self._databases = databases
        self._paces = paces
        self.kinds: set[str] = set()
        self._due: set[str] = set()
        self._looked_at = float("-inf")
        self._pause, self._busy_at = SHORTEST_SECONDS, float("-inf")
        self._looking = asyncio.Lock()
        self._rung = asyncio.Event()
        databases.on_work.append(self._ring_from_a_thread)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take(self, topics: Sequence[str], step: Step) -> bool:
        """The step, when one of these is due (dues.look); whether there was work."""
        if not await self._is_due(topics):
            return False
        if await step():
            self._due.update(topics)  # the next of its queue, which nobody could see before
            self._pause, self._busy_at = SHORTEST_SECONDS, monotonic()
            return True
        self._due.difference_update(topics)
        return False

    async def rest(self) -> None:
        """Until there may be work, or it is time to look."""
        self._loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._rung.wait()

    async def _is_due(self, topics: Sequence[str]) -> bool:
        async with self._looking:
            if self._due.isdisjoint(topics) and monotonic() - self._looked_at >= self._pause:
                await self._look()
        return not self._due.isdisjoint(topics)

    async def _look(self) -> None:
        # From now on: what is committed while we look may not be seen.
        self._looked_at = monotonic()
        found = await self._databases.read(dues.look, sorted(self.kinds), self._paces)
        news = found - self._due
        self._due |= found
        if self._looked_at - self._busy_at > LINGER_SECONDS:
            self._pause = min(LONGEST_SECONDS, 2 * self._pause)
        if news:
            self._wake()

    def _ring_from_a_thread(self) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self._looked_at, self._pause, self._busy_at = float("-inf"), SHORTEST_SECONDS, monotonic()
        self._wake()

    def _wake(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
