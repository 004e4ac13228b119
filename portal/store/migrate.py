"""Create or upgrade custom_hde_*: the numbered files of migrations/, each once, in order.

The one table of the shop's own database is made there, if that is allowed (shop_events.py).
"""

from __future__ import annotations

import logging
from importlib import resources

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from portal.store import cursors, shop_events

log = logging.getLogger(__name__)

LOCK = "custom_hde_migrate"
ALREADY_THERE = (1060, 1061)
"""MySQL's numbers for a column and a key of that name; an ALTER is done as a whole or not at all."""

LOCK_SECONDS = 8
"""Less than database.QUERY_SECONDS, after which a connection that waits is given up."""


def migrate(databases: Databases) -> list[str]:
    """Apply what is missing; returns the names of the files applied.

    Each file holds statements that may run twice (CREATE … IF NOT EXISTS, or an ALTER that only adds): MySQL commits
    every DDL by itself, so a crash between two of them is mended by the next start. A named lock keeps two starting
    processes apart. Raises DatabaseAway when another holds it for long.
    """
    return databases.run_here(_migrate)


def _migrate(unit: Unit) -> list[str]:
    state = unit.state
    if not state.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": LOCK, "seconds": LOCK_SECONDS}).scalar():
        raise DatabaseAway(f"another process has been migrating for {LOCK_SECONDS} s")
    try:
        done = _version(unit)
        applied = []
        for number, name, script in _files():
            if number <= done:
                continue
            for statement in _statements(script):
                _apply(state, statement)
            cursors.put(unit, "schema", str(number))
            state.commit()
            applied.append(name)
            log.info("migrated %s", name)
        if shop_events.create(unit):
            applied.append(shop_events.TABLE)
        return applied
    finally:
        state.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})


def _apply(state: Connection, statement: str) -> None:
    """One statement. What an ALTER adds and the table has already was added by a start that did not get to its end."""
    try:
        state.exec_driver_sql(statement)
    except OperationalError as error:
        if not statement.startswith("ALTER") or getattr(error.orig, "args", (0,))[0] not in ALREADY_THERE:
            raise
        state.rollback()


def _version(unit: Unit) -> int:
    try:
        value = cursors.get(unit, "schema")
    except ProgrammingError:
        unit.state.rollback()
        return 0
    return int(value) if value else 0


def _files() -> list[tuple[int, str, str]]:
    folder = resources.files("portal.store") / "migrations"
    found = [(int(f.name[:4]), f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(found)


def _statements(script: str) -> list[str]:
    """Split on semicolons at the end of a line, without the comments, which may hold semicolons of their own."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [s.strip() for s in "\n".join(lines).split(";\n") if s.strip()]
