"""How often somebody did something: counters in custom_hde_cursor, the same for every process."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from portal.database import Unit
from portal.errors import TooOften

MARK = "limit:"
"""Begins the names of our counters, among the other facts of the table."""

SWEEP_ROWS = 1000


def hit(unit: Unit, name: str, allowed: int, seconds: int, *, times: int = 1) -> int:
    """Count `times` more of `name`; 0 when that is within `allowed` in `seconds`, else the seconds to wait.

    The counter's row is locked until the unit's end, so that hits at once are counted one after another.
    """
    key = f"{MARK}{name}".encode()
    unit.state.execute(_COUNT, {"name": key, "seconds": seconds, "times": times})
    count, left = unit.state.execute(_READ, {"name": key}).one()
    return 0 if int(count) <= allowed else max(1, int(left))


def bound(unit: Unit, name: str, user_id: int, bounds: Sequence[tuple[int, int]]) -> None:
    """Count one more of `name` for an account. Raises TooOften beyond `bounds`: (how many, in how many seconds)."""
    for allowed, seconds in bounds:
        if wait := hit(unit, f"{name}:{seconds}:{user_id}", allowed, seconds):
            raise TooOften(wait)


def sweep(unit: Unit) -> int:
    """Forget counters whose time is over, a bounded number at a time; returns how many rows went."""
    return int(unit.state.execute(_SWEEP, {"mark": f"{MARK}%".encode(), "limit": SWEEP_ROWS}).rowcount)


_COUNT = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "
    "VALUES (:name, :times, UTC_TIMESTAMP(6) + INTERVAL :seconds SECOND, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE "
    "value = IF(until <= UTC_TIMESTAMP(6), :times, CAST(value AS UNSIGNED) + :times), "
    "until = IF(until <= UTC_TIMESTAMP(6), VALUES(until), until), "
    "updated_at = UTC_TIMESTAMP(6)"
)
_READ = text(
    "SELECT value, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), until) + 1 FROM custom_hde_cursor WHERE name = :name"
)
_SWEEP = text("DELETE FROM custom_hde_cursor WHERE name LIKE :mark AND until < UTC_TIMESTAMP(6) LIMIT :limit")
