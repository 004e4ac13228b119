"""Who does what only one may do, of all processes: a cursor that names him for as long as he says so in time."""

from __future__ import annotations

from sqlalchemy import text

from portal.database import Unit


def hold(unit: Unit, name: bytes, holder: bytes, seconds: float) -> bool:
    """Be the one, or stay it, for so long; False while somebody else is."""
    unit.state.execute(_HOLD, {"name": name, "holder": holder, "lease": seconds})
    return bytes(unit.state.execute(_HOLDER, {"name": name}).scalar_one()) == holder


def holds(unit: Unit, name: bytes, holder: bytes) -> bool:
    """Whether he still is the one, late or not, as nobody else has come; and stays it until the unit's end."""
    mine = unit.state.execute(_LOCKED, {"name": name}).scalar_one_or_none()
    return mine is not None and bytes(mine) == holder


def release(unit: Unit, name: bytes, holder: bytes) -> None:
    """Another may be the one now."""
    unit.state.execute(_RELEASE, {"name": name, "holder": holder})


# Assignments are evaluated from left to right: the lease follows the holder that was just decided.
_HOLD = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "
    "VALUES (:name, :holder, UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = IF(until <= UTC_TIMESTAMP(6), VALUES(value), value), "
    "until = IF(value = VALUES(value), VALUES(until), until), updated_at = VALUES(updated_at)"
)
_HOLDER = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_LOCKED = text("SELECT value FROM custom_hde_cursor WHERE name = :name FOR UPDATE")
_RELEASE = text("DELETE FROM custom_hde_cursor WHERE name = :name AND value = :holder")
