"""custom_hde_shop_event: what the shop's PHP tells us. The one table of ours in the shop's own database.

Only there can the shop write it in the transaction of the change itself: what is rolled back was never told. Rows are
read and deleted by the very ids that were read, and never "up to an id": a transaction that began earlier may commit
later, with a lower id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError

from portal.database import Unit

TABLE = "custom_hde_shop_event"
USER, GONE, ORDER = "user", "user.gone", "order"
"""Kinds, as the shop's handlers write them (templates/bitrix/init.php)."""

NO_SUCH_TABLE, DENIED = 1146, (1142, 1044, 1227, 1370)
SKIP_LOCKED_SINCE = {True: (10, 6), False: (8, 0, 1)}
"""Since which version the server can pass over rows that another has taken; by whether it is MariaDB."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShopEvent:
    """One row: something has happened to this account or order."""

    id: int
    kind: str
    object_id: int


def take(unit: Unit, limit: int) -> list[ShopEvent]:
    """Some rows, oldest first, which are gone when this unit of work is committed, and nobody else's meanwhile.

    Without the table, or the right to it, there is nothing to take; `create` has told so. What is being written this
    moment is waited for by nobody.
    """
    try:
        rows = _taken(unit, limit)
    except DBAPIError as error:
        if code(error) not in (NO_SUCH_TABLE, *DENIED):
            raise
        unit.shop.rollback()
        return []
    if rows:
        # One by one: for many at once the server may prefer to read the whole table, and so wait for others' rows.
        unit.shop.execute(_DELETE, [{"id": row[0]} for row in rows])
    return [ShopEvent(row[0], row[1].decode("utf-8", "replace"), row[2]) for row in rows]


def waits(unit: Unit) -> bool:
    """Whether there is a row to take; False, too, without the table or the right to it."""
    try:
        return unit.shop.execute(_SEEN, {"limit": 1}).first() is not None
    except DBAPIError as error:
        if code(error) not in (NO_SUCH_TABLE, *DENIED):
            raise
        unit.shop.rollback()
        return False


def _taken(unit: Unit, limit: int) -> Sequence[Any]:
    if _skips(unit):
        return unit.shop.execute(_NEXT, {"limit": limit}).all()
    # Older servers can only wait for a row that is locked, also for one that the shop is writing and has not committed.
    # A read without locks sees none of those; what it sees is waited for as long as another worker takes to commit.
    ids = unit.shop.execute(_SEEN, {"limit": limit}).scalars().all()
    return unit.shop.execute(_LOCK, {"ids": ids}).all() if ids else []


def create(unit: Unit) -> bool:
    """Make the table where it is not there and this database user may; whether it was made.

    A user who may not is told what to do, and the portal goes on: changes are then found by looking.
    """
    try:
        if _is_there(unit):
            return False
        unit.shop.exec_driver_sql(_CREATE)
    except DBAPIError as error:
        if code(error) not in DENIED:
            raise
        unit.shop.rollback()
        log.warning(
            "the shop cannot tell of its changes: the user of PORTAL_DATABASE_URL may not create or use %s. "
            "Give him SELECT and DELETE on it, and CREATE until it is there, or let the shop's administrator run:\n%s;",
            TABLE,
            _CREATE,
        )
        return False
    log.info("created %s in the shop's database", TABLE)
    return True


def _is_there(unit: Unit) -> bool:
    """Found by doing nothing with it, in each way that we need a right for."""
    try:
        unit.shop.execute(_SEEN, {"limit": 0})
        unit.shop.execute(_DELETE, {"id": 0})
    except DBAPIError as error:
        if code(error) != NO_SUCH_TABLE:
            raise
        unit.shop.rollback()
        return False
    return True


def code(error: DBAPIError) -> int:
    """MySQL's own error number, 0 where there is none."""
    args: Sequence[Any] = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else 0


def _skips(unit: Unit) -> bool:
    dialect = unit.shop.dialect
    since = SKIP_LOCKED_SINCE[bool(getattr(dialect, "is_mariadb", False))]
    return tuple(part for part in dialect.server_version_info or () if isinstance(part, int)) >= since


_CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    kind       VARBINARY(32)   NOT NULL,
    object_id  BIGINT UNSIGNED NOT NULL,
    created_at DATETIME(6)     NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB"""
# S608 below: the table's name is a constant of ours.
_ROW = f"SELECT id, kind, object_id FROM {TABLE}"  # noqa: S608
_NEXT = text(f"{_ROW} ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED")
_SEEN = text(f"SELECT id FROM {TABLE} ORDER BY id LIMIT :limit")  # noqa: S608
_LOCK = text(f"{_ROW} FORCE INDEX (PRIMARY) WHERE id IN :ids ORDER BY id FOR UPDATE").bindparams(
    bindparam("ids", expanding=True)
)
_DELETE = text(f"DELETE FROM {TABLE} WHERE id = :id")  # noqa: S608
