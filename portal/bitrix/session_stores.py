"""Where the shop keeps its sessions, read directly: PHP's files, b_user_session, b_sec_session. Nothing is written."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import TextClause, text

from portal.bitrix.tables import Shape
from portal.bitrix.throttled import Throttled
from portal.database import Unit
from portal.errors import WrongSettings

MAX_BYTES = 8 * 2**20
"""Sessions are a few kilobytes; a bigger one than this is not read."""

LOCK_WAITS = (0.002, 0.006, 0.016)
"""Seconds between attempts to share the lock that PHP holds while it serves a page."""

TORN_WAIT = 0.005
GAP_SECONDS = 0.075
"""Bitrix replaces a session's row by DELETE and INSERT, and somebody may look in between."""

GAP_WAITERS = 2
"""Threads that may wait for such a row at once: made-up session ids must not use up all of them."""

_id = re.compile(r"[0-9A-Za-z,-]{6,250}").fullmatch
_base64 = re.compile(rb"[A-Za-z0-9+/\s]++={0,2}+\s*+").fullmatch

log = logging.getLogger(__name__)


class Store(Protocol):
    """A place of sessions."""

    def load(self, unit: Unit, session_id: str, known: bool) -> bytes | None:
        """The session as PHP serialized it, None when there is none. `known`: it was there a moment ago."""


def open_store(sessions: str, shape: Shape) -> Store:
    """The store that PORTAL_SESSIONS names. Raises WrongSettings when the shop does not have it."""
    if sessions.startswith("files:"):
        files = Files.parse(sessions)
        if not os.access(files.folder, os.X_OK):
            # Not refused: web servers make this folder when they start, perhaps after us.
            log.warning("PORTAL_SESSIONS names the folder %s, which this process cannot enter", files.folder)
        return files
    name, there = (
        ("b_user_session", shape.user_session) if sessions == "database:" else ("b_sec_session", shape.sec_session)
    )
    if not there:
        raise WrongSettings([f"PORTAL_SESSIONS is {sessions}, but the shop's database has no table {name}"])
    return Rows(name)


def is_session_id(value: str) -> bool:
    """Whether every handler of Bitrix would take this for a session id; a path or a pattern it can't be."""
    return _id(value) is not None


@dataclass(frozen=True)
class Files:
    """PHP's own files: `<folder>/sess_<id>`, with `depth` folders of one character in between."""

    folder: str
    depth: int = 0

    @classmethod
    def parse(cls, sessions: str) -> Files:
        """`files://` and PHP's session.save_path: /path, N;/path or N;MODE;/path."""
        parts = sessions.removeprefix("files://").split(";")
        return cls(parts[-1].rstrip("/") or "/", int(parts[0].lstrip("/")) if len(parts) > 1 else 0)

    def load(self, unit: Unit, session_id: str, known: bool) -> bytes | None:
        """The file, under a shared lock when one can be had soon; `unit` and `known` are not needed here."""
        if len(session_id) <= self.depth:
            return None
        path = "/".join((self.folder, *session_id[: self.depth], f"sess_{session_id}"))
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            _unreadable.warning("session files cannot be read: %s", error.strerror)
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return _read(handle) if _share(handle) else _read_twice(handle)
        finally:
            os.close(handle)


_unreadable = Throttled(log)


def _share(handle: int) -> bool:
    """Take PHP's lock together with other readers; False when a page of the shop keeps it for long."""
    for wait in (*LOCK_WAITS, 0):
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(wait)
        except OSError:
            return False  # a file system without locks
    return False


def _read(handle: int) -> bytes | None:
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0) if size <= MAX_BYTES else None


def _read_twice(handle: int) -> bytes | None:
    """Without the lock a read may meet a write half done: only what reads the same twice counts."""
    before = _read(handle)
    for _ in LOCK_WAITS:
        time.sleep(TORN_WAIT)
        after = _read(handle)
        if before and after == before:
            return after
        before = after
    return None


class Rows:
    """A table of sessions: SESSION_ID, SESSION_DATA in base64, once (cores before 16) or twice."""

    def __init__(self, table: str) -> None:
        self._query: TextClause = text(
            f"SELECT SESSION_ID, SESSION_DATA FROM {table} "  # noqa: S608  # one of two names of ours
            f"WHERE SESSION_ID = :id AND LENGTH(SESSION_DATA) <= {MAX_BYTES * 2}"
        )
        self._waiters = threading.BoundedSemaphore(GAP_WAITERS)

    def load(self, unit: Unit, session_id: str, known: bool) -> bytes | None:
        """The row; when it is missing, looked for once more a moment later."""
        data = self._row(unit, session_id)
        if data is None and (known or self._waiters.acquire(blocking=False)):
            with self._released(known):
                time.sleep(GAP_SECONDS)
            data = self._row(unit, session_id)
        return data

    @contextlib.contextmanager
    def _released(self, known: bool) -> Iterator[None]:
        try:
            yield
        finally:
            if not known:
                self._waiters.release()

    def _row(self, unit: Unit, session_id: str) -> bytes | None:
        # The collation folds case; a session id does not.
        for found, data in unit.shop.execute(self._query, {"id": session_id}):
            if found == session_id:
                return decoded(data.encode("utf-8", "surrogateescape"))
        return None


def decoded(data: bytes) -> bytes:
    """Without its base64, which is there once or twice; a session itself always has a character that base64 has not."""
    for _ in range(2):
        if not _base64(data):
            break
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            break
    return data
