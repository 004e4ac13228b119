"""custom_hde_snapshot: the last good copy of what the help desk told us. It grants nothing to anybody.

A row without a body says that the help desk knew of no such thing. `holder` and `lease_until` say who is renewing the
row, so that many readers in many processes cause one call.

`fetched_at` is when the fetch began, `forgotten_at` when something was said to have happened: a copy whose fetch began
before that is not fresh, also when it is kept only afterwards. Both are the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit

LISTED = "listed"
"""The kind of rows that are no copies: their brief is the contact in whose lists a ticket was seen."""

KEPT_DAYS = 30
SWEPT_AT_ONCE = 1000

BURST_SECONDS = 0.5
"""What happens in so short a time is fetched once."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kept copy; `body` is None for "no such thing". `age` is in seconds, by the database's clock.

    `forgotten`: something has happened since it was fetched.
    """

    body: bytes | None
    fetched_at: datetime
    age: float
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What is there, and whether it is ours to renew; a fetch that begins now began at `at`."""

    snapshot: Snapshot | None
    claimed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A copy that is not fresh when it was fetched at `at` or before."""

    kind: str
    key: str
    at: datetime


def load(unit: Unit, kind: str, key: str) -> Snapshot | None:
    """The kept copy, whatever its age."""
    row = unit.state.execute(_LOAD, _at(kind, key)).one_or_none()
    if row is None or row[1] is None:
        return None
    return Snapshot(row[0], row[1].replace(tzinfo=UTC), float(row[2]), bool(row[3]))


def look(unit: Unit, kind: str, key: str) -> tuple[Snapshot | None, bool]:
    """The kept copy, and whether somebody is renewing it."""
    # Asked first: who ends between the two questions has left his copy for the second one to find.
    is_busy = bool(unit.state.execute(_BUSY, _at(kind, key)).scalar())
    return load(unit, kind, key), is_busy


def claim(unit: Unit, kind: str, key: str, holder: bytes, lease_seconds: float) -> Opened:
    """Begin to renew a copy, unless somebody else is at it; also gives what is there now."""
    unit.state.execute(_CLAIM, {**_at(kind, key), "holder": holder, "lease": lease_seconds})
    mine, now = unit.state.execute(_HOLDER, _at(kind, key)).one()
    return Opened(load(unit, kind, key), mine == holder, now.replace(tzinfo=UTC))


def store(
    unit: Unit, kind: str, key: str, *, holder: bytes, began: datetime, body: bytes | None, brief: bytes = b""
) -> Snapshot | None:
    """Keep what was fetched since `began` and end the claim; returns it as it is kept.

    Who lost his claim meanwhile keeps nothing and gets None; another's is newer.
    """
    told = {"holder": holder, "began": began.replace(tzinfo=None), "body": body, "brief": brief}
    kept = unit.state.execute(_STORE, {**_at(kind, key), **told}).rowcount
    return load(unit, kind, key) if kept else None


def give_up(unit: Unit, kind: str, key: str, holder: bytes) -> None:
    """The renewal failed: the next reader may try."""
    unit.state.execute(_GIVE_UP, {**_at(kind, key), "holder": holder})


def prolong(unit: Unit, kind: str, key: str, holder: bytes, lease_seconds: float) -> None:
    """The renewal takes long and is still under way."""
    unit.state.execute(_PROLONG, {**_at(kind, key), "holder": holder, "lease": lease_seconds})


def forget(unit: Unit, kind: str, key: str) -> None:
    """Something has happened: what was fetched until now is not fresh any more, nor what is being fetched."""
    unit.leaves_work = True
    unit.state.execute(_FORGET, _at(kind, key))


def forget_under(unit: Unit, kind: str, prefix: str) -> None:
    """Like `forget`, for every key that begins with `prefix` (no % and no _ in it)."""
    unit.leaves_work = True
    unit.state.execute(_FORGET_UNDER, {"kind": kind.encode(), "prefix": f"{prefix}%".encode()})


def under(unit: Unit, kind: str, prefix: str) -> list[tuple[str, bytes | None]]:
    """Keys that begin with `prefix` (no % and no _ in it), and what is kept there."""
    rows = unit.state.execute(_UNDER, {"kind": kind.encode(), "prefix": f"{prefix}%".encode()})
    return [(key.decode(), body) for key, body in rows]


def drop(unit: Unit, kind: str, key: str) -> None:
    """The copy goes, and whoever is fetching it keeps nothing."""
    unit.state.execute(_DROP, _at(kind, key))


def wipe(unit: Unit, kind: str, key: str) -> bool:
    """What is in the copy goes, and whoever is fetching it keeps nothing; whether there was anything in it.

    The empty row stays until the next `sweep`: by it the other processes learn that there is none (`forgotten`).
    """
    unit.leaves_work = True
    return bool(unit.state.execute(_WIPE, _at(kind, key)).rowcount)


def forgotten(unit: Unit, seconds: float) -> list[Forgotten]:
    """What was forgotten in the last `seconds`."""
    rows = unit.state.execute(_FORGOTTEN, {"seconds": seconds})
    return [Forgotten(kind.decode(), key.decode(), at.replace(tzinfo=UTC)) for kind, key, at in rows]


def is_small(unit: Unit, kind: str, key: str, most: int) -> bool:
    """Whether there is a copy that is renewed when something happens (see `overdue`), of at most so many bytes."""
    return unit.state.execute(_IS_SMALL, {**_at(kind, key), "most": most}).first() is not None


def overdue(unit: Unit, limit: int) -> list[Forgotten]:
    """Copies of the last day that were forgotten a moment ago and that nobody is renewing, newest first.

    Of conversations and of lists' first pages those of two weeks: the number in the shop's menu (web/live.py) is to be
    right for who has not been here today, too.
    """
    rows = unit.state.execute(_OVERDUE, {"limit": limit, "burst": BURST_SECONDS})
    return [Forgotten(kind.decode(), key.decode(), at.replace(tzinfo=UTC)) for kind, key, at in rows]


def sweep(unit: Unit, days: int = KEPT_DAYS) -> int:
    """Delete copies that nobody has renewed for `days`, and after a day what the help desk did not know or never told.

    At most SWEPT_AT_ONCE rows; returns how many: the caller comes back at once when it was that many.
    """
    return int(unit.state.execute(_SWEEP, {"days": days, "limit": SWEPT_AT_ONCE}).rowcount)


def briefs(unit: Unit, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
    """The short notes beside these copies, by key; one query."""
    if not keys:
        return {}
    rows = unit.state.execute(_BRIEFS, {"kind": kind.encode(), "keys": [key.encode() for key in keys]})
    return {key.decode(): brief for key, brief in rows if brief}


def lists_of(unit: Unit, ticket_ids: Sequence[int]) -> dict[int, int]:
    """In whose lists these tickets were when a list was kept last: contact by ticket."""
    found = briefs(unit, LISTED, [str(ticket_id) for ticket_id in ticket_ids])
    return {int(ticket_id): int(contact) for ticket_id, contact in found.items()}


def put_into_lists(unit: Unit, contact_id: int, ticket_ids: Sequence[int]) -> None:
    """These tickets are in this contact's lists now."""
    for ticket_id in ticket_ids:
        unit.state.execute(_LISTED, {**_at(LISTED, str(ticket_id)), "contact": b"%d" % contact_id})


def _at(kind: str, key: str) -> dict[str, object]:
    return {"kind": kind.encode(), "key": key.encode()}


_LISTED = text(
    "INSERT INTO custom_hde_snapshot (kind, id, body, fetched_at, brief) "
    "VALUES (:kind, :key, '', UTC_TIMESTAMP(6), :contact) "
    "ON DUPLICATE KEY UPDATE brief = VALUES(brief), fetched_at = VALUES(fetched_at)"
)
_LOAD = text(
    "SELECT body, fetched_at, TIMESTAMPDIFF(MICROSECOND, fetched_at, UTC_TIMESTAMP(6)) / 1000000, "
    "COALESCE(forgotten_at >= fetched_at, 0) FROM custom_hde_snapshot WHERE kind = :kind AND id = :key"
)
# Assignments are evaluated from left to right: the lease follows the holder that was just decided.
_CLAIM = text(
    "INSERT INTO custom_hde_snapshot (kind, id, holder, lease_until) "
    "VALUES (:kind, :key, :holder, UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND) "
    "ON DUPLICATE KEY UPDATE "
    "holder = IF(lease_until IS NULL OR lease_until <= UTC_TIMESTAMP(6), VALUES(holder), holder), "
    "lease_until = IF(holder = VALUES(holder), VALUES(lease_until), lease_until)"
)
_HOLDER = text("SELECT holder, UTC_TIMESTAMP(6) FROM custom_hde_snapshot WHERE kind = :kind AND id = :key")
_BUSY = text("SELECT lease_until > UTC_TIMESTAMP(6) FROM custom_hde_snapshot WHERE kind = :kind AND id = :key")
_STORE = text(
    "UPDATE custom_hde_snapshot SET body = :body, brief = :brief, fetched_at = :began, holder = NULL, "
    "lease_until = NULL WHERE kind = :kind AND id = :key AND holder = :holder"
)
_GIVE_UP = text(
    "UPDATE custom_hde_snapshot SET holder = NULL, lease_until = NULL "
    "WHERE kind = :kind AND id = :key AND holder = :holder"
)
_PROLONG = text(
    "UPDATE custom_hde_snapshot SET lease_until = UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND "
    "WHERE kind = :kind AND id = :key AND holder = :holder"
)
_FORGET = text("UPDATE custom_hde_snapshot SET forgotten_at = UTC_TIMESTAMP(6) WHERE kind = :kind AND id = :key")
_FORGET_UNDER = text(
    "UPDATE custom_hde_snapshot SET forgotten_at = UTC_TIMESTAMP(6) WHERE kind = :kind AND id LIKE :prefix"
)
_UNDER = text("SELECT id, body FROM custom_hde_snapshot WHERE kind = :kind AND id LIKE :prefix")
_DROP = text("DELETE FROM custom_hde_snapshot WHERE kind = :kind AND id = :key")
_WIPE = text(
    "UPDATE custom_hde_snapshot SET body = NULL, brief = '', fetched_at = NULL, holder = NULL, lease_until = NULL, "
    "forgotten_at = UTC_TIMESTAMP(6) WHERE kind = :kind AND id = :key "
    "AND (fetched_at IS NOT NULL OR holder IS NOT NULL)"
)
_FORGOTTEN = text(
    "SELECT kind, id, forgotten_at FROM custom_hde_snapshot "
    "WHERE forgotten_at > UTC_TIMESTAMP(6) - INTERVAL ROUND(:seconds * 1000000) MICROSECOND"
)
IS_OVERDUE = (
    "forgotten_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR "
    "AND forgotten_at <= UTC_TIMESTAMP(6) - INTERVAL ROUND(:burst * 1000000) MICROSECOND "
    "AND forgotten_at >= fetched_at AND body IS NOT NULL AND (fetched_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY "
    "OR fetched_at > UTC_TIMESTAMP(6) - INTERVAL 14 DAY AND (kind = 'conversation' OR id LIKE '%\\:1')) "
    "AND (lease_until IS NULL OR lease_until <= UTC_TIMESTAMP(6))"
)
_IS_SMALL = text(
    "SELECT 1 FROM custom_hde_snapshot WHERE kind = :kind AND id = :key AND LENGTH(body) <= :most "
    "AND fetched_at > UTC_TIMESTAMP(6) - INTERVAL 14 DAY"
)
_OVERDUE = text(
    f"SELECT kind, id, forgotten_at FROM custom_hde_snapshot WHERE {IS_OVERDUE} "  # noqa: S608  # a constant
    "ORDER BY forgotten_at DESC LIMIT :limit"
)
_SWEEP = text(
    "DELETE FROM custom_hde_snapshot WHERE (lease_until IS NULL OR lease_until <= UTC_TIMESTAMP(6)) "
    "AND (fetched_at IS NULL OR fetched_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY "
    "OR body IS NULL AND fetched_at < UTC_TIMESTAMP(6) - INTERVAL 1 DAY) LIMIT :limit"
)
_BRIEFS = text("SELECT id, brief FROM custom_hde_snapshot WHERE kind = :kind AND id IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
