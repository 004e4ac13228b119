"""The user fields of the shop that are ours to write, one column each; nothing else of Bitrix's is ever written.

The tables are made by the shop when its first field is (b_uts_user, b_uts_order: VALUE_ID and a column a field), a row
when its first value is: table, column and row may all be absent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.database import Unit, code_of, is_duplicate

log = logging.getLogger(__name__)

NOT_OURS = frozenset({1054, 1142, 1143, 1146, 1290})
"""No such column; no right to the table or the column; no such table; a server that only reads."""

_told: set[str] = set()


def mirror_contact(unit: Unit, field: str, user_id: int, contact_id: int | None) -> None:
    """Write which contact an account is into this field of b_uts_user; None empties it.

    A shop that has no such field, or does not let us write it, is told once; the job that called goes on.
    """
    told = {"id": user_id, "value": contact_id}
    # S608: the field's name is checked where the setting is read; values are parameters.
    update = text(f"UPDATE b_uts_user SET `{field}` = :value WHERE VALUE_ID = :id")  # noqa: S608
    insert = text(f"INSERT INTO b_uts_user (VALUE_ID, `{field}`) SELECT ID, :value FROM b_user WHERE ID = :id")  # noqa: S608
    try:
        if not unit.shop.execute(update, told).rowcount and contact_id is not None:
            insert_or_update(unit, insert, update, told)
    except DBAPIError as error:
        if code_of(error) not in NOT_OURS:
            raise
        if field not in _told:
            _told.add(field)
            log.warning("PORTAL_USER_FIELD: b_uts_user.%s cannot be written (error %d)", field, code_of(error))


def insert_or_update(unit: Unit, insert: TextClause, update: TextClause, told: Mapping[str, object]) -> None:
    """The row, unless the shop has just made it: then its column.

    Not INSERT … ON DUPLICATE KEY UPDATE, for which the server wants more than the grant for one column.
    """
    try:
        unit.shop.execute(insert, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        unit.shop.execute(update, told)
