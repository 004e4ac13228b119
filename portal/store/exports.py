"""custom_hde_export, custom_hde_export_part: the archive of a customer's requests, while it is made and kept.

Whoever makes it holds a job of the outbox (KIND). Nothing is written for it without that job, so that nothing is left
of an archive that was given up, or whose customer is gone, but for what `sweep` finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.store import outbox
from portal.store.blobs import CHUNK
from portal.store.outbox import Job

KIND = "take.all"
KEPT_HOURS = 24
LONGEST_HOURS = 48
"""One that is not whole by then never will be: the help desk has been away for two days."""

LEASE_SECONDS = 60
PAGE_ROWS = 8
"""Chunks that are read together: two megabytes."""

SWEEP_ROWS = 200


@dataclass(frozen=True, slots=True)
class Export:
    """An archive. `plan`: None until it is known which requests; `live`: somebody makes it, or will."""

    id: int
    user_id: int
    locale: str
    plan: dict[str, Any] | None
    done: int
    total: int
    size: int
    finished_at: datetime | None
    live: bool

    @property
    def state(self) -> str:
        """`ready`, `building`, or `failed`."""
        return "ready" if self.finished_at else "building" if self.live else "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk of a file of the archive."""

    id: int
    name: str
    content: bytes


def begin(unit: Unit, user_id: int, locale: str) -> bool:
    """Have an archive made, in place of the one before. False while one is being made."""
    before = unit.state.execute(_LOCKED, {"user": user_id, "kind": KIND.encode()}).one_or_none()
    if before is not None and before.finished_at is None and before.live:
        return False
    drop(unit, user_id)
    try:
        made = unit.state.execute(_BEGIN, {"user": user_id, "locale": locale.encode()}).lastrowid
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False  # twice in one moment: the other is being made
    outbox.put(unit, KIND, {"export": int(made)}, user_id, queue=f"take:{user_id}")
    return True


def of(unit: Unit, user_id: int) -> Export | None:
    """A customer's archive, without its files; None when he has none, or its day is over."""
    return _export(unit.state.execute(_OF, {"user": user_id, "kind": KIND.encode(), "hours": KEPT_HOURS}).one_or_none())


def one(unit: Unit, export_id: int) -> Export | None:
    """An archive that is being made, for whoever makes it; None when it was given up."""
    told = {"id": export_id, "kind": KIND.encode(), "hours": LONGEST_HOURS}
    return _export(unit.state.execute(_ONE, told).one_or_none())


def plan(unit: Unit, job: Job, export_id: int, decided: dict[str, Any], total: int) -> bool:
    """Which requests it is made of. False when the job is no longer ours, as below."""
    if not outbox.prolong(unit, job, LEASE_SECONDS):
        return False
    unit.state.execute(_PLAN, {"id": export_id, "plan": json.dumps(decided).encode(), "total": total})
    return True


def clear(unit: Unit, job: Job, export_id: int, place: int) -> bool:
    """What was begun of this request, and not ended, goes."""
    if not outbox.prolong(unit, job, LEASE_SECONDS):
        return False
    unit.state.execute(_CLEAR, {"export": export_id, "place": place})
    return True


def put(unit: Unit, job: Job, export_id: int, place: int, files: Iterable[tuple[str, bytes]]) -> bool:
    """Add these files (name and content) of one request."""
    if not outbox.prolong(unit, job, LEASE_SECONDS):
        return False
    for name, content in files:
        for start in range(0, max(1, len(content)), CHUNK):
            told = {"name": name.encode(), "content": content[start : start + CHUNK]}
            unit.state.execute(_PUT, {"export": export_id, "place": place, **told})
    return True


def advance(unit: Unit, job: Job, export_id: int, done: int, size: int) -> bool:
    """So many requests are in it, with files of so many bytes."""
    if not outbox.prolong(unit, job, LEASE_SECONDS):
        return False
    unit.state.execute(_ADVANCE, {"id": export_id, "done": done, "size": size})
    return True


def finish(unit: Unit, job: Job, export_id: int, place: int, files: Sequence[tuple[str, bytes]]) -> bool:
    """It is whole, with these files as its last."""
    if not put(unit, job, export_id, place, files):
        return False
    unit.state.execute(_FINISH, {"id": export_id})
    return outbox.finish(unit, job)


def notes(unit: Unit, export_id: int) -> list[bytes]:
    """What was kept beside each request for whoever makes the archive, in their order."""
    return [bytes(row[0]) for row in unit.state.execute(_NOTES, {"export": export_id})]


def after(unit: Unit, export_id: int, user_id: int, last: int) -> list[Part]:
    """The next chunks after that one (0 at first); none at the end, and when it was given up meanwhile."""
    told = {"export": export_id, "user": user_id, "last": last, "limit": PAGE_ROWS}
    return [Part(row[0], row[1].decode(), row[2]) for row in unit.state.execute(_AFTER, told)]


def drop(unit: Unit, user_id: int) -> int:
    """A customer's archive goes, whole or not, with the job that makes it; how many went (0 or 1)."""
    unit.state.execute(_DROP_JOB, {"user": user_id, "kind": KIND.encode()})
    unit.state.execute(_DROP_PARTS, {"user": user_id})
    return int(unit.state.execute(_DROP, {"user": user_id}).rowcount)


def sweep(unit: Unit) -> int:
    """Forget archives whose day is over, and chunks that belong to none, some at a time; how many rows went."""
    went = unit.state.execute(_SWEEP, {"kept": KEPT_HOURS, "longest": LONGEST_HOURS}).rowcount
    return int(went) + int(unit.state.execute(_SWEEP_PARTS, {"limit": SWEEP_ROWS}).rowcount)


def _export(row: Any) -> Export | None:
    if row is None:
        return None
    return Export(
        row.id,
        row.user_id,
        row.locale.decode(),
        json.loads(row.plan) if row.plan else None,
        row.done,
        row.total,
        row.size,
        row.finished_at.replace(tzinfo=UTC) if row.finished_at else None,
        bool(row.live),
    )


_LIVE = (
    "EXISTS (SELECT 1 FROM custom_hde_outbox o WHERE o.user_id = e.user_id AND o.kind = :kind "
    "AND o.state IN ('waiting', 'running')) AS live"
)
_COLUMNS = f"SELECT e.id, e.user_id, e.locale, e.plan, e.done, e.total, e.size, e.finished_at, {_LIVE} "
_LOCKED = text(
    f"SELECT e.id, e.finished_at, {_LIVE} FROM custom_hde_export e "  # noqa: S608  # constants, as below
    "WHERE e.user_id = :user FOR UPDATE"
)
_BEGIN = text("INSERT INTO custom_hde_export (user_id, locale, created_at) VALUES (:user, :locale, UTC_TIMESTAMP(6))")
_OF = text(
    f"{_COLUMNS}FROM custom_hde_export e WHERE e.user_id = :user "
    "AND (e.finished_at IS NULL OR e.finished_at > UTC_TIMESTAMP(6) - INTERVAL :hours HOUR)"
)
_ONE = text(
    f"{_COLUMNS}FROM custom_hde_export e WHERE e.id = :id AND e.created_at > UTC_TIMESTAMP(6) - INTERVAL :hours HOUR"
)
_PLAN = text("UPDATE custom_hde_export SET plan = :plan, total = :total WHERE id = :id")
_CLEAR = text("DELETE FROM custom_hde_export_part WHERE export_id = :export AND place >= :place")
_PUT = text(
    "INSERT INTO custom_hde_export_part (export_id, place, name, content) VALUES (:export, :place, :name, :content)"
)
_ADVANCE = text("UPDATE custom_hde_export SET done = :done, size = :size WHERE id = :id")
_FINISH = text("UPDATE custom_hde_export SET finished_at = UTC_TIMESTAMP(6) WHERE id = :id")
_NOTES = text("SELECT content FROM custom_hde_export_part WHERE export_id = :export AND name = '' ORDER BY id")
_AFTER = text(
    "SELECT p.id, p.name, p.content FROM custom_hde_export_part p JOIN custom_hde_export e ON e.id = p.export_id "
    "WHERE p.export_id = :export AND e.user_id = :user AND p.id > :last AND p.name <> '' ORDER BY p.id LIMIT :limit"
)
_DROP_JOB = text("DELETE FROM custom_hde_outbox WHERE user_id = :user AND kind = :kind")
_DROP_PARTS = text(
    "DELETE FROM custom_hde_export_part WHERE export_id IN (SELECT id FROM custom_hde_export WHERE user_id = :user)"
)
_DROP = text("DELETE FROM custom_hde_export WHERE user_id = :user")
_SWEEP = text(
    "DELETE FROM custom_hde_export WHERE finished_at < UTC_TIMESTAMP(6) - INTERVAL :kept HOUR "
    "OR finished_at IS NULL AND created_at < UTC_TIMESTAMP(6) - INTERVAL :longest HOUR"
)
_SWEEP_PARTS = text(
    "DELETE FROM custom_hde_export_part WHERE export_id NOT IN (SELECT id FROM custom_hde_export) LIMIT :limit"
)
