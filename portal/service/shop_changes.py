"""What has changed in the shop becomes jobs of the outbox: told by the shop's PHP, found by looking, or both.

A job says what to read, and nothing of what it holds: `shop.contact` {user}, `shop.order` {order, user} and `shop.gone`
{user, contacts}, one after another for each account. One that waits already will see what has changed since, so ten
quick changes are one.

Looking finds what nobody told. New rows have new ids, and are looked for every few seconds; rows that were changed are
found by walking over all of them, a slice at a time, for the stamp of their last change. What a job was put for is kept
with that stamp (custom_hde_shop_seen), so that what was told and is found is done once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from portal.bitrix import tables
from portal.bitrix.stamps import Stamp, Stamps
from portal.config import Settings
from portal.database import Databases, Unit
from portal.helpdesk import forgetting
from portal.service import outbound, traces
from portal.store import forgetting_user, outbox, paces, shop_events, shop_seen
from portal.store.shop_events import GONE, ORDER, USER, ShopEvent

PACES = {
    "shop-new": [f"shop-new:{kind}" for kind in (USER, ORDER)],
    "shop-walk": [f"shop-walk:{kind}" for kind in (USER, ORDER, "gone")],
}
"""The cursors of each look (paces.py): it is due when the time of one has come."""

BATCH = 200
"""Events a unit of work."""

SLICE = 500
"""Rows a unit of work, when walking or looking for new ones."""

NEW_SECONDS, WALK_SECONDS = 3.0, 2.0
"""How often new rows are looked for, and how often a slice is walked over, by all processes together."""

SETTLED_SECONDS = 2
"""A stamp has no fractions: what was changed a moment ago may be changed again within the same second."""

BACK_SECONDS = 26 * 3600
"""How far a look goes back behind the last: past any mistake about the shop's time zone, and any slow transaction."""

BACK_IDS = 200
"""How many ids below the highest are looked at again: a lower id may be committed later."""

GONE_AT_ONCE = 20
"""More accounts that vanish from one slice are no deletions but a database that is being restored, or another one."""

TOLD_SECONDS = 3600.0
"""How often that is told: every walk finds them missing again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sort:
    """Accounts or orders: how they are looked at, and what is put for one."""

    kind: str
    last: Callable[[Unit], int]
    after: Callable[[Unit, int, int], list[Stamp]]


@dataclass(slots=True)
class ShopChanges:
    """The steps of the worker; each is one unit of work, and says whether there is more to do at once."""

    settings: Settings
    databases: Databases
    _stamps: Stamps | None = field(default=None, init=False)

    async def told(self) -> bool:
        """What the shop's PHP has told."""
        stamps = await self._looking()
        return await self.databases.run(take, stamps)

    async def new(self) -> bool:
        """Accounts and orders with new ids."""
        await self.databases.run(look_for_new, await self._looking())
        return False

    async def changed(self) -> bool:
        """One slice of all accounts, one of all orders, and one of the accounts that may be gone."""
        await self.databases.run(walk, await self._looking())
        return False

    async def _looking(self) -> Stamps:
        if self._stamps is None:
            self._stamps = Stamps(await self.databases.read(tables.inspect), self.settings.timezone)
        return self._stamps


def _sorts(stamps: Stamps) -> tuple[Sort, Sort]:
    """Accounts first: an order is told of a contact who is there."""
    return (
        Sort(USER, stamps.last_user, stamps.users_after),
        Sort(ORDER, stamps.last_order, stamps.orders_after),
    )


def take(unit: Unit, stamps: Stamps) -> bool:
    """Take events and put their jobs, all in one transaction; whether there were any."""
    events = shop_events.take(unit, BATCH)
    if not events:
        return False
    _tell_unknown(events)
    put(unit, stamps, USER, stamps.users(unit, _ids(events, USER)))
    put(unit, stamps, ORDER, stamps.orders(unit, _ids(events, ORDER)))
    gone = _ids(events, GONE)
    there = {stamp.id for stamp in stamps.users(unit, gone)}
    for user_id in gone:
        # Older cores tell before they delete: who is still there is missed later, by the walk.
        if user_id not in there:
            forget(unit, user_id)
    if unit.shop is not unit.state:
        # Two databases have no common transaction: the jobs are kept before the events go. A repeat does no harm.
        unit.state.commit()
    return True


def put(unit: Unit, stamps: Stamps, kind: str, rows: Sequence[Stamp]) -> None:
    """A job for each account or order that is somebody's; its phones are looked at here and now."""
    if not rows:
        return
    ids = [row.id for row in rows]
    traces.renew(unit, stamps.shape, users=ids if kind == USER else (), orders=ids if kind == ORDER else ())
    nameless = stamps.nameless(unit)
    for row in rows:
        shop_seen.remember(unit, kind, row.id, row.at)
        if row.user_id and row.user_id not in nameless:
            job, payload = (outbound.CONTACT, {}) if kind == USER else (outbound.ORDER, {"order": row.id})
            queue = f"shop:{row.user_id}"
            outbox.put_unless_waiting(unit, job, payload | {"user": row.user_id}, row.user_id, queue=queue)


def forget(unit: Unit, user_id: int) -> None:
    """The account is deleted: what we have of it goes, and the help desk is told whom it was."""
    left = forgetting_user.forget(unit, user_id)
    forgetting.erase(unit, left.contacts, left.tickets, left.emails)
    payload = {"user": user_id, "contacts": left.contacts}
    # The job is nobody's: what is his is deleted, whenever it is told again that he is gone.
    outbox.put_unless_waiting(unit, outbound.GONE, payload, None, queue=f"shop:{user_id}")
    log.info("account %d of the shop is deleted: our copies are gone", user_id)


def look_for_new(unit: Unit, stamps: Stamps) -> None:
    """Rows with an id above the highest so far, and those a little below it that were committed late."""
    for sort in _sorts(stamps):
        _look_for_new(unit, stamps, sort)


def walk(unit: Unit, stamps: Stamps) -> None:
    """Rows that were changed since the walk before this one began, and of which nobody told; and accounts that went."""
    for sort in _sorts(stamps):
        _walk(unit, stamps, sort)
    _look_for_gone(unit, stamps)


def _look_for_new(unit: Unit, stamps: Stamps, sort: Sort) -> None:
    name = f"shop-new:{sort.kind}"
    kept = paces.begin(unit, name, NEW_SECONDS)
    if kept is None:
        return
    if not kept:
        # What is there at the very first look is for `portal backfill`.
        last = sort.last(unit)
        for row in sort.after(unit, max(0, last - BACK_IDS), BACK_IDS):
            shop_seen.remember(unit, sort.kind, row.id, row.at)
        paces.keep(unit, name, str(last))
        return
    highest, now = int(kept), stamps.now(unit)
    rows = sort.after(unit, max(0, highest - BACK_IDS), SLICE)
    fresh = [row for row in rows if _is_fresh(row, now)]
    found = [row for row in rows if row not in fresh and (row.id > highest or row.at >= now - BACK_SECONDS)]
    put(unit, stamps, sort.kind, _unseen(unit, sort.kind, found))
    # Not beyond what is left to the next look.
    looked = fresh[0].id - 1 if fresh else rows[-1].id if rows else highest
    paces.keep(unit, name, str(max(highest, looked)))


def _walk(unit: Unit, stamps: Stamps, sort: Sort) -> None:
    name = f"shop-walk:{sort.kind}"
    kept = paces.begin(unit, name, WALK_SECONDS)
    if kept is None:
        return
    now = stamps.now(unit)
    # What was changed before the very first walk is for `portal backfill`, too.
    after, since, began, first = (int(part) for part in kept.split()) if kept else (0, now, now, now)
    rows = sort.after(unit, after, SLICE)
    found = [row for row in rows if row.at >= since and not _is_fresh(row, now)]
    put(unit, stamps, sort.kind, _unseen(unit, sort.kind, found))
    if len(rows) < SLICE:
        after, since, began = 0, max(first, began - BACK_SECONDS), now
    else:
        after = rows[-1].id
    paces.keep(unit, name, f"{after} {since} {began} {first}")


def _look_for_gone(unit: Unit, stamps: Stamps) -> None:
    """The next slice of the accounts of which we have something: those that the shop has no more are forgotten."""
    name = "shop-walk:gone"
    kept = paces.begin(unit, name, WALK_SECONDS)
    if kept is None:
        return
    ours = forgetting_user.known_after(unit, int(kept or 0), SLICE)
    there = {stamp.id for stamp in stamps.users(unit, ours)}
    gone = [user_id for user_id in ours if user_id not in there]
    if len(gone) > GONE_AT_ONCE or (gone and not stamps.last_user(unit)):
        if paces.begin(unit, "missing-accounts", TOLD_SECONDS) is not None:
            log.warning("%d accounts are missing from the shop at once: nothing of theirs is deleted", len(gone))
    else:
        for user_id in gone:
            forget(unit, user_id)
    paces.keep(unit, name, str(ours[-1] if len(ours) == SLICE else 0))


def _unseen(unit: Unit, kind: str, rows: Sequence[Stamp]) -> list[Stamp]:
    known = shop_seen.known(unit, kind, [row.id for row in rows])
    return [row for row in rows if known.get(row.id) != row.at]


def _is_fresh(row: Stamp, now: int) -> bool:
    return abs(now - row.at) < SETTLED_SECONDS


def _ids(events: Sequence[ShopEvent], kind: str) -> list[int]:
    return sorted({event.object_id for event in events if event.kind == kind})


def _tell_unknown(events: Sequence[ShopEvent]) -> None:
    for event in events:
        if event.kind not in (USER, GONE, ORDER):
            log.warning(
                "shop event %d of an unknown kind %r is dropped: print `portal snippet init` anew", event.id, event.kind
            )
