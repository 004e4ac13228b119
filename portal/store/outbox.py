"""custom_hde_outbox: what is to be done outside, kept before it is done, done from here only.

waiting → running → done | waiting again later | dead. An attempt is counted before it begins, so that a job that kills
its worker cannot kill it for ever; a job whose lease ran out is anybody's again; whoever comes back late finds that the
row no longer names his claim, and changes nothing.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from portal.database import Unit

MAX_ATTEMPTS = 10
"""With the back-off of `worker`, about two hours from the first to the last."""

DONE_DAYS, DEAD_DAYS = 7, 90
SWEEP_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `attempts` counts this one too; `claim` is new with every claim and fences it."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    claim: bytes


def put(unit: Unit, kind: str, payload: dict[str, Any], user_id: int | None) -> int:
    """Keep a job for later, in the caller's transaction; returns its id."""
    result = unit.state.execute(_PUT, {"kind": kind.encode(), "user": user_id, "payload": json.dumps(payload).encode()})
    return int(result.lastrowid)


def claim(unit: Unit, lease_seconds: int) -> Job | None:
    """Take the oldest job that is due, for `lease_seconds`; None when there is none.

    A job out of attempts whose worker died is buried here, as nobody else will.
    """
    mine = secrets.token_hex(16).encode()
    unit.state.execute(_BURY, {"max": MAX_ATTEMPTS})
    # One UPDATE picks and marks; two workers cannot pick the same row, on any MySQL (no SKIP LOCKED in 5.7).
    if not unit.state.execute(_CLAIM, {"claim": mine, "lease": lease_seconds}).rowcount:
        return None
    row = unit.state.execute(_MINE, {"claim": mine}).one()
    return Job(row[0], row[1].decode(), json.loads(row[2]), row[3], mine)


def finish(unit: Unit, job: Job) -> bool:
    """It is done; False when the job was no longer ours."""
    return bool(unit.state.execute(_FINISH, {"id": job.id, "claim": job.claim}).rowcount)


def fail(unit: Unit, job: Job, reason: str, retry_in: float | None) -> bool:
    """It failed: again in `retry_in` seconds, or never (None: dead, with the reason). False when no longer ours."""
    dead = retry_in is None or job.attempts >= MAX_ATTEMPTS
    changed = unit.state.execute(
        _FAIL,
        {
            "id": job.id,
            "claim": job.claim,
            "state": b"dead" if dead else b"waiting",
            "seconds": int(retry_in or 0),
            "reason": reason[:500],
        },
    )
    return bool(changed.rowcount)


def sweep(unit: Unit) -> int:
    """Forget what has been done for a while, a bounded number at a time; returns how many rows went.

    The dead stay longer: somebody should look at them.
    """
    return int(unit.state.execute(_SWEEP, {"done": DONE_DAYS, "dead": DEAD_DAYS, "limit": SWEEP_ROWS}).rowcount)


_PUT = text(
    "INSERT INTO custom_hde_outbox (kind, user_id, payload, run_at, created_at) "
    "VALUES (:kind, :user, :payload, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
)
_BURY = text(
    "UPDATE custom_hde_outbox SET state = 'dead', reason = 'its worker died at every attempt', holder = NULL, "
    "finished_at = UTC_TIMESTAMP(6) WHERE state = 'running' AND lease_until < UTC_TIMESTAMP(6) AND attempts >= :max"
)
_CLAIM = text(
    "UPDATE custom_hde_outbox SET state = 'running', holder = :claim, attempts = attempts + 1, "
    "lease_until = UTC_TIMESTAMP(6) + INTERVAL :lease SECOND "
    "WHERE (state = 'waiting' AND run_at <= UTC_TIMESTAMP(6)) "
    "OR (state = 'running' AND lease_until < UTC_TIMESTAMP(6)) ORDER BY id LIMIT 1"
)
_MINE = text("SELECT id, kind, payload, attempts FROM custom_hde_outbox WHERE holder = :claim")
_FINISH = text(
    "UPDATE custom_hde_outbox SET state = 'done', holder = NULL, finished_at = UTC_TIMESTAMP(6) "
    "WHERE id = :id AND holder = :claim"
)
_FAIL = text(
    "UPDATE custom_hde_outbox SET state = :state, holder = NULL, reason = :reason, "
    "run_at = UTC_TIMESTAMP(6) + INTERVAL :seconds SECOND, "
    "finished_at = IF(:state = 'dead', UTC_TIMESTAMP(6), NULL) "
    "WHERE id = :id AND holder = :claim"
)
_SWEEP = text(
    "DELETE FROM custom_hde_outbox WHERE (state = 'done' AND finished_at < UTC_TIMESTAMP(6) - INTERVAL :done DAY) "
    "OR (state = 'dead' AND finished_at < UTC_TIMESTAMP(6) - INTERVAL :dead DAY) LIMIT :limit"
)
