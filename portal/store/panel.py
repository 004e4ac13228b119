"""custom_hde_panel_handle: which panels of operators are open. custom_hde_panel_audit: who looked whom up, and when.

Of a panel's handle only the hash is kept: whoever reads these tables opens nothing with what he finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate

IDLE_SECONDS = 30 * 60
LIFE_SECONDS = 8 * 3600
"""A panel ends when its operator has done nothing for so long, and after a working day whatever he does."""

AUDIT_DAYS = 365
SWEEP_ROWS = 1000

Whom = tuple[str, int]
"""Kind and number of whom an act is about: account, contact, order, or a word that an operator has said."""


@dataclass(frozen=True, slots=True)
class Handle:
    """An open panel: whose it is, and the ticket or the order that it is about."""

    digest: bytes
    operator: str
    ticket_id: int | None
    order_id: int | None


def digest(handle: str) -> bytes:
    """What is kept of a handle."""
    return hashlib.sha256(handle.encode("utf-8", "surrogatepass")).digest()


def put(unit: Unit, handle: Handle, jti: str) -> bool:
    """A panel opens. False when the link with this jti has opened one already: its key is what makes it good once."""
    told = {
        "handle": handle.digest,
        "jti": jti.encode(),
        "operator": handle.operator.encode(),
        "ticket": handle.ticket_id,
        "order": handle.order_id,
    }
    try:
        unit.state.execute(_PUT, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def enter(unit: Unit, found: bytes) -> Handle | None:
    """The open panel whose handle has this hash, which lives on by it; None when there is none, or none any more."""
    limits = {"handle": found, "idle": IDLE_SECONDS, "life": LIFE_SECONDS}
    if not unit.state.execute(_TOUCH, limits).rowcount:
        return None
    row = unit.state.execute(_GET, {"handle": found}).one()
    return Handle(found, row.operator.decode(), row.ticket_id, row.order_id)


def audit(unit: Unit, handle: Handle, act: str, whom: Iterable[Whom] = ()) -> None:
    """An operator has done that: one row for each whom it is about, one row all the same when it is about nobody."""
    same = {
        "operator": handle.operator.encode(),
        "panel": handle.digest[:8],
        "act": act.encode(),
        "ticket": handle.ticket_id,
        "order": handle.order_id,
    }
    about: list[tuple[str, int | None]] = [*whom] or [("", None)]
    unit.state.execute(_AUDIT, [{**same, "whom": kind.encode(), "id": number} for kind, number in about])


def sweep(unit: Unit) -> int:
    """Forget panels that have ended and what was done long ago, a bounded number at a time; how many rows went."""
    ended = unit.state.execute(_SWEEP_HANDLES, {"idle": IDLE_SECONDS, "limit": SWEEP_ROWS}).rowcount
    return int(ended + unit.state.execute(_SWEEP_AUDIT, {"days": AUDIT_DAYS, "limit": SWEEP_ROWS}).rowcount)


_PUT = text(
    "INSERT INTO custom_hde_panel_handle (handle, jti, operator, ticket_id, order_id, opened_at, seen_at) "
    "VALUES (:handle, :jti, :operator, :ticket, :order, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
)
_TOUCH = text(
    "UPDATE custom_hde_panel_handle SET seen_at = UTC_TIMESTAMP(6) WHERE handle = :handle "
    "AND seen_at > UTC_TIMESTAMP(6) - INTERVAL :idle SECOND AND opened_at > UTC_TIMESTAMP(6) - INTERVAL :life SECOND"
)
_GET = text("SELECT operator, ticket_id, order_id FROM custom_hde_panel_handle WHERE handle = :handle")
_AUDIT = text(
    "INSERT INTO custom_hde_panel_audit (at, operator, panel, act, ticket_id, order_id, whom, whom_id) "
    "VALUES (UTC_TIMESTAMP(6), :operator, :panel, :act, :ticket, :order, :whom, :id)"
)
# Who is idle for so long has outlived his link by far: it cannot open another panel when this one is forgotten.
_SWEEP_HANDLES = text(
    "DELETE FROM custom_hde_panel_handle WHERE seen_at < UTC_TIMESTAMP(6) - INTERVAL :idle SECOND LIMIT :limit"
)
_SWEEP_AUDIT = text("DELETE FROM custom_hde_panel_audit WHERE at < UTC_TIMESTAMP(6) - INTERVAL :days DAY LIMIT :limit")
