"""custom_hde_cursor: small facts that every process must agree on, by name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from portal.database import Unit

TICKETS = "about:"
"""What names begin with that tell of a ticket, by its number (service/ticket_order_notes.py)."""

KEPT_DAYS = 365
SWEPT_AT_ONCE = 1000


def now(unit: Unit) -> datetime:
    """The database's clock, naive UTC: the one that all rows are dated by."""
    found: datetime = unit.state.execute(_NOW).scalar_one()
    return found


def get(unit: Unit, name: str) -> str:
    """What is written under this name, "" for nothing."""
    found = unit.state.execute(_GET, {"name": name.encode()}).scalar_one_or_none()
    return found.decode() if found is not None else ""


def put(unit: Unit, name: str, value: str) -> None:
    """Write it, whatever was there."""
    unit.state.execute(_PUT, {"name": name.encode(), "value": value.encode()})


def sweep(unit: Unit) -> int:
    """Forget what tickets were told of their orders when that is long ago; at most SWEPT_AT_ONCE, and how many went."""
    told = {"names": f"{TICKETS}%".encode(), "days": KEPT_DAYS, "limit": SWEPT_AT_ONCE}
    return int(unit.state.execute(_SWEEP, told).rowcount)


def drop(unit: Unit, name: str) -> None:
    """Forget it."""
    unit.state.execute(_DROP, {"name": name.encode()})


_NOW = text("SELECT UTC_TIMESTAMP(6)")
_GET = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_PUT = text(
    "INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES (:name, :value, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = VALUES(value), updated_at = VALUES(updated_at)"
)
_SWEEP = text(
    "DELETE FROM custom_hde_cursor WHERE name LIKE :names AND updated_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY "
    "LIMIT :limit"
)
_DROP = text("DELETE FROM custom_hde_cursor WHERE name = :name")
