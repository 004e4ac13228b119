"""custom_hde_outbox: what is to be done outside, kept before it is done, done from here only (queue.py says how).

Beside `done` and `dead` a job may end `aside`: a call went out, its answer was lost, and what the help desk shows does
not tell whether it had its effect. It is neither repeated nor dropped: a person decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.store import blobs
from portal.store.queue import Claim, Queue

MAX_ATTEMPTS = 10
"""With the back-off of `worker`, about two hours from the first to the last."""

DONE_DAYS, DEAD_DAYS = 7, 90
_queue = Queue("custom_hde_outbox", MAX_ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `sent_at`: a call that may have had its effect began then, and its answer is not known.

    `sent_age`: that long ago when the job was claimed, in seconds by the database's clock.
    """

    id: int
    kind: str
    user_id: int | None
    ticket_id: int | None
    payload: dict[str, Any]
    attempts: int
    claim: Claim
    created_at: datetime
    sent_at: datetime | None
    sent_age: float


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a job was kept; `new` is False when the same form had put it already."""

    id: int
    new: bool


def put(
    unit: Unit,
    kind: str,
    payload: Mapping[str, Any],
    user_id: int | None,
    *,
    queue: str = "",
    ticket_id: int | None = None,
    once: str | None = None,
) -> Kept:
    """Keep a job for later, in the caller's transaction.

    `queue`: after the earlier jobs of that name. `once`: names the form; what it has put already is not put again.
    """
    told = {
        "kind": kind.encode(),
        "user": user_id,
        "payload": _encoded(payload),
        "queue": queue.encode(),
        "ticket": ticket_id,
        "once": once.encode() if once else None,
    }
    unit.leaves_work = True
    try:
        return Kept(int(unit.state.execute(_PUT, told).lastrowid), True)
    except IntegrityError as error:
        if once is None or not is_duplicate(error):
            raise
    return Kept(int(unit.state.execute(_ONCE, told).scalar_one()), False)


def put_unless_waiting(unit: Unit, kind: str, payload: Mapping[str, Any], user_id: int | None, *, queue: str) -> None:
    """Keep a job that reads what there is when it is done: one that waits already will see what has changed since.

    One that is running may have read before, so that another is put beside it.
    """
    told = {"kind": kind.encode(), "queue": queue.encode(), "payload": _encoded(payload)}
    if unit.state.execute(_WAITING, told).first() is None:
        put(unit, kind, payload, user_id, queue=queue)


def claim(unit: Unit, kinds: Sequence[str], lease_seconds: float) -> Job | None:
    """Take a job of these kinds that is due, for `lease_seconds`; None when there is none."""
    claimed = _queue.claim(unit, kinds, lease_seconds)
    return _job(unit, claimed) if claimed else None


def claim_first(unit: Unit, queue: str, lease_seconds: float) -> Job | None:
    """Take the first job of this queue; None when there is none, it is not due, or another has it."""
    claimed = _queue.claim_first(unit, queue, lease_seconds)
    return _job(unit, claimed) if claimed else None


def _job(unit: Unit, claimed: Claim) -> Job:
    row = unit.state.execute(_READ, {"id": claimed.id}).one()
    return Job(
        claimed.id,
        row.kind.decode(),
        row.user_id,
        row.ticket_id,
        json.loads(row.payload),
        claimed.attempts,
        claimed,
        row.created_at.replace(tzinfo=UTC),
        row.sent_at.replace(tzinfo=UTC) if row.sent_at else None,
        float(row.sent_age or 0),
    )


def prolong(unit: Unit, job: Job, lease_seconds: float) -> bool:
    """It takes longer. False when no longer ours."""
    return _queue.prolong(unit, job.claim, lease_seconds)


def sending(unit: Unit, job: Job) -> bool:
    """The call goes out next: from here on its effect is unknown until somebody knows better. False: no longer ours."""
    return bool(unit.state.execute(_SENDING, {"id": job.id, "holder": job.claim.holder}).rowcount)


def not_sent(unit: Unit, job: Job) -> None:
    """It is certain now that the call had no effect."""
    unit.state.execute(_NOT_SENT, {"id": job.id, "holder": job.claim.holder})


def finish(unit: Unit, job: Job, *, ticket_id: int | None = None, result_id: int | None = None) -> bool:
    """It is done, and made this; its files go, and the payload that is of no account, as it would go with none.

    False when the job was no longer ours."""
    if not _queue.end(unit, job.claim, "done"):
        return False
    unit.state.execute(_RESULT, {"id": job.id, "ticket": ticket_id, "result": result_id})
    blobs.drop(unit, job.id)
    return True


def fail(unit: Unit, job: Job, reason: str, retry_in: float | None, *, count: bool = True) -> bool:
    """It failed: again in `retry_in` seconds, or never: None, and after the last attempt. False when no longer ours.

    Its end is `dead`, or `aside` when a call went out whose effect nobody knows. Without `count` this attempt was none,
    as nobody could be asked: the help desk is away, or its minute is full.
    """
    if retry_in is None or (count and job.claim.left <= 0):
        return _queue.end(unit, job.claim, "aside" if is_sent(unit, job) else "dead", reason)
    return _queue.again(unit, job.claim, reason, retry_in, count=count)


def is_sent(unit: Unit, job: Job) -> bool:
    """Whether a call went out whose effect nobody knows."""
    return bool(unit.state.execute(_IS_SENT, {"id": job.id}).scalar())


def become(unit: Unit, job: Job, kind: str, payload: Mapping[str, Any], queue: str) -> bool:
    """What was to be done cannot be, and is to be done another way: the same job, under the same id, with its files."""
    told = {"kind": kind.encode(), "payload": _encoded(payload), "queue": queue.encode()}
    return bool(unit.state.execute(_BECOME, {**told, "id": job.id, "holder": job.claim.holder}).rowcount)


def put_aside(unit: Unit, job: Job, reason: str) -> bool:
    """Nobody can say whether it was done: kept for a person to decide. False when no longer ours."""
    return _queue.end(unit, job.claim, "aside", reason)


def results(unit: Unit, queue: str) -> frozenset[int]:
    """The messages that the jobs of this queue have made."""
    return frozenset(row[0] for row in unit.state.execute(_RESULTS, {"queue": queue.encode()}))


def under_way(unit: Unit, kinds: Sequence[str], marks: Sequence[str]) -> bool:
    """Whether a job of these kinds that has not come to its end carries one of these marks."""
    rows = unit.state.execute(_MARKED, {"kinds": [kind.encode() for kind in kinds]})
    return any(json.loads(payload).get("mark") in marks for (payload,) in rows)


def _encoded(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def sweep(unit: Unit) -> int:
    """Forget what has been done for a while, some at a time, and later what somebody should look at; how many went."""
    return (
        _queue.sweep(unit, DONE_DAYS, ["done"])
        + _queue.sweep(unit, DEAD_DAYS, ["dead", "aside", "discarded"])
        + blobs.sweep(unit)
    )


_PUT = text(
    "INSERT INTO custom_hde_outbox (kind, user_id, payload, queue, ticket_id, once, run_at, created_at) "
    "VALUES (:kind, :user, :payload, :queue, :ticket, :once, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
)
_ONCE = text("SELECT id FROM custom_hde_outbox WHERE once = :once")
_WAITING = text(
    "SELECT 1 FROM custom_hde_outbox WHERE queue = :queue AND state = 'waiting' AND kind = :kind "
    "AND payload = :payload LIMIT 1"
)
_READ = text(
    "SELECT kind, user_id, ticket_id, payload, created_at, sent_at, "
    "TIMESTAMPDIFF(MICROSECOND, sent_at, UTC_TIMESTAMP(6)) / 1000000 AS sent_age FROM custom_hde_outbox WHERE id = :id"
)
_IS_SENT = text("SELECT sent_at IS NOT NULL FROM custom_hde_outbox WHERE id = :id")
_SENDING = text("UPDATE custom_hde_outbox SET sent_at = UTC_TIMESTAMP(6) WHERE id = :id AND holder = :holder")
_NOT_SENT = text("UPDATE custom_hde_outbox SET sent_at = NULL WHERE id = :id AND holder = :holder")
_BECOME = text(
    "UPDATE custom_hde_outbox SET kind = :kind, payload = :payload, queue = :queue, ticket_id = NULL, attempts = 0, "
    "state = 'waiting', holder = NULL, run_at = UTC_TIMESTAMP(6) WHERE id = :id AND holder = :holder"
)
_RESULT = text(
    "UPDATE custom_hde_outbox SET ticket_id = COALESCE(:ticket, ticket_id), result_id = COALESCE(:result, result_id), "
    "payload = IF(user_id IS NULL, '{}', payload) WHERE id = :id"
)
_RESULTS = text("SELECT result_id FROM custom_hde_outbox WHERE queue = :queue AND result_id IS NOT NULL")
_MARKED = text(
    "SELECT payload FROM custom_hde_outbox WHERE state IN ('waiting', 'running') AND kind IN :kinds "
    "AND sent_at IS NOT NULL"
).bindparams(bindparam("kinds", expanding=True))
