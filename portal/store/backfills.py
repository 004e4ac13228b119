"""What the backfill (service/backfill.py) has to remember: who does it, and up to which account it has come.

`backfill:lease`: who does it. `backfill:after`: the last account of which, as of all before it, has been told.
"""

from __future__ import annotations

from portal.database import Unit
from portal.store import cursors, leases

LEASE = b"backfill:lease"
AFTER = "backfill:after"


def hold(unit: Unit, holder: bytes, lease_seconds: float) -> bool:
    """Be the one who does it, or stay it; False while somebody else is."""
    return leases.hold(unit, LEASE, holder, lease_seconds)


def release(unit: Unit, holder: bytes) -> None:
    """Another may do it now."""
    leases.release(unit, LEASE, holder)


def after(unit: Unit) -> int:
    """Where to go on: after this account; 0 at the beginning."""
    return int(cursors.get(unit, AFTER) or 0)


def keep(unit: Unit, holder: bytes, user_id: int) -> bool:
    """It has come to this account; 0 for the end, after which the next one begins anew. False: another does it now."""
    if not leases.holds(unit, LEASE, holder):
        return False
    if user_id:
        cursors.put(unit, AFTER, str(user_id))
    else:
        cursors.drop(unit, AFTER)
    return True
