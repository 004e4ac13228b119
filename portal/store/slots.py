"""custom_hde_api_slot and the help desk's ban: one truth for every process, by the database's clock.

A slot is taken before a call and free again a window after the call *ended*; an abandoned one, a window after the call
must have ended. Whatever happens in between, two calls of one slot arrive at least a window apart.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit
from portal.store.lanes import Lane, share, spare

BAN = b"hde_ban"
RATE = b"hde_rate"
WANTED = b"hde_wanted"
"""Somebody of this lane finds no slot: those after it take none of the shared ones for the moment."""

YIELD = b"hde_yield"
"""Others use up what the help desk allows: only customers' own actions go on."""

WANTED_SECONDS = 1.0
"""Longer than those who wait take from one try to the next."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A taken slot. `probe`: the one call that finds out whether a ban is over."""

    holder: bytes
    probe: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """No slot: banned until then (UTC), or with None all slots are taken."""

    banned_until: datetime | None


def fill(unit: Unit, rate: int) -> None:
    """Make sure that there are rows 0 … rate - 1."""
    there = {row[0] for row in unit.state.execute(text("SELECT id FROM custom_hde_api_slot"))}
    missing = [{"id": number} for number in range(rate) if number not in there]
    if missing:
        unit.state.execute(_FILL, missing)


def take(unit: Unit, rate: int, hold_seconds: float, lane: Lane = Lane.CUSTOMER) -> Slot | Refused:
    """One slot of `rate` for `hold_seconds`, in one conditional UPDATE; or why there is none."""
    known = {bytes(row.name): row for row in unit.state.execute(_KNOWN)}
    ban = known.get(BAN)
    if ban is not None and not ban.over:
        return Refused(ban.until.replace(tzinfo=UTC))
    if lane is not Lane.CUSTOMER and YIELD in known and not known[YIELD].over:
        return Refused(None)
    if RATE in known:
        rate = min(rate, int(known[RATE].value))
    wanted = known.get(WANTED)
    stands_back = wanted is not None and not wanted.over and int(wanted.value) < lane
    if spare(lane, rate) and not stands_back:
        free, customers = unit.state.execute(_FREE, {"rate": rate, "customer": b"%d" % Lane.CUSTOMER}).one()
        stands_back = int(free) <= spare(lane, rate, int(customers))
    holder = f"{lane:d}{secrets.token_hex(15)}".encode()
    told = {"holder": holder, "hold": hold_seconds, **_numbers(lane, rate, stands_back=stands_back)}
    take_one = _TAKE if lane is Lane.CUSTOMER else _TAKE_LAST
    if not unit.state.execute(take_one, told).rowcount:
        if lane is not Lane.BACKFILL:
            unit.state.execute(_WANT, {"name": WANTED, "lane": b"%d" % lane, "seconds": WANTED_SECONDS})
        return Refused(None)
    # A ban that is over still stands until one probe has come back; whoever wins this UPDATE is the probe.
    if ban is not None and not unit.state.execute(_PROBE, {"name": BAN, "hold": hold_seconds}).rowcount:
        unit.state.rollback()
        return Refused(ban.until.replace(tzinfo=UTC))
    return Slot(holder, ban is not None)


def _numbers(lane: Lane, rate: int, *, stands_back: bool) -> dict[str, int]:
    """The slots' numbers that may be taken: who stands back has those kept for him, if there are any."""
    mine = share(lane, rate)
    has_kept = mine.kept[0] < mine.kept[1]
    first, last = (0, 0) if stands_back and has_kept else mine.shared
    return {"first": first, "last": last, "kept_first": mine.kept[0], "kept_last": mine.kept[1]}


def give_back(unit: Unit, slot: Slot) -> None:
    """The slot was taken and no call was made."""
    unit.state.execute(_RELEASE, {"holder": slot.holder, "window": 0})
    if slot.probe:
        unit.state.execute(text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = :n"), {"n": BAN})


def release(unit: Unit, slot: Slot, window_seconds: float) -> None:
    """The call has ended: the slot is free a window from now. A slot that somebody else has by now stays his."""
    unit.state.execute(_RELEASE, {"holder": slot.holder, "window": window_seconds})


def ban(unit: Unit, seconds: float) -> datetime:
    """The help desk has locked the account out: nobody calls for `seconds`. Returns the end (UTC)."""
    unit.state.execute(_SET_BAN, {"name": BAN, "seconds": seconds})
    return unit.state.execute(_BAN, {"name": BAN}).one().until.replace(tzinfo=UTC)  # type: ignore[no-any-return]


def unban(unit: Unit) -> None:
    """The probe came back with an answer: everybody may call again."""
    unit.state.execute(text("DELETE FROM custom_hde_cursor WHERE name = :name"), {"name": BAN})


def allow(unit: Unit, rate: int) -> None:
    """The help desk says that it allows `rate` calls a minute: no process takes more, until it says otherwise."""
    unit.state.execute(_ALLOW, {"name": RATE, "rate": str(rate).encode()})


def allowed(unit: Unit, rate: int) -> int:
    """`rate`, or fewer calls a minute when the help desk has said so."""
    told = unit.state.execute(_TOLD_RATE, {"name": RATE}).scalar_one_or_none()
    return min(rate, int(told)) if told else rate


def yield_to_others(unit: Unit, used: int, seconds: float) -> bool:
    """Lower lanes pause for `seconds` when our own calls do not explain that `used` were made; whether they do now."""
    ours = unit.state.execute(text("SELECT COUNT(*) FROM custom_hde_api_slot WHERE free_at > UTC_TIMESTAMP(6)"))
    if used <= int(ours.scalar_one()):
        return False
    unit.state.execute(_SET_BAN, {"name": YIELD, "seconds": seconds})
    return True


_FILL = text(
    "INSERT INTO custom_hde_api_slot (id, holder, free_at) VALUES (:id, '', '2000-01-01') "
    "ON DUPLICATE KEY UPDATE id = VALUES(id)"
)
_BAN = text("SELECT until, until <= UTC_TIMESTAMP(6) AS `over` FROM custom_hde_cursor WHERE name = :name")
_TOLD_RATE = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_KNOWN = text(
    "SELECT name, value, until, until <= UTC_TIMESTAMP(6) AS `over` FROM custom_hde_cursor WHERE name IN :names"
).bindparams(bindparam("names", [BAN, RATE, WANTED, YIELD], expanding=True))
_PROBE = text(
    "UPDATE custom_hde_cursor SET value = 'probe', "
    "until = UTC_TIMESTAMP(6) + INTERVAL ROUND(:hold * 1000000) MICROSECOND "
    "WHERE name = :name AND until <= UTC_TIMESTAMP(6)"
)
_TAKE, _TAKE_LAST = (
    text(
        "UPDATE custom_hde_api_slot SET holder = :holder, "  # noqa: S608  # the order alone is put in
        "free_at = UTC_TIMESTAMP(6) + INTERVAL ROUND(:hold * 1000000) MICROSECOND "
        "WHERE free_at <= UTC_TIMESTAMP(6) "
        f"AND (id >= :first AND id < :last OR id >= :kept_first AND id < :kept_last) ORDER BY id{order} LIMIT 1"
    )
    for order in ("", " DESC")
)
_FREE = text(
    "SELECT SUM(free_at <= UTC_TIMESTAMP(6)), SUM(free_at > UTC_TIMESTAMP(6) AND LEFT(holder, 1) = :customer) "
    "FROM custom_hde_api_slot WHERE id < :rate"
)
_WANT = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "
    "VALUES (:name, :lane, UTC_TIMESTAMP(6) + INTERVAL ROUND(:seconds * 1000000) MICROSECOND, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = IF(until <= UTC_TIMESTAMP(6), VALUES(value), LEAST(value, VALUES(value))), "
    "until = IF(value = VALUES(value), VALUES(until), until), updated_at = VALUES(updated_at)"
)
_RELEASE = text(
    "UPDATE custom_hde_api_slot SET free_at = UTC_TIMESTAMP(6) + INTERVAL ROUND(:window * 1000000) MICROSECOND "
    "WHERE holder = :holder"
)
# Calls that were under way when the ban fell tell of it, too: the longest counts. A probe's word replaces it.
_SET_BAN = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "
    "VALUES (:name, '', UTC_TIMESTAMP(6) + INTERVAL ROUND(:seconds * 1000000) MICROSECOND, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE until = IF(value = 'probe', VALUES(until), GREATEST(until, VALUES(until))), "
    "value = VALUES(value), updated_at = VALUES(updated_at)"
)
_ALLOW = text(
    "INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES (:name, :rate, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = VALUES(value), updated_at = VALUES(updated_at)"
)
