"""Never more than N calls in any sliding minute, whatever the processes, crashes and restarts (store/slots.py)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from portal.database import Databases
from portal.errors import DatabaseAway, HelpdeskBanned, HelpdeskBusy
from portal.store import lanes, slots
from portal.store.lanes import Lane
from portal.store.slots import Refused, Slot

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60.0
LAG_SECONDS = 5.0
"""How late a call's time-out may be noticed by a busy process; an abandoned slot is kept for that, too."""

POLL_SECONDS = (0.1, 0.3)

LOW_SHARE = 0.1
"""When no more than this is left of what the help desk allows, and not by our own doing, lower lanes yield."""


class Budget:
    """Slots for calls. `call_seconds` is how long a usual call may take at most; `window` is a minute but for tests."""

    def __init__(self, databases: Databases, rate: int, call_seconds: float, window: float = WINDOW_SECONDS) -> None:
        self._databases = databases
        self._rate = rate
        self._window = window
        self._hold = call_seconds + LAG_SECONDS + window
        self._filled = False
        self._queues = {lane: asyncio.Lock() for lane in Lane}
        self._paced = dict.fromkeys(lanes.BURST, -window)
        self._since = dict.fromkeys(lanes.BURST, 0.0)
        self._told: int | None = None
        self._yield_told = 0.0

    @asynccontextmanager
    async def slot(self, wait: float, longer: float = 0.0) -> AsyncIterator[Slot]:
        """Take a slot, waiting `wait` seconds at most, and give it back when the block is left, however it is.

        `longer`: by how many seconds this call may outlast `call_seconds`. Raises HelpdeskBusy when all stay taken,
        HelpdeskBanned while a ban stands. No connection is held meanwhile.
        """
        slot = await self._take(wait, longer)
        try:
            yield slot
        finally:
            # Shielded: a cancelled page must not leave its slot taken for longer than its call lasted.
            await asyncio.shield(self._release(slot))

    async def _release(self, slot: Slot) -> None:
        """The call is over, and what it brought is worth more than its slot: that is free by itself, if later."""
        try:
            await self._databases.run(slots.release, slot, self._window)
        except DatabaseAway as error:
            log.warning("help desk: a slot stays taken for as long as its call could have lasted: %s", error)

    async def _take(self, wait: float, longer: float = 0.0) -> Slot:
        if not self._filled:
            await self._databases.run(slots.fill, self._rate)
            self._filled = True
        deadline = asyncio.get_running_loop().time() + wait
        # One of a process and lane asks at a time, first come first served: who waits costs the database nothing.
        lane = lanes.current()
        queue = self._queues[lane]
        try:
            async with asyncio.timeout_at(deadline):
                await queue.acquire()
        except TimeoutError:
            raise HelpdeskBusy("others wait for a slot already") from None
        try:
            if lane in lanes.BURST:
                await self._pace(lane, deadline)
            while (slot := await self._try(longer, lane)) is None:
                pause = random.uniform(*POLL_SECONDS)  # noqa: S311  # so that waiting processes do not march in step
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise HelpdeskBusy("every slot of this minute is taken")
                await asyncio.sleep(pause)
            if lane in lanes.BURST:
                self._count(lane)
            return slot
        finally:
            queue.release()

    async def _pace(self, lane: Lane, deadline: float) -> None:
        """No lower lane takes all that it may at once: then slots come free one by one, and customers get them."""
        alone, at_once = lanes.pace(lane, self._rate)
        pause = self._paced[lane] - at_once * self._window / alone - asyncio.get_running_loop().time()
        if asyncio.get_running_loop().time() + pause > deadline:
            raise HelpdeskBusy("this lane goes slowly")
        await asyncio.sleep(max(0.0, pause))

    def _count(self, lane: Lane) -> None:
        """One more call of the lane. In its first minute it makes half as many: nothing comes free in that yet."""
        alone, _ = lanes.pace(lane, self._rate)
        now = asyncio.get_running_loop().time()
        if now - self._paced[lane] > self._window:
            self._since[lane] = now
        slowly = 2 if now - self._since[lane] < self._window else 1
        self._paced[lane] = max(now, self._paced[lane]) + slowly * self._window / alone

    async def _try(self, longer: float, lane: Lane) -> Slot | None:
        """A slot, None when all are taken. Who is cancelled meanwhile leaves none taken."""
        asked = monotonic()
        taking = asyncio.ensure_future(self._databases.run(slots.take, self._rate, self._hold + longer, lane))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            # Without the database no slot was taken, or it comes free by itself; the cancellation is what counts.
            with suppress(DatabaseAway):
                taken = await taking
                if isinstance(taken, Slot):
                    await self._databases.run(slots.give_back, taken)
            raise
        if isinstance(taken, Refused):
            if taken.banned_until:
                raise HelpdeskBanned(taken.banned_until)
            return None
        if monotonic() - asked > LAG_SECONDS:
            # This process was suspended: its call could arrive when the slot is another's already.
            await self._databases.run(slots.give_back, taken)
            return None
        return taken

    async def banned(self, seconds: float) -> HelpdeskBanned:
        """The help desk has locked us out for `seconds`; every process stops. Gives the error to raise."""
        until = await self._databases.run(slots.ban, seconds)
        log.error("help desk: banned until %s UTC; nobody calls before", f"{until:%H:%M:%S}")
        return HelpdeskBanned(until)

    async def answered(self, slot: Slot, allowed: int | None, remaining: int | None = None) -> None:
        """A call came back with an answer that is no ban.

        `allowed` and `remaining` are the X-Rate-Limit and X-Rate-Limit-Remaining that it carried.
        """
        try:
            await self._learn(slot, allowed)
            await self._share(allowed, remaining)
        except DatabaseAway as error:
            # The answer is there and counts; the next one teaches the same.
            log.warning("help desk: what an answer told of its limits is not kept: %s", error)

    async def _share(self, allowed: int | None, remaining: int | None) -> None:
        """The account's calls are everybody's: when others use them up, the customers' lane alone goes on for a window.

        Re-reads pause, too. That others are at it is told by what our own slots do not explain.
        """
        if not allowed or remaining is None or remaining > allowed * LOW_SHARE:
            return
        yields = await self._databases.run(slots.yield_to_others, allowed - remaining, self._window)
        if yields and monotonic() >= self._yield_told:
            self._yield_told = monotonic() + self._window
            log.warning(
                "help desk: %d of %d calls a minute are left and others use them, too: customers alone call",
                remaining,
                allowed,
            )

    async def _learn(self, slot: Slot, allowed: int | None) -> None:
        if slot.probe:
            await self._databases.run(slots.unban)
            log.warning("help desk: the ban is over")
        if allowed is None or allowed == self._told:
            return
        if 0 < allowed < self._rate:
            log.warning("help desk: allows %d calls a minute, fewer than PORTAL_HDE_RATE=%d", allowed, self._rate)
        # Told upwards, too: a figure that was low for once must not bind every process for ever.
        await self._databases.run(slots.allow, max(1, allowed))
        self._told = allowed
