"""custom_hde_shop_seen: as of which state of an account or an order a job has been put.

So that a change which the shop has told, and which is then found by looking, too, is one call and not two.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, text

from portal.database import Unit

KEPT_DAYS = 7
"""Longer than any look goes back (service/shop_changes.py), so that nothing is found anew because it was swept."""

SWEEP_ROWS = 1000


def known(unit: Unit, kind: str, object_ids: Sequence[int]) -> dict[int, int]:
    """The stamps that are known, by id; one query."""
    if not object_ids:
        return {}
    rows = unit.state.execute(_KNOWN, {"kind": kind.encode(), "ids": object_ids})
    return {int(object_id): int(stamp) for object_id, stamp in rows}


def remember(unit: Unit, kind: str, object_id: int, stamp: int) -> None:
    """It has been seen as it stood at `stamp`. Locked to the unit's end: two who see it at once take turns."""
    unit.state.execute(_REMEMBER, {"kind": kind.encode(), "id": object_id, "stamp": stamp})


def sweep(unit: Unit) -> int:
    """Forget what was seen long ago, a bounded number at a time; returns how many rows went."""
    return int(unit.state.execute(_SWEEP, {"days": KEPT_DAYS, "limit": SWEEP_ROWS}).rowcount)


_KNOWN = text("SELECT object_id, stamp FROM custom_hde_shop_seen WHERE kind = :kind AND object_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_REMEMBER = text(
    "INSERT INTO custom_hde_shop_seen (kind, object_id, stamp, seen_at) "
    "VALUES (:kind, :id, :stamp, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE stamp = VALUES(stamp), seen_at = VALUES(seen_at)"
)
_SWEEP = text("DELETE FROM custom_hde_shop_seen WHERE seen_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY LIMIT :limit")
