"""custom_hde_inbox: what the help desk says has happened, each event once, kept before it is acknowledged.

How events are claimed and done is told in queue.py. An event of a kind that we do not act upon is kept as `skipped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.model import Event, EventKind
from portal.store.queue import Claim, Queue

MAX_ATTEMPTS = 10
DONE_DAYS, DEAD_DAYS = 30, 90
"""A done event is what a repeat of it is told by: the help desk repeats for a day."""

KINDS: Sequence[str] = tuple(EventKind)

_queue = Queue("custom_hde_inbox", MAX_ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A claimed event."""

    id: int
    event: Event
    claim: Claim


def put(unit: Unit, event: Event) -> bool:
    """Keep an event; False when it is here already, which is counted. Nothing else may be in this unit of work.

    A vague one that comes again when it has ended is to be done again: something may have happened since.
    """
    told = {
        "key": event.key,
        "kind": event.kind.encode(),
        "ticket": event.ticket_id,
        "contact": event.contact_id,
        "message": event.message_id,
        "happened": event.happened_at.astimezone(UTC).replace(tzinfo=None) if event.happened_at else None,
        "state": b"waiting" if event.is_known else b"skipped",
        "vague": event.is_vague,
    }
    try:
        unit.state.execute(_PUT, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        # The refused insert holds a shared lock on the row; a hundred that want to write it next would be a deadlock.
        unit.state.rollback()
        unit.state.execute(_SEEN, told)
        return False
    return True


def claim(unit: Unit, lease_seconds: float) -> Arrived | None:
    """Take an event that is due, for `lease_seconds`; None when there is none."""
    claimed = _queue.claim(unit, KINDS, lease_seconds)
    if claimed is None:
        return None
    row = unit.state.execute(_READ, {"id": claimed.id}).one()
    happened_at = row.happened_at.replace(tzinfo=UTC) if row.happened_at else None
    event = Event(row.kind.decode(), row.ticket_id, row.contact_id, row.message_id, happened_at, bytes(row.event_key))
    return Arrived(claimed.id, event, claimed)


def finish(unit: Unit, arrived: Arrived) -> bool:
    """It is done. False when it was no longer ours."""
    return _queue.end(unit, arrived.claim, "done")


def bury(unit: Unit, arrived: Arrived, reason: str) -> bool:
    """Nothing can be done about it. False when it was no longer ours."""
    return _queue.end(unit, arrived.claim, "dead", reason)


def sweep(unit: Unit) -> int:
    """Forget what came long ago, a bounded number at a time; returns how many rows went."""
    return _queue.sweep(unit, DONE_DAYS, ["done", "skipped"]) + _queue.sweep(unit, DEAD_DAYS, ["dead"])


_PUT = text(
    "INSERT INTO custom_hde_inbox "
    "(event_key, kind, ticket_id, contact_id, message_id, happened_at, state, run_at, created_at, finished_at) "
    "VALUES (:key, :kind, :ticket, :contact, :message, :happened, :state, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), "
    "IF(:state = 'skipped', UTC_TIMESTAMP(6), NULL))"
)
# Assignments are evaluated from left to right: the state is the last to change.
_SEEN = text(
    "UPDATE custom_hde_inbox SET seen = seen + 1, "
    "attempts = IF(:vague AND state IN ('done', 'dead'), 0, attempts), "
    "state = IF(:vague AND state IN ('done', 'dead'), 'waiting', state) WHERE event_key = :key"
)
_READ = text(
    "SELECT kind, ticket_id, contact_id, message_id, happened_at, event_key FROM custom_hde_inbox WHERE id = :id"
)
