"""The customers that a shop has already, and their last orders: each is told of as if he had just changed.

What is told, and how often it may fail, is the outbox's business (outbound.py): a job is put for each account and done
here, in the backfill's lane of the budget; whatever is left of it when this process ends, a worker does. It goes by
the accounts' ids and keeps the last one done, so that whoever begins again goes on from there. At the end that is
forgotten: done once more, every customer is looked at, and written to where something has changed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Concatenate, ParamSpec

from portal.bitrix import accounts, tables
from portal.bitrix.accounts import Listed
from portal.bitrix.stamps import Stamps
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import DatabaseAway, PortalError
from portal.service.outbound import CONTACT, LAST_ORDERS, ORDER, Outbound
from portal.store import backfills, lanes, order_tickets, outbox, pushed, slots, standing
from portal.store.lanes import Lane
from portal.store.outbox import Job
from portal.store.standing import Standing

P = ParamSpec("P")

log = logging.getLogger(__name__)

SLICE = 500
"""Accounts a query."""

AT_ONCE = 2
"""So that the network's time is not added to the budget's."""

LEASE_SECONDS = 60.0
"""Who was killed is waited for so long."""

SHORTEST_NAP, LONGEST_NAP = 0.2, 5.0
GIVE_BACK_SECONDS = 1.0

NEW_CALLS, KNOWN_CALLS, SHARED_CALLS = 3, 1, 1
"""What an account costs: a contact looked for, made or written to, and read; one that is only read; and the contacts
of an address that several accounts have, of whom none is told of."""


Found = tuple[Standing | None, Job | None]


class Busy(PortalError):
    """Another backfill is under way."""


class Outcome(StrEnum):
    """What became of an account: told of; not to be told of; or refused by the help desk."""

    TOLD = "told"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Done:
    """An account that is done with; `reason`: the help desk's, when it was refused."""

    user_id: int
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is before us: `accounts` after the one done last (`after`, 0 for none), of which `customers` have an
    address of their own and `shared` one that others have, too; `calls` in all, of which `rate` go in a minute."""

    after: int
    accounts: int
    customers: int
    shared: int
    calls: int
    rate: int

    @property
    def seconds(self) -> float:
        """How long that takes when customers leave the backfill its share."""
        return self.calls * 60 / self.rate


class Backfill:
    """One run. Of several, in any processes, one does it."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        outbound: Outbound,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._databases = databases
        self._outbound = outbound
        self._sleep = sleep
        self._rate = settings.hde_rate
        self._calls_once = 1 if settings.dialect == "v2" else 0
        self._stamps = Stamps(databases.read_here(tables.inspect), settings.timezone)
        self._holder = secrets.token_hex(16).encode()
        self._jobs: dict[int, Job] = {}
        self._lost = False
        self._told_wait = ""

    def estimate(self, unit: Unit) -> Estimate:
        """Count, and write nothing."""
        after, nameless = backfills.after(unit), self._stamps.nameless(unit)
        holders: Counter[str] = Counter()
        ahead: list[tuple[Listed, bool]] = []
        last, total = 0, 0
        while found := accounts.after(unit, self._stamps.shape, last, SLICE):
            last = found[-1].id
            total += sum(one.id > after for one in found)
            told = [one for one in found if one.live and one.email and one.id not in nameless]
            holders.update(one.email for one in told)
            known = pushed.with_contact(unit, [one.id for one in told])
            ahead += [(one, one.id in known) for one in told if one.id > after]
        alone = [(one, known) for one, known in ahead if holders[one.email] == 1]
        calls = sum(self._calls(one, is_known=known) for one, known in alone)
        shared = len(ahead) - len(alone)
        calls += shared * SHARED_CALLS + (self._calls_once if ahead else 0)
        return Estimate(
            after, total, len(alone), shared, calls, lanes.pace(Lane.BACKFILL, slots.allowed(unit, self._rate))[0]
        )

    def _calls(self, one: Listed, *, is_known: bool) -> int:
        if not self._outbound.notes_contacts:
            return KNOWN_CALLS if is_known else NEW_CALLS
        return KNOWN_CALLS + 1 if is_known else NEW_CALLS + 1 + one.buys

    async def run(self, tell: Callable[[Done], None]) -> None:
        """Tell of everybody who is left. Raises Busy, and DatabaseAway; begun again it goes on where it was."""
        if not await self._databases.run(backfills.hold, self._holder, LEASE_SECONDS):
            raise Busy("another backfill is under way")
        with lanes.lane(Lane.BACKFILL):
            async with self._held():
                last, nameless = await self._databases.read(self._begin)
                while found := await self._databases.read(accounts.after, self._stamps.shape, last, SLICE):
                    for first in range(0, len(found), AT_ONCE):
                        await self._batch(found[first : first + AT_ONCE], nameless, tell)
                    last = found[-1].id
                await self._keep(0)

    def _begin(self, unit: Unit) -> tuple[int, frozenset[int]]:
        return backfills.after(unit), self._stamps.nameless(unit)

    async def _batch(self, batch: Sequence[Listed], nameless: frozenset[int], tell: Callable[[Done], None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                doing = [group.create_task(self._one(one, nameless)) for one in batch]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        await self._keep(batch[-1].id)
        for task in doing:
            tell(task.result())

    async def _keep(self, user_id: int) -> None:
        if self._lost or not await self._databases.run(backfills.keep, self._holder, user_id):
            raise Busy("another backfill has taken over")

    async def _one(self, one: Listed, nameless: frozenset[int]) -> Done:
        if not one.live or not one.email or one.id in nameless:
            return Done(one.id, Outcome.SKIPPED)
        queue = f"shop:{one.id}"
        stands, job = await self._claimed(self._put, one, queue)
        while True:
            if job:
                await self._push(job)
            elif stands is None:
                return Done(one.id, Outcome.TOLD)
            elif _is_refused(stands):
                return Done(one.id, Outcome.REFUSED, stands.reason)
            else:  # a ban, an outage; or a worker is at it
                await self._wait(one.id, stands)
            stands, job = await self._claimed(_next, queue, job)

    async def _wait(self, user_id: int, stands: Standing) -> None:
        """Until it may be due; why is told once, as a wrong key may be waited for until somebody mends it."""
        if stands.due_in > LONGEST_NAP and stands.reason != self._told_wait:
            self._told_wait = stands.reason
            log.warning("backfill: account %d waits %.0f s: %s", user_id, stands.due_in, stands.reason)
        await self._sleep(min(LONGEST_NAP, max(SHORTEST_NAP, stands.due_in)))

    async def _claimed(self, work: Callable[Concatenate[Unit, P], Found], *args: P.args, **kwargs: P.kwargs) -> Found:
        """What `work` claims is given back when we are interrupted meanwhile: nobody has to wait for its lease."""
        claiming = asyncio.ensure_future(self._databases.run(work, *args, **kwargs))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(DatabaseAway):
                if job := (await claiming)[1]:
                    await self._give_back(job)
            raise

    def _put(self, unit: Unit, one: Listed, queue: str) -> Found:
        """His jobs, all put before the first is done: what it has seen to costs the others no call.

        The first is claimed at once: no worker takes it, in a lane before ours.
        """
        outbox.put_unless_waiting(unit, CONTACT, {"user": one.id}, one.id, queue=queue)
        for order_id in order_tickets.newest_of(unit, one.id, LAST_ORDERS):
            outbox.put_unless_waiting(unit, ORDER, {"order": order_id, "user": one.id}, one.id, queue=queue)
        return _next(unit, queue, None)

    async def _push(self, job: Job) -> None:
        self._jobs[job.id] = job
        try:
            await self._outbound.push(job)
        except BaseException:
            await self._give_back(job)
            raise
        finally:
            del self._jobs[job.id]

    async def _give_back(self, job: Job) -> None:
        """Interrupted: nothing was wrong with it."""
        await asyncio.shield(self._databases.run(outbox.fail, job, "interrupted", GIVE_BACK_SECONDS, count=False))

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Stay the one who does it, and keep the claims, for as long as the block takes."""
        saying = asyncio.create_task(self._say_so())
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.shield(self._databases.run(backfills.release, self._holder))

    async def _say_so(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            try:
                self._lost |= not await self._databases.run(backfills.hold, self._holder, LEASE_SECONDS)
                for job in list(self._jobs.values()):
                    await self._databases.run(outbox.prolong, job, LEASE_SECONDS)
            except DatabaseAway as error:
                log.warning("backfill: the database does not answer: %s", error)


def _next(unit: Unit, queue: str, before: Job | None) -> Found:
    """The next job of the queue, claimed; or how that one stands which is in the way, if any is.

    `before` is the one that was just tried: when it was refused, the others are not.
    """
    if before and (stands := standing.of(unit, before.id)) and _is_refused(stands):
        return stands, None
    job = outbox.claim_first(unit, queue, LEASE_SECONDS)
    return (None if job else standing.first_of(unit, queue)), job


def _is_refused(stands: Standing) -> bool:
    """It failed and is counted: a worker tries it again, and nobody waits for that here."""
    return stands.state == "dead" or (stands.state == "waiting" and stands.attempts > 0)
