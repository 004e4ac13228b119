"""What the sweep (service/sweep.py) has to remember: who sweeps, up to which change, since when nothing was missed.

`sweep:lease`: who sweeps. `sweep:watermark`: the newest change seen, by the help desk's clock. `sweep:healthy_since`:
since when every change has been seen, and in updated_at when the last whole round began, both by the database's clock.
`sweep:repairs`: how many changes no event had told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit
from portal.model import EventKind
from portal.store import cursors, leases
from portal.store.inbox import OWN_KEY

LEASE = b"sweep:lease"
WATERMARK = b"sweep:watermark"
HEALTHY = b"sweep:healthy_since"
REPAIRS = b"sweep:repairs"


@dataclass(frozen=True, slots=True)
class Begun:
    """A round that began `at`; with no watermark it is the very first."""

    watermark: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """Every change since `since` was seen; the last whole round began `age` seconds ago."""

    since: datetime
    age: float


@dataclass(frozen=True, slots=True)
class Told:
    """What events have told of a ticket: up to which change (None for nothing), whether one is still to be done,
    and whether they told that it was created."""

    up_to: datetime | None
    waits: bool
    created: bool


def begin(unit: Unit, holder: bytes, lease_seconds: float) -> Begun | None:
    """Begin a round, unless somebody else is the one who sweeps: then None, until he has been silent for so long."""
    if not go_on(unit, holder, lease_seconds):
        return None
    found = unit.state.execute(_READ, {"name": WATERMARK}).one_or_none()
    return Begun(_moment(found.value) if found else None, cursors.now(unit).replace(tzinfo=UTC))


def go_on(unit: Unit, holder: bytes, lease_seconds: float) -> bool:
    """Who sweeps is still at it; False when somebody else is by now."""
    return leases.hold(unit, LEASE, holder, lease_seconds)


def finish(unit: Unit, holder: bytes, began: datetime, watermark: datetime, *, whole: bool) -> bool:
    """A round is over that saw everything, or without `whole` not everything. False when another sweeps by now."""
    if not leases.holds(unit, LEASE, holder):
        return False
    cursors.put(unit, WATERMARK.decode(), watermark.isoformat())
    if whole:
        told = {"name": HEALTHY, "since": began.isoformat().encode(), "began": began.replace(tzinfo=None)}
        unit.state.execute(_HEALTHY, told)
    else:
        cursors.drop(unit, HEALTHY.decode())
    return True


def health(unit: Unit) -> Health | None:
    """How the sweep is; None while it has never seen everything."""
    found = unit.state.execute(_READ, {"name": HEALTHY}).one_or_none()
    return Health(_moment(found.value), float(found.age)) if found else None


def repaired(unit: Unit) -> int:
    """One more repair; how many that makes."""
    unit.state.execute(_COUNT, {"name": REPAIRS})
    return int(unit.state.execute(_READ, {"name": REPAIRS}).one().value)


def told(unit: Unit, ticket_ids: Sequence[int]) -> dict[int, Told]:
    """What the inbox knows of these tickets, by ticket."""
    if not ticket_ids:
        return {}
    rows = unit.state.execute(_TOLD, {"ids": list(ticket_ids), "created": EventKind.TICKET_CREATED.encode()})
    return {
        row.ticket_id: Told(row.up_to.replace(tzinfo=UTC) if row.up_to else None, bool(row.waits), bool(row.created))
        for row in rows
    }


def last_event_age(unit: Unit) -> float | None:
    """Seconds since the help desk itself last told of anything; None for never."""
    age = unit.state.execute(_LAST, {"own": OWN_KEY + b"%"}).scalar()
    return None if age is None else float(age)


def _moment(value: bytes) -> datetime:
    return datetime.fromisoformat(bytes(value).decode())


_READ = text(
    "SELECT value, TIMESTAMPDIFF(MICROSECOND, updated_at, UTC_TIMESTAMP(6)) / 1000000 AS age "
    "FROM custom_hde_cursor WHERE name = :name"
)
_HEALTHY = text(
    "INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES (:name, :since, :began) "
    "ON DUPLICATE KEY UPDATE updated_at = VALUES(updated_at)"
)
_COUNT = text(
    "INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES (:name, '1', UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = CAST(value AS UNSIGNED) + 1, updated_at = VALUES(updated_at)"
)
_TOLD = text(
    "SELECT ticket_id, MAX(kind = :created AND state <> 'dead') AS created, "
    "MAX(state IN ('waiting', 'running')) AS waits, "
    "MAX(CASE WHEN state IN ('dead', 'skipped') THEN NULL "
    "ELSE GREATEST(COALESCE(version, happened_at, created_at), COALESCE(happened_at, version, created_at)) END) "
    "AS up_to FROM custom_hde_inbox WHERE ticket_id IN :ids GROUP BY ticket_id"
).bindparams(bindparam("ids", expanding=True))
_LAST = text(
    "SELECT TIMESTAMPDIFF(MICROSECOND, MAX(created_at), UTC_TIMESTAMP(6)) / 1000000 FROM custom_hde_inbox "
    "WHERE event_key NOT LIKE :own"
)
