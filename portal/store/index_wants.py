"""custom_hde_index_want: whose tickets are to be read into our index (store/tickets.py)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, text

from portal.database import Unit

MESSAGES = 0
"""The page that stands for what is written in his tickets, once his lists are read."""

SWEPT_AT_ONCE = 1000


def put(unit: Unit, contact_ids: Sequence[int], again_after: float) -> None:
    """Have all tickets of these contacts read; who was read through less than `again_after` seconds ago is left."""
    for contact in contact_ids:
        unit.state.execute(_PUT, {"contact": contact, "again": again_after})


def claim(unit: Unit, lease_seconds: float) -> tuple[int, int] | None:
    """The contact that has waited longest, and which page of his list is next; nobody gets him for a lease."""
    found = unit.state.execute(_CLAIM).one_or_none()
    if found is None:
        return None
    unit.state.execute(_PUT_OFF, {"contact": found[0], "seconds": lease_seconds})
    return int(found[0]), int(found[1])


def go_on(unit: Unit, contact_id: int, next_page: int) -> bool:
    """That page is read; the next one may be at once. False when nothing is to be read of him any more."""
    return bool(unit.state.execute(_GO_ON, {"contact": contact_id, "page": next_page}).rowcount)


def finish(unit: Unit, contact_id: int) -> None:
    """All that is to be read of him is."""
    unit.state.execute(_FINISH, {"contact": contact_id})


def erase(unit: Unit, contact_ids: Sequence[int]) -> None:
    """Nothing more is read of these."""
    if contact_ids:
        unit.state.execute(_ERASE, {"contacts": list(contact_ids)})


def sweep(unit: Unit) -> int:
    """Delete those that are long done; at most SWEPT_AT_ONCE rows."""
    return int(unit.state.execute(_SWEEP, {"limit": SWEPT_AT_ONCE}).rowcount)


_PUT = text(
    "INSERT INTO custom_hde_index_want (contact_id, run_at) VALUES (:contact, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE "
    "next_page = IF(finished_at < UTC_TIMESTAMP(6) - INTERVAL :again SECOND, 1, next_page), "
    "finished_at = IF(finished_at < UTC_TIMESTAMP(6) - INTERVAL :again SECOND, NULL, finished_at)"
)
_CLAIM = text(
    "SELECT contact_id, next_page FROM custom_hde_index_want WHERE finished_at IS NULL AND run_at <= UTC_TIMESTAMP(6) "
    "ORDER BY run_at LIMIT 1 FOR UPDATE"
)
_PUT_OFF = text(
    "UPDATE custom_hde_index_want SET run_at = UTC_TIMESTAMP(6) + INTERVAL :seconds SECOND WHERE contact_id = :contact"
)
_GO_ON = text(
    "UPDATE custom_hde_index_want SET next_page = :page, run_at = UTC_TIMESTAMP(6) WHERE contact_id = :contact"
)
_FINISH = text("UPDATE custom_hde_index_want SET finished_at = UTC_TIMESTAMP(6) WHERE contact_id = :contact")
_ERASE = text("DELETE FROM custom_hde_index_want WHERE contact_id IN :contacts").bindparams(
    bindparam("contacts", expanding=True)
)
_SWEEP = text("DELETE FROM custom_hde_index_want WHERE finished_at < UTC_TIMESTAMP(6) - INTERVAL 1 DAY LIMIT :limit")
