"""custom_hde_visit: up to when a customer has seen each of his tickets. It is read with his links (links.of)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import text

from portal.database import Unit

FIRST = 0
"""The ticket id of the row that says from when on things are new to him."""

REMEMBERED = 500
"""Visits that are looked at, the newest; what is older than all of them counts as seen."""


@dataclass(slots=True)
class Seen:
    """What a customer has seen, by the help desk's times. `since`: what is not newer was never new; None before his
    first visit.
    """

    since: datetime | None = None
    tickets: dict[int, datetime] = field(default_factory=dict)

    def add(self, ticket_id: int, at: datetime) -> None:
        """One row of his."""
        if ticket_id == FIRST:
            self.since = at
        else:
            self.tickets[ticket_id] = at

    def forget(self) -> None:
        """Nothing is known of him any more."""
        self.since = None
        self.tickets.clear()

    def floor(self) -> datetime | None:
        """Up to when he has seen everything; None where nothing is known of him."""
        if len(self.tickets) < REMEMBERED - 1:
            return self.since
        oldest = min(self.tickets.values())
        return max(self.since, oldest) if self.since else oldest


def begin(unit: Unit, user_id: int, since: datetime) -> None:
    """His first visit: what happened up to `since` is not new to him. Later ones change nothing."""
    unit.state.execute(_BEGIN, {"user": user_id, "first": FIRST, "at": _naive(since)})


def note(unit: Unit, user_id: int, ticket_id: int, upto: datetime) -> None:
    """He has seen the ticket as it was at `upto`; never less than he had."""
    unit.state.execute(_NOTE, {"user": user_id, "ticket": ticket_id, "at": _naive(upto)})


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


_BEGIN = text(
    "INSERT INTO custom_hde_visit (user_id, ticket_id, seen_at) VALUES (:user, :first, :at) "
    "ON DUPLICATE KEY UPDATE seen_at = seen_at"
)
_NOTE = text(
    "INSERT INTO custom_hde_visit (user_id, ticket_id, seen_at) VALUES (:user, :ticket, :at) "
    "ON DUPLICATE KEY UPDATE seen_at = GREATEST(seen_at, VALUES(seen_at))"
)
