"""What is new to a customer: what the shop has done in his requests since he looked at them last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from portal.model import Status, Ticket, activity
from portal.service.sight import Person

BEFORE_FIRST = timedelta(days=14)
"""Who comes for the first time finds what is younger than that marked as new, not all that he ever read by mail."""

BY_THE_SHOP = frozenset({Status.WAITING, Status.CLOSED, Status.OTHER})
"""Where the last thing was the shop's doing, as far as a list can tell."""


def new_of(person: Person, tickets: Iterable[Ticket]) -> frozenset[int]:
    """The ids of those of these requests in which the shop has done something that he has not seen.

    It is asked at every list, whose page may be kept: what is old is passed over by a comparison or two.
    """
    floor, seen = person.seen.floor() or first_since(), person.seen.tickets
    young = [ticket for ticket in tickets if ticket.updated_at > floor or (ticket.last_reply_at or floor) > floor]
    return frozenset(
        ticket.id for ticket in young if activity(ticket) > seen.get(ticket.id, floor) and ticket.status in BY_THE_SHOP
    )


def seen_upto(person: Person, ticket_id: int) -> datetime:
    """Up to which of the help desk's times he has seen this request."""
    floor = person.seen.floor() or first_since()
    return max(floor, person.seen.tickets.get(ticket_id, floor))


def first_since() -> datetime:
    """From when on things are new to somebody who comes now for the first time."""
    return datetime.now(UTC) - BEFORE_FIRST
