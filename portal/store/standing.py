"""How a job of custom_hde_outbox stands, for who waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from portal.database import Unit


@dataclass(frozen=True, slots=True)
class Standing:
    """A job's state, its attempts that count, and why the last one failed; it is due in so many seconds."""

    state: str
    attempts: int
    due_in: float
    reason: str


def first_of(unit: Unit, queue: str) -> Standing | None:
    """The first job of this queue that has not come to its end; None when all have."""
    return _standing(unit.state.execute(_FIRST_OF, {"queue": queue.encode()}).one_or_none())


def of(unit: Unit, job_id: int) -> Standing | None:
    """A job; None when it is gone."""
    return _standing(unit.state.execute(_OF, {"id": job_id}).one_or_none())


def _standing(row: Any) -> Standing | None:
    return Standing(row.state.decode(), row.attempts, max(0.0, float(row.due_in)), row.reason) if row else None


_STANDING = (
    "SELECT state, attempts, reason, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), run_at) / 1000000 AS due_in "
    "FROM custom_hde_outbox "
)
_FIRST_OF = text(f"{_STANDING}WHERE queue = :queue AND state IN ('waiting', 'running') ORDER BY id LIMIT 1")
_OF = text(f"{_STANDING}WHERE id = :id")
