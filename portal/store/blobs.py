"""custom_hde_blob: files that wait to be sent with a job of the outbox, in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import text

from portal.database import Unit

CHUNK = 256 * 1024
"""Bytes; quoted in SQL it stays far below the smallest usual max_allowed_packet, 4 MB."""

SWEEP_ROWS = 1000


def put(unit: Unit, job_id: int, file: int, content: Iterable[bytes]) -> None:
    """Keep file number `file` (from 0) of a job; `content` comes in pieces of CHUNK bytes at most."""
    for chunk, piece in enumerate(content):
        unit.state.execute(_PUT, {"job": job_id, "file": file, "chunk": chunk, "content": piece})


def read(unit: Unit, job_id: int, file: int) -> bytes:
    """A whole file; b"" for an empty one."""
    return b"".join(_pieces(unit, job_id, file))


def drop(unit: Unit, job_id: int) -> None:
    """The job is done: its files are the help desk's now."""
    unit.state.execute(_DROP, {"job": job_id})


def waiting_bytes(unit: Unit, user_id: int) -> int:
    """How many bytes of this customer's files wait to be sent."""
    return int(unit.state.execute(_WAITING, {"user": user_id}).scalar() or 0)


def sweep(unit: Unit) -> int:
    """Forget files whose job is gone, a bounded number of chunks at a time; how many went."""
    return int(unit.state.execute(_SWEEP, {"limit": SWEEP_ROWS}).rowcount)


def _pieces(unit: Unit, job_id: int, file: int) -> Iterator[bytes]:
    for row in unit.state.execute(_READ, {"job": job_id, "file": file}):
        yield row[0]


_PUT = text("INSERT INTO custom_hde_blob (job_id, file, chunk, content) VALUES (:job, :file, :chunk, :content)")
_READ = text("SELECT content FROM custom_hde_blob WHERE job_id = :job AND file = :file ORDER BY chunk")
_DROP = text("DELETE FROM custom_hde_blob WHERE job_id = :job")
_WAITING = text(
    "SELECT SUM(LENGTH(b.content)) FROM custom_hde_blob b JOIN custom_hde_outbox o ON o.id = b.job_id "
    "WHERE o.user_id = :user AND o.state IN ('waiting', 'running')"
)
_SWEEP = text("DELETE FROM custom_hde_blob WHERE job_id NOT IN (SELECT id FROM custom_hde_outbox) LIMIT :limit")
