"""custom_hde_turn: when a ticket was closed, opened again, or put into a state that only the help desk has a name for.

Told whenever a ticket is read (helpdesk/shown.py, service/effects.py); what is known already is told in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit, cut
from portal.model import Status, Ticket

KEPT_DAYS = 400
SWEPT_AT_ONCE = 1000
SHOWN = 50
NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Turn:
    """From `at` on the ticket was closed, or open; `name`: the help desk's own word for its state, "" for the usual."""

    at: datetime
    closed: bool
    name: str


def note(unit: Unit, ticket: Ticket) -> None:
    """The ticket stands like this since its last change; nothing happens when it did before."""
    name = cut(ticket.status_name, NAME_BYTES) if ticket.status is Status.OTHER else b""
    told = {
        "ticket": ticket.id,
        "at": ticket.updated_at.astimezone(UTC).replace(tzinfo=None),
        "closed": int(ticket.closed),
        "name": name,
    }
    last = unit.state.execute(_LAST, told).one_or_none()
    if last is None and not ticket.closed and not name:
        return  # as it begins
    if last is None or ((bool(last.closed), bytes(last.name)) != (ticket.closed, name) and last.at < told["at"]):
        unit.state.execute(_NOTE, told)


def of(unit: Unit, ticket_id: int) -> tuple[Turn, ...]:
    """The newest SHOWN of a ticket, oldest first."""
    rows = unit.state.execute(_OF, {"ticket": ticket_id, "limit": SHOWN}).all()
    return tuple(
        Turn(at.replace(tzinfo=UTC), bool(closed), bytes(name).decode()) for at, closed, name in reversed(rows)
    )


def erase(unit: Unit, ticket_ids: Sequence[int]) -> None:
    """Forget those of these tickets."""
    if ticket_ids:
        unit.state.execute(_ERASE, {"tickets": list(ticket_ids)})


def sweep(unit: Unit) -> int:
    """Forget old ones, at most SWEPT_AT_ONCE; how many went."""
    return int(unit.state.execute(_SWEEP, {"days": KEPT_DAYS, "limit": SWEPT_AT_ONCE}).rowcount)


_LAST = text("SELECT at, closed, name FROM custom_hde_turn WHERE ticket_id = :ticket ORDER BY at DESC LIMIT 1")
_NOTE = text(
    "INSERT INTO custom_hde_turn (ticket_id, at, closed, name) VALUES (:ticket, :at, :closed, :name) "
    "ON DUPLICATE KEY UPDATE closed = VALUES(closed), name = VALUES(name)"
)
_OF = text("SELECT at, closed, name FROM custom_hde_turn WHERE ticket_id = :ticket ORDER BY at DESC LIMIT :limit")
_ERASE = text("DELETE FROM custom_hde_turn WHERE ticket_id IN :tickets").bindparams(
    bindparam("tickets", expanding=True)
)
_SWEEP = text("DELETE FROM custom_hde_turn WHERE at < UTC_TIMESTAMP(6) - INTERVAL :days DAY LIMIT :limit")
