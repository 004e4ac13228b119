"""What the backfill (service/backfill.py) has to remember: who does it, and up to which account it has come.

`backfill:lease`: who does it. `backfill:after`: the last account of which, as of all before it, has been told.
"""

from __future__ import annotations

from sqlalchemy import text

from portal.database import Unit
from portal.store import cursors

LEASE = b"backfill:lease"
AFTER = "backfill:after"


def hold(unit: Unit, holder: bytes, lease_seconds: float) -> bool:
    """Be the one who does it, or stay it; False while somebody else is."""
    unit.state.execute(_LEASE, {"name": LEASE, "holder": holder, "lease": lease_seconds})
    return bytes(unit.state.execute(_HOLDER, {"name": LEASE}).scalar_one()) == holder


def release(unit: Unit, holder: bytes) -> None:
    """Another may do it now."""
    unit.state.execute(_RELEASE, {"name": LEASE, "holder": holder})


def after(unit: Unit) -> int:
    """Where to go on: after this account; 0 at the beginning."""
    return int(cursors.get(unit, AFTER) or 0)


def keep(unit: Unit, holder: bytes, user_id: int) -> bool:
    """It has come to this account; 0 for the end, after which the next one begins anew. False: another does it now."""
    mine = unit.state.execute(_LOCKED, {"name": LEASE}).scalar_one_or_none()
    if mine is None or bytes(mine) != holder:
        return False
    if user_id:
        cursors.put(unit, AFTER, str(user_id))
    else:
        cursors.drop(unit, AFTER)
    return True


# Assignments are evaluated from left to right: the lease follows the holder that was just decided.
_LEASE = text(
    "INSERT INTO custom_hde_cursor (name, value, until, updated_at) "
    "VALUES (:name, :holder, UTC_TIMESTAMP(6) + INTERVAL ROUND(:lease * 1000000) MICROSECOND, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE value = IF(until <= UTC_TIMESTAMP(6), VALUES(value), value), "
    "until = IF(value = VALUES(value), VALUES(until), until), updated_at = VALUES(updated_at)"
)
_HOLDER = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
_LOCKED = text("SELECT value FROM custom_hde_cursor WHERE name = :name FOR UPDATE")
_RELEASE = text("DELETE FROM custom_hde_cursor WHERE name = :name AND value = :holder")
