"""custom_hde_outbox as its customers see it: what they wrote here, and what has become of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text

from portal.database import Unit

SHOWN = 200
"""Jobs of one customer that are looked at; the newest of more."""


@dataclass(frozen=True, slots=True)
class Record:
    """A job as it stands, for whoever it belongs to. Times are naive UTC."""

    id: int
    kind: str
    state: str
    ticket_id: int | None
    result_id: int | None
    payload: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


def has_put(unit: Unit, once: str) -> bool:
    """Whether the form of that name has put its job already."""
    return unit.state.execute(_ONCE, {"once": once.encode()}).first() is not None


def of(unit: Unit, user_id: int, kinds: Sequence[str], *, settled_seconds: int, failed_days: int) -> list[Record]:
    """A customer's jobs of these kinds, oldest first: those under way, done a moment ago, or failed some days ago."""
    told = {
        "user": user_id,
        "kinds": [kind.encode() for kind in kinds],
        "settled": settled_seconds,
        "failed": failed_days,
        "limit": SHOWN,
    }
    return [_record(row) for row in unit.state.execute(_OF, told)]


def one_of(unit: Unit, user_id: int, job_id: int) -> Record | None:
    """A customer's job; None for another's, too."""
    row = unit.state.execute(_ONE_OF, {"user": user_id, "id": job_id}).one_or_none()
    return _record(row) if row else None


def busy_users(unit: Unit, kinds: Sequence[str], settled_seconds: int, failed_days: int) -> frozenset[int]:
    """The customers for whom `of` has something to tell."""
    told = {"kinds": [kind.encode() for kind in kinds], "settled": settled_seconds, "failed": failed_days}
    return frozenset(row[0] for row in unit.state.execute(_BUSY, told))


def _record(row: Any) -> Record:
    return Record(
        row.id,
        row.kind.decode(),
        row.state.decode(),
        row.ticket_id,
        row.result_id,
        json.loads(row.payload),
        row.created_at,
        row.finished_at,
    )


_ONCE = text("SELECT 1 FROM custom_hde_outbox WHERE once = :once")
_RECORD = "SELECT id, kind, state, ticket_id, result_id, payload, created_at, finished_at FROM custom_hde_outbox "
_UNDER_WAY = "kind IN :kinds AND state IN ('waiting', 'running')"
_OVER = (
    "kind IN :kinds AND (state = 'done' AND finished_at > UTC_TIMESTAMP(6) - INTERVAL :settled SECOND "
    "OR state IN ('aside', 'dead') AND finished_at > UTC_TIMESTAMP(6) - INTERVAL :failed DAY)"
)
_OF = text(
    f"SELECT * FROM ({_RECORD}WHERE user_id = :user AND ({_UNDER_WAY} OR {_OVER}) "  # noqa: S608  # constants
    "ORDER BY id DESC LIMIT :limit) newest ORDER BY id"
).bindparams(bindparam("kinds", expanding=True))
_ONE_OF = text(f"{_RECORD}WHERE id = :id AND user_id = :user")
# Asked by every web process, several times a second: each half has an index that ends it quickly.
_BUSY = text(
    f"SELECT user_id FROM custom_hde_outbox WHERE user_id IS NOT NULL AND {_UNDER_WAY} "  # noqa: S608  # constants
    f"UNION SELECT user_id FROM custom_hde_outbox WHERE user_id IS NOT NULL AND {_OVER}"
).bindparams(bindparam("kinds", expanding=True))
