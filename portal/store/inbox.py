"""custom_hde_inbox: what the help desk says has happened, each event once, kept before it is acknowledged.

How events are claimed and done is told in queue.py. An event of a kind that we do not act upon is kept as `skipped`;
one that told nothing new, when its ticket was read again, ends as `stale`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.model import Event, EventKind
from portal.store.queue import Claim, Queue

MAX_ATTEMPTS = 10
UNHEARD_AT_ONCE = 50
DONE_DAYS, DEAD_DAYS = 30, 90
"""A done event is what a repeat of it is told by: the help desk repeats for a day."""

DONE, STALE = "done", "stale"

OWN_KEY = b"s:"
"""How the identity of an event begins that we have made up ourselves."""

KINDS: Sequence[str] = tuple(EventKind)

_queue = Queue("custom_hde_inbox", MAX_ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A claimed event."""

    id: int
    event: Event
    claim: Claim
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """An event of a ticket that was acted upon `at`; `version` is the ticket's own time of its last change, as read.

    `status`: the ticket's then, None for what was done before that was kept. `turned`: it counted as a change of it.
    """

    kind: str
    message_id: int | None
    version: datetime
    at: datetime
    status: bytes | None = None
    turned: bool = False


@dataclass(frozen=True, slots=True)
class As:
    """What an event was acted upon as: the ticket's version (aware), the message that it was found to be about, and the
    ticket's status, with whether it counted as a change of it."""

    version: datetime
    message_id: int | None = None
    status: bytes | None = None
    turned: bool = False


def put(unit: Unit, event: Event) -> int | None:
    """Keep an event; gives its id, None when it is here already, which is counted.

    Nothing else may be in this unit of work.

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
    unit.leaves_work = True
    try:
        return int(unit.state.execute(_PUT, told).lastrowid)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        # The refused insert holds a shared lock on the row; a hundred that want to write it next would be a deadlock.
        unit.state.rollback()
        unit.state.execute(_SEEN, told)
        return None


def tell_whose(unit: Unit, ticket_id: int, contact_id: int) -> None:
    """A ticket has got its owner in this unit of work: what was set off before he was known is worked out again.

    It costs no event when that one is still to come, or waits. Whoever acts upon the ticket at this moment either has
    ended when we look, or waits for us before he asks whose it is (links.present_owner).
    """
    told = {
        "key": OWN_KEY + b"own:%d" % ticket_id,
        "ticket": ticket_id,
        "contact": contact_id,
        "kind": EventKind.TICKET_CREATED.encode(),
    }
    kept = unit.state.execute(_STATES, told).all()
    is_done = any(state in (b"done", b"stale") for _, state in kept)
    if is_done and not any(kind == told["kind"] and state in (b"waiting", b"running") for kind, state in kept):
        unit.leaves_work = True
        try:
            unit.state.execute(_TELL_WHOSE, told)
        except IntegrityError as error:
            if not is_duplicate(error):
                raise


def claim(unit: Unit, lease_seconds: float) -> Arrived | None:
    """Take an event that is due, for `lease_seconds`; None when there is none."""
    claimed = _queue.claim(unit, KINDS, lease_seconds)
    if claimed is None:
        return None
    row = unit.state.execute(_READ, {"id": claimed.id}).one()
    return Arrived(claimed.id, _event(row), claimed, row.created_at.replace(tzinfo=UTC))


def prolong(unit: Unit, arrived: Arrived, lease_seconds: float) -> bool:
    """It takes longer. False when no longer ours."""
    return _queue.prolong(unit, arrived.claim, lease_seconds)


def applied(unit: Unit, ticket_id: int) -> list[Applied]:
    """What has been acted upon for this ticket. Nobody else acts upon any of its events until the unit's end."""
    rows = unit.state.execute(_OF_TICKET, {"ticket": ticket_id})
    return [
        Applied(
            kind.decode(),
            message_id,
            version.replace(tzinfo=UTC),
            finished_at.replace(tzinfo=UTC),
            None if status is None else bytes(status),
            bool(turned),
        )
        for kind, message_id, version, finished_at, status, turned in rows
        if version is not None
    ]


def finish(unit: Unit, arrived: Arrived, state: str = DONE, seen: As | None = None) -> bool:
    """It has come to its end, DONE or STALE; False when it was no longer ours. What it was acted upon as is kept."""
    if not _queue.end(unit, arrived.claim, state):
        return False
    if seen is not None:
        told = {
            "id": arrived.id,
            "version": seen.version.astimezone(UTC).replace(tzinfo=None),
            "message": seen.message_id,
            "status": seen.status,
            "turned": seen.turned,
        }
        unit.state.execute(_VERSION, told)
    return True


def finish_alike(unit: Unit, arrived: Arrived, read_at: datetime) -> int:
    """Events of this kind and ticket that had come when its ticket was read for this one, at `read_at` (naive UTC),
    would be told the same: they are STALE. How many there were.
    """
    told = {
        "ticket": arrived.event.ticket_id,
        "kind": arrived.event.kind.encode(),
        "read": read_at,
        "reason": f"its ticket was read for in:{arrived.id}",
    }
    return int(unit.state.execute(_FINISH_ALIKE, told).rowcount)


def unheard(unit: Unit) -> list[tuple[int, Event]]:
    """Events whose copies have not been forgotten yet, whatever has become of them; a bounded number, oldest first."""
    return [(row.id, _event(row)) for row in unit.state.execute(_UNHEARD, {"limit": UNHEARD_AT_ONCE})]


def heard(unit: Unit, event_id: int) -> bool:
    """What it makes old is forgotten in this unit of work. False when somebody else has done so."""
    return bool(unit.state.execute(_HEARD, {"id": event_id}).rowcount)


def heard_at(unit: Unit, event_id: int) -> datetime | None:
    """When what it makes old was forgotten; None when that is still to come."""
    at = unit.state.execute(_HEARD_AT, {"id": event_id}).scalar()
    return at.replace(tzinfo=UTC) if at else None


def fail(unit: Unit, arrived: Arrived, reason: str, retry_in: float, *, count: bool = True) -> bool:
    """It failed: again in `retry_in` seconds, or dead after the last attempt. False when it was no longer ours.

    Without `count` this attempt was none, as nobody could be asked.
    """
    if count and arrived.claim.left <= 0:
        return bury(unit, arrived, reason)
    return _queue.again(unit, arrived.claim, reason, retry_in, count=count)


def bury(unit: Unit, arrived: Arrived, reason: str) -> bool:
    """Nothing can be done about it. False when it was no longer ours."""
    return _queue.end(unit, arrived.claim, "dead", reason)


def _event(row: Any) -> Event:
    happened_at = row.happened_at.replace(tzinfo=UTC) if row.happened_at else None
    return Event(row.kind.decode(), row.ticket_id, row.contact_id, row.message_id, happened_at, bytes(row.event_key))


def sweep(unit: Unit) -> int:
    """Forget what came long ago, a bounded number at a time; returns how many rows went."""
    return _queue.sweep(unit, DONE_DAYS, [DONE, STALE, "skipped"]) + _queue.sweep(
        unit, DEAD_DAYS, ["dead", "discarded"]
    )


_PUT = text(
    "INSERT INTO custom_hde_inbox "
    "(event_key, kind, ticket_id, contact_id, message_id, happened_at, state, run_at, created_at, finished_at, "
    "heard_at) "
    "VALUES (:key, :kind, :ticket, :contact, :message, :happened, :state, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), "
    "IF(:state = 'skipped', UTC_TIMESTAMP(6), NULL), IF(:state = 'skipped', UTC_TIMESTAMP(6), NULL))"
)
_STATES = text("SELECT kind, state FROM custom_hde_inbox WHERE ticket_id = :ticket ORDER BY id FOR UPDATE")
# As a new ticket, as that one is asked for the orders that it names; nothing that has been set off is set off again.
_TELL_WHOSE = text(
    "INSERT INTO custom_hde_inbox (event_key, kind, ticket_id, contact_id, run_at, created_at, heard_at) "
    "VALUES (:key, :kind, :ticket, :contact, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
)
# Assignments are evaluated from left to right: the state is the last to change.
_SEEN = text(
    "UPDATE custom_hde_inbox SET seen = seen + 1, "
    "attempts = IF(:vague AND state IN ('done', 'stale', 'dead'), 0, attempts), "
    "heard_at = IF(:vague, NULL, heard_at), "
    "state = IF(:vague AND state IN ('done', 'stale', 'dead'), 'waiting', state) WHERE event_key = :key"
)
_READ = text(
    "SELECT kind, ticket_id, contact_id, message_id, happened_at, event_key, created_at "
    "FROM custom_hde_inbox WHERE id = :id"
)
# Every row of the ticket is locked, those too that wait: two workers come here one after the other.
_OF_TICKET = text(
    "SELECT kind, message_id, version, finished_at, status, turned FROM custom_hde_inbox WHERE ticket_id = :ticket "
    "ORDER BY id FOR UPDATE"
)
# One that came again may have done so since, and says so nowhere else.
_FINISH_ALIKE = text(
    "UPDATE custom_hde_inbox SET state = 'stale', reason = :reason, finished_at = UTC_TIMESTAMP(6) "
    "WHERE ticket_id = :ticket AND kind = :kind AND state = 'waiting' AND created_at < :read AND seen = 1"
)
_UNHEARD = text(
    "SELECT id, kind, ticket_id, contact_id, message_id, happened_at, event_key FROM custom_hde_inbox "
    "WHERE heard_at IS NULL ORDER BY id LIMIT :limit"
)
_HEARD_AT = text("SELECT heard_at FROM custom_hde_inbox WHERE id = :id")
_HEARD = text("UPDATE custom_hde_inbox SET heard_at = UTC_TIMESTAMP(6) WHERE id = :id AND heard_at IS NULL")
_VERSION = text(
    "UPDATE custom_hde_inbox SET version = :version, message_id = COALESCE(message_id, :message), status = :status, "
    "turned = turned OR :turned WHERE id = :id"
)
