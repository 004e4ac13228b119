"""The one column of an order that we write (b_uts_order, made when somebody adds a user field to orders)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.exc import DBAPIError

from portal.bitrix.fields import insert_or_update
from portal.database import Unit

DENIED = (1142, 1143)
TOO_LONG = 1406
"""MySQL's numbers for a table and a column that this user may not read or write."""

WORDS = frozenset({"varchar", "text", "mediumtext", "longtext"})

log = logging.getLogger(__name__)


class OrderField:
    """The column `name`, a user field's (UF_…), "" for none. Where it is missing or denied, that is told once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = False

    def read(self, unit: Unit, order_ids: list[int]) -> dict[int, str] | None:
        """What it says of these orders, "" for nothing; None when there is no such column."""
        if not self._name or not self._is_there(unit):
            return None
        try:
            rows = unit.shop.execute(_read(self._name), {"orders": order_ids}).all()
        except DBAPIError as error:
            self._denied(error)
            return None
        said = {order_id: value or "" for order_id, value in rows}
        return {order_id: said.get(order_id, "") for order_id in order_ids}

    def write(self, unit: Unit, said: Mapping[int, str]) -> bool:
        """Say this of each order; a row that is not there yet is made. False when we may not."""
        try:
            for order_id, value in sorted(said.items()):
                self._write(unit, order_id, value)
        except DBAPIError as error:
            self._denied(error)
            return False
        return True

    def _write(self, unit: Unit, order_id: int, value: str) -> None:
        told = {"order": order_id, "value": value}
        if not unit.shop.execute(_update(self._name), told).rowcount:
            insert_or_update(unit, _insert(self._name), _update(self._name), told)

    def _is_there(self, unit: Unit) -> bool:
        kind = unit.shop.execute(_KIND, {"name": self._name}).scalar()
        if kind is None:
            self._tell("b_uts_order has no column %s (PORTAL_ORDER_FIELD): orders do not say which tickets they have")
        elif kind.lower() not in WORDS:
            self._tell("b_uts_order.%s (PORTAL_ORDER_FIELD) takes no text: orders do not say which tickets they have")
        return kind is not None and kind.lower() in WORDS

    def _denied(self, error: DBAPIError) -> None:
        code = getattr(error.orig, "args", (0,))[0]
        if code == TOO_LONG:
            self._tell("b_uts_order.%s (PORTAL_ORDER_FIELD) is too short for an order's tickets: make it TEXT")
            return
        if code not in DENIED:
            raise error
        self._tell("b_uts_order.%s (PORTAL_ORDER_FIELD) may not be written: the database user has not the grant")

    def _tell(self, sentence: str) -> None:
        if not self._told:
            self._told = True
            log.warning(sentence, self._name)


_KIND = text(
    "SELECT DATA_TYPE FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'b_uts_order' AND COLUMN_NAME = :name"
)


# S608: what is put together is the name of a column, which the settings have checked letter by letter.
@cache
def _read(name: str) -> TextClause:
    query = f"SELECT VALUE_ID, `{name}` FROM b_uts_order WHERE VALUE_ID IN :orders"  # noqa: S608
    return text(query).bindparams(bindparam("orders", expanding=True))


@cache
def _update(name: str) -> TextClause:
    return text(f"UPDATE b_uts_order SET `{name}` = :value WHERE VALUE_ID = :order")  # noqa: S608


@cache
def _insert(name: str) -> TextClause:
    return text(f"INSERT INTO b_uts_order (VALUE_ID, `{name}`) VALUES (:order, :value)")  # noqa: S608
