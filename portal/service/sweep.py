"""The sweep: which tickets have changed, asked of the help desk every ten seconds, whatever its webhooks do.

It makes old what the copies do not show of a change, so that a copy is good for as long as the sweep is; and of what no
event has told, it puts one into the inbox, where it is done like any other. Its clock is the help desk's own: the
watermark is the newest change seen, and a round looks back a little further, as lists may be behind the tickets and
the times of one dialect are whole seconds; when nothing has changed for that long it does not, so that what was a busy
minute is not read for ever. A round that is cut short is begun again from where it began.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from time import monotonic

from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskError
from portal.helpdesk.client import Client
from portal.helpdesk.forgetting import forget
from portal.helpdesk.shown import forget_unless_shown
from portal.model import Event, EventKind, Ticket
from portal.store import inbox, sweeps
from portal.store.sweeps import Begun, Told

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""Six calls a minute; with what a round takes nobody sees anything that is older than 15 seconds (design/goals.md)."""

LEASE_SECONDS = 30.0
"""Who sweeps and has been silent for so long has died; another goes on from the watermark."""

GRACE_SECONDS = 30.0
"""An event may be on its way: only what has been told by none for so long is a repair."""

OVERLAP, WIDE_OVERLAP = timedelta(minutes=1), timedelta(minutes=10)
WIDE_ROUNDS = 6
"""Every so many rounds look back further: a busy help desk has pages of changes in ten minutes."""

CLOCK_CHANGE = timedelta(hours=2)
"""Around the hours when the account's clock is put forward or back, its times are an hour off."""

MAX_PAGES = 1000
YOUNG = timedelta(seconds=2)
"""A change may be followed by another one in the same second, which carries the same time."""

SLACK = timedelta(seconds=1)
SILENT_SECONDS = 600
LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A change that no event has told of; seen first at `since` (monotonic)."""

    ticket: Ticket
    since: float


class Sweeper:
    """One of a worker; of several workers one sweeps."""

    def __init__(self, settings: Settings, databases: Databases, client: Client) -> None:
        self._databases = databases
        self._client = client
        self._zone = settings.hde_timezone
        self._has_webhook = bool(settings.webhook_proofs)
        self._holder = secrets.token_hex(16).encode()
        self._due = 0.0
        self._rounds = 0
        self._mark: tuple[datetime | None, float] = (None, 0.0)
        """The watermark, and when it moved (monotonic)."""
        self._seen: dict[int, datetime] = {}
        self._young: dict[int, datetime] = {}
        self._pending: dict[int, _Pending] = {}
        self._fails = False
        self._has_warned = False

    async def step(self) -> bool:
        """A round when it is time for one. There is never more work than that."""
        if monotonic() < self._due:
            return False
        self._due = monotonic() + EVERY_SECONDS
        begun = await self._databases.run(sweeps.begin, self._holder, LEASE_SECONDS)
        if begun is None:
            for memory in (self._seen, self._young, self._pending):
                memory.clear()  # who sweeps now has his own
            self._rounds = 0
            return False
        try:
            await self._round(begun)
        except HelpdeskError as error:
            # A ban, an outage: the next round begins where this one did.
            if not self._fails:
                log.warning("sweep: a round was cut short: %s", error)
            self._fails = True
        else:
            self._fails = False
        return False

    async def _round(self, begun: Begun) -> None:
        since = self._since(begun.watermark)
        newest, whole = begun.watermark or LONG_AGO, True
        page = pages = 1
        while page <= pages:
            found = await self._client.changed_since(since, page)
            if not await self._databases.run(sweeps.go_on, self._holder, LEASE_SECONDS):
                return
            newest = max([newest, *(ticket.updated_at for ticket in found.tickets)])
            # The very first round sets the mark and no more: what was before is none of the sweep's business.
            pages = min(found.pages, MAX_PAGES) if since else 1
            whole = whole and found.pages <= MAX_PAGES
            if since:
                await self._note(found.tickets, begun.at)
            else:
                self._see(found.tickets, begun.at)
            page += 1
        await self._repair(begun)
        # What still waits for its event is looked at again, after a restart, too.
        watermark = min([newest, *(one.ticket.updated_at for one in self._pending.values())])
        if not whole:
            log.error("sweep: more has changed than can be read; what changed first is not made good")
        await self._databases.run(sweeps.finish, self._holder, begun.at, watermark, whole=whole)
        self._seen = {ticket_id: at for ticket_id, at in self._seen.items() if at >= watermark - CLOCK_CHANGE}
        self._rounds += 1

    def _since(self, watermark: datetime | None) -> datetime | None:
        """From when on changes are asked for; None in the very first round."""
        if watermark != self._mark[0]:
            self._mark = (watermark, monotonic())
        if watermark is None:
            return None
        back = overlap(self._zone, watermark, wide=self._rounds % WIDE_ROUNDS == 0)
        if self._rounds and monotonic() - self._mark[1] > back.total_seconds():
            return watermark + timedelta(seconds=1)
        return watermark - back

    def _see(self, tickets: Sequence[Ticket], now: datetime, again: Collection[int] = ()) -> None:
        """Remember these changes, those of this very second so that they are looked at once more."""
        for ticket in tickets:
            is_young = ticket.id not in again and _may_change_unseen(ticket, now)
            (self._young if is_young else self._seen)[ticket.id] = ticket.updated_at

    async def _note(self, tickets: Sequence[Ticket], now: datetime) -> None:
        """Make old what does not show these changes; each is noted once, those of this very second twice."""
        new = [ticket for ticket in tickets if self._seen.get(ticket.id) != ticket.updated_at]
        if not new:
            return
        again = {ticket.id for ticket in new if self._young.pop(ticket.id, None) == ticket.updated_at}
        await self._databases.run(_forget, new, again)
        self._see(new, now, again)
        for ticket in new:
            before = self._pending.get(ticket.id)
            if ticket.id not in again or before:
                self._pending[ticket.id] = _Pending(ticket, before.since if before else monotonic())

    async def _repair(self, begun: Begun) -> None:
        """Put an event for each change that none has told of in time."""
        if not self._pending:
            return
        told = await self._databases.read(sweeps.told, sorted(self._pending))
        made = total = 0
        for one in list(self._pending.values()):
            known = told.get(one.ticket.id, Told(None, False, False))
            if _is_told(known, one.ticket):
                del self._pending[one.ticket.id]
            elif monotonic() - one.since >= (GRACE_SECONDS if self._has_webhook else 0):
                if await self._databases.run(inbox.put, _event(one.ticket, known, begun.watermark or LONG_AGO)):
                    total = await self._databases.run(sweeps.repaired)
                    made += 1
                del self._pending[one.ticket.id]
        if made:
            log.info("sweep: %d changes that no event told of; %d in all", made, total)
            await self._warn()

    async def _warn(self) -> None:
        """Say once what is probably wrong with the webhook, when it brings nothing."""
        if not self._has_webhook or self._has_warned:
            return
        silent = await self._databases.read(sweeps.last_event_age)
        if silent is not None and silent < SILENT_SECONDS:
            return  # notes, assignments and the like change a ticket, and the help desk sends no event of them
        self._has_warned = True
        log.warning(
            "sweep: tickets change and the webhook tells of none (%s): is its rule on, with our address and secret? "
            "An address that answers 3xx (http to https, a missing slash) counts as delivered at the help desk",
            "it never has" if silent is None else f"silent for {silent / 60:.0f} minutes",
        )


def overlap(zone: tzinfo, watermark: datetime, *, wide: bool) -> timedelta:
    """How far a round looks back behind the watermark."""
    around = {(watermark + shift).astimezone(zone).utcoffset() for shift in (-CLOCK_CHANGE, CLOCK_CHANGE)}
    if len(around) > 1:
        return CLOCK_CHANGE
    return WIDE_OVERLAP if wide else OVERLAP


def _forget(unit: Unit, tickets: Sequence[Ticket], again: set[int]) -> None:
    for ticket in sorted(tickets, key=lambda ticket: ticket.id):  # always in one order: no deadlock with ourselves
        if ticket.id in again:
            forget(unit, ticket.id, ticket.requester_id)
        else:
            forget_unless_shown(unit, ticket)


def _may_change_unseen(ticket: Ticket, now: datetime) -> bool:
    return ticket.updated_at.microsecond == 0 and abs(now - ticket.updated_at) < YOUNG


def _is_told(known: Told, ticket: Ticket) -> bool:
    return known.waits or (known.up_to is not None and known.up_to >= ticket.updated_at - SLACK)


def _event(ticket: Ticket, known: Told, watermark: datetime) -> Event:
    is_new = ticket.created_at >= watermark - WIDE_OVERLAP and not known.created
    kind = EventKind.TICKET_CREATED if is_new else EventKind.MESSAGE_CREATED
    key = inbox.OWN_KEY + f"{ticket.id}:{ticket.updated_at.isoformat()}".encode()
    return Event(kind, ticket.id, ticket.requester_id, None, ticket.updated_at, key)
