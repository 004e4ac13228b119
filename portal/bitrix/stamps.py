"""When accounts and orders of the shop were last changed: what there is to see without a word from its PHP.

Neither b_user.TIMESTAMP_X nor, on old cores, b_sale_order.DATE_UPDATE has an index: every query here goes by the
primary key, and over a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, text

from portal.bitrix.tables import Shape
from portal.bitrix.values import moment
from portal.database import Unit


@dataclass(frozen=True, slots=True)
class Stamp:
    """An account or an order: whose it is, and its last change (Unix seconds by the shop's clock, 0 unknown)."""

    id: int
    user_id: int
    at: int


@dataclass(frozen=True, slots=True)
class Stamps:
    """Of this shop; `zone` is its clock's. Without the module sale it has no orders."""

    shape: Shape
    zone: ZoneInfo

    def now(self, unit: Unit) -> int:
        """Unix seconds by the database's clock."""
        return int(unit.shop.execute(_NOW).scalar_one())

    def nameless(self, unit: Unit) -> frozenset[int]:
        """The account that all buyers without a name share: nobody is told of it."""
        values = unit.shop.execute(_NAMELESS).scalars()
        return frozenset(int(value) for value in values if value and value.isascii() and value.isdecimal())

    def last_user(self, unit: Unit) -> int:
        """The highest id of an account, 0 when there is none."""
        return int(unit.shop.execute(_LAST_USER).scalar() or 0)

    def last_order(self, unit: Unit) -> int:
        """The highest id of an order, 0 when there is none."""
        return int(unit.shop.execute(_LAST_ORDER).scalar() or 0) if self.shape.orders else 0

    def users(self, unit: Unit, ids: Sequence[int]) -> list[Stamp]:
        """Those of these accounts that are there."""
        return self._users(unit.shop.execute(_USERS, {"ids": ids})) if ids else []

    def orders(self, unit: Unit, ids: Sequence[int]) -> list[Stamp]:
        """Those of these orders that are there."""
        return self._orders(unit.shop.execute(_ORDERS, {"ids": ids})) if ids and self.shape.orders else []

    def users_after(self, unit: Unit, after: int, limit: int) -> list[Stamp]:
        """The next accounts after this id, in the order of their ids."""
        return self._users(unit.shop.execute(_USERS_AFTER, {"after": after, "limit": limit}))

    def orders_after(self, unit: Unit, after: int, limit: int) -> list[Stamp]:
        """The next orders after this id, in the order of their ids."""
        if not self.shape.orders:
            return []
        return self._orders(unit.shop.execute(_ORDERS_AFTER, {"after": after, "limit": limit}))

    def _users(self, rows: Iterable[Any]) -> list[Stamp]:
        return [Stamp(user_id, user_id, int(at or 0)) for user_id, at in rows]

    def _orders(self, rows: Iterable[Any]) -> list[Stamp]:
        return [Stamp(order_id, user_id or 0, self._seconds(at)) for order_id, user_id, at in rows]

    def _seconds(self, at: object) -> int:
        known = moment(at, self.zone)
        return int(known.timestamp()) if known else 0


_NOW = text("SELECT UNIX_TIMESTAMP()")
_NAMELESS = text("SELECT VALUE FROM b_option WHERE MODULE_ID = 'sale' AND NAME = 'anonymous_user_id'")
_LAST_USER = text("SELECT MAX(ID) FROM b_user")
_LAST_ORDER = text("SELECT MAX(ID) FROM b_sale_order")
# A TIMESTAMP is a moment whatever the connection's zone; a DATETIME is what the shop's clock showed.
_USER = "SELECT ID, UNIX_TIMESTAMP(TIMESTAMP_X) FROM b_user"
_ORDER = "SELECT ID, USER_ID, DATE_UPDATE FROM b_sale_order"
_USERS = text(f"{_USER} WHERE ID IN :ids ORDER BY ID").bindparams(bindparam("ids", expanding=True))
_ORDERS = text(f"{_ORDER} WHERE ID IN :ids ORDER BY ID").bindparams(bindparam("ids", expanding=True))
_USERS_AFTER = text(f"{_USER} WHERE ID > :after ORDER BY ID LIMIT :limit")
_ORDERS_AFTER = text(f"{_ORDER} WHERE ID > :after ORDER BY ID LIMIT :limit")
