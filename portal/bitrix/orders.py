"""The shop's orders (module sale), of both generations of its tables, as their buyer may know them.

The staff's own notes (COMMENTS, REASON_…) are in no query here. An order that the shop is saving this very moment
(RUNNING) does not count yet, and the account that all nameless buyers share is nobody's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, bindparam, text

from portal.bitrix import belongings
from portal.bitrix.asking import asked
from portal.bitrix.tables import Shape
from portal.bitrix.values import clock_from, moment, money
from portal.database import Unit
from portal.model import Buyer, Money, Order, OrderChoice, OrderStatus

ADMIN_PATH = "/bitrix/admin/sale_order_view.php?ID={}"
LONGEST_NUMBER = 100
NEVER = datetime.fromtimestamp(0, UTC)
"""For MySQL's 0000-00-00, which a column that is NOT NULL may hold."""


LONGEST_ID = 9
"""Digits of an id, which is an INT."""


@dataclass(frozen=True, slots=True)
class OwnedOrder:
    """An order and whose it is; `user_id` is 0 for an order of the account that all nameless buyers share."""

    id: int
    number: str
    user_id: int


@dataclass(frozen=True, slots=True)
class Sale:
    """The module sale of this shop: its tables, the site that counts ("" for all), its clock and its language."""

    shape: Shape
    site_id: str
    zone: ZoneInfo
    language: str

    def buyer(self, unit: Unit, user_id: int) -> Buyer | None:
        """An account and what it has bought, in one query; None when there is none, or it is the nameless buyers'."""
        rows = unit.shop.execute(_buyer(self.shape, bool(self.site_id)), self._at(user_id)).all()
        return self._buyer(rows) if rows else None

    def page(
        self, unit: Unit, user_id: int, limit: int, offset: int, since: datetime | None = None
    ) -> tuple[Order, ...]:
        """Whole orders, newest first, in two queries for any number of them.

        With `since` those alone that `changed` counts.
        """
        if not self.shape.orders:
            return ()
        told = self._at(user_id, limit=limit, offset=offset, **self._since(since))
        statement = _page(self.shape, bool(self.site_id), since is not None)
        orders = [self.whole(row) for row in unit.shop.execute(statement, told)]
        return belongings.added(unit, self.shape, self.zone, self.language, orders)

    def changed(self, unit: Unit, user_id: int, since: datetime) -> int:
        """How many of the account's orders the shop has changed at `since` or later, by their DATE_UPDATE."""
        if not self.shape.orders:
            return 0
        told = self._at(user_id, **self._since(since))
        return int(unit.shop.execute(_changed(self.shape, bool(self.site_id)), told).scalar_one())

    def order(self, unit: Unit, user_id: int, order_id: int) -> Order | None:
        """The account's order of this id, whole."""
        if not self.shape.orders:
            return None
        told = self._at(user_id, id=order_id)
        orders = [self.whole(row) for row in unit.shop.execute(_one(self.shape, bool(self.site_id)), told)]
        return next(iter(belongings.added(unit, self.shape, self.zone, self.language, orders)), None)

    def choices(self, unit: Unit, user_id: int, limit: int) -> list[OrderChoice]:
        """The newest orders without what belongs to them, newest first."""
        if not self.shape.orders:
            return []
        told = self._at(user_id, limit=limit, offset=0)
        return self._choices(unit.shop.execute(_page(self.shape, bool(self.site_id), False), told))

    def own(self, unit: Unit, user_id: int, number: str) -> OrderChoice | None:
        """The account's order of exactly this number."""
        if not self.shape.orders or not number.isprintable() or len(number) > LONGEST_NUMBER:
            return None
        told = self._at(user_id, number=number, id=int(number) if number.isdecimal() and number.isascii() else 0)
        found = self._choices(asked(unit, _own(self.shape, bool(self.site_id)), told))
        # The collation folds more than it may: a customer's "a-1" is not his "A-1".
        return next((order for order in found if order.number == number), None)

    def whosever(self, unit: Unit, numbers: Collection[str], order_id: int = 0) -> list[OwnedOrder]:
        """The orders of any of these numbers, and the one of this id, whoever they belong to; one query.

        The collation folds as it likes, so that more may come than was asked for: the caller compares. For our own
        use: whose an order is must be looked at before anybody is told of it.
        """
        wanted = [one for one in numbers if one.isprintable() and len(one) <= LONGEST_NUMBER]
        if not self.shape.orders or not (wanted or order_id):
            return []
        site = {"site": self.site_id} if self.site_id else {}
        ids = [int(one) for one in wanted if one.isdecimal() and one.isascii() and len(one) <= LONGEST_ID]
        told = {"numbers": wanted or [""], "ids": ids or [0], "id": order_id, **site}
        rows = asked(unit, _whosever(self.shape, bool(self.site_id)), told)
        return [
            OwnedOrder(row.ID, row.ACCOUNT_NUMBER or str(row.ID), 0 if row.nameless else row.USER_ID) for row in rows
        ]

    def _at(self, user_id: int, **told: object) -> dict[str, object]:
        """What every query is told; `written` is the account as an option of the shop's would name it."""
        site = {"site": self.site_id} if self.site_id else {}
        return {"user": user_id, "written": str(user_id), **site, **told}

    def _since(self, since: datetime | None) -> dict[str, object]:
        return {"since": clock_from(since, self.zone)} if since else {}

    def _buyer(self, rows: Sequence[Any]) -> Buyer:
        first = rows[0]
        names = (first.NAME, first.LAST_NAME)
        return Buyer(
            id=first.ID,
            name=" ".join(part.strip() for part in names if part and part.strip()),
            email=(first.EMAIL or "").strip().lower(),
            phone=(first.PERSONAL_PHONE or first.PERSONAL_MOBILE or "").strip(),
            registered_at=moment(first.DATE_REGISTER, self.zone),
            active=bool(first.is_active),
            orders=sum(row.orders for row in rows),
            spent=tuple(Money(money(row.spent), row.CURRENCY) for row in rows if row.spent),
        )

    def whole(self, row: Any) -> Order:
        """A row of COLUMNS, without what belongs to it."""
        created = moment(row.DATE_INSERT, self.zone) or NEVER
        return Order(
            id=row.ID,
            number=row.ACCOUNT_NUMBER or str(row.ID),
            created_at=created,
            updated_at=moment(row.DATE_UPDATE, self.zone) or created,
            status=OrderStatus(row.STATUS_ID, row.STATUS_ID),
            paid=row.PAYED == "Y",
            canceled=row.CANCELED == "Y",
            sum=money(row.PRICE),
            paid_sum=money(row.paid_sum),
            delivery_sum=money(row.PRICE_DELIVERY),
            currency=row.CURRENCY,
            admin_path=ADMIN_PATH.format(row.ID),
        )

    def _choices(self, rows: Iterable[Any]) -> list[OrderChoice]:
        orders = (self.whole(row) for row in rows)
        return [OrderChoice(order.id, order.number, order.created_at, order.sum, order.currency) for order in orders]


# Before payments were rows of their own (until about 15) a paid order's SUM_PAID stayed 0.
PAID = "IF(o.PAYED = 'Y', GREATEST(o.PRICE, o.SUM_PAID), o.SUM_PAID)"

_NOT_NAMELESS = (
    "NOT EXISTS (SELECT 1 FROM b_option WHERE MODULE_ID = 'sale' AND NAME = 'anonymous_user_id' AND VALUE = :written)"
)


def counts(shape: Shape, site: bool) -> str:
    """The further conditions of an order that counts."""
    return (" AND o.RUNNING <> 'Y'" if shape.running else "") + (" AND o.LID = :site" if site else "")


# S608 below: what is put together are names of columns and conditions of ours; values are parameters.
@cache
def _buyer(shape: Shape, site: bool) -> TextClause:
    active = "u.ACTIVE = 'Y'" + (" AND u.BLOCKED <> 'Y'" if shape.blocked else "")
    bought, join = "NULL AS CURRENCY, 0 AS orders, NULL AS spent", ""
    if shape.orders:
        bought = f"o.CURRENCY, COUNT(o.ID) AS orders, SUM(IF(o.CANCELED = 'Y', 0, {PAID})) AS spent"
        join = f" LEFT JOIN b_sale_order o ON o.USER_ID = u.ID{counts(shape, site)}"
    person = "u.ID, u.NAME, u.LAST_NAME, u.EMAIL, u.PERSONAL_PHONE, u.PERSONAL_MOBILE, u.DATE_REGISTER"
    return text(
        f"SELECT {person}, {active} AS is_active, {bought} FROM b_user u{join} "  # noqa: S608
        f"WHERE u.ID = :user AND {_NOT_NAMELESS} "
        f"GROUP BY {person}, is_active, CURRENCY ORDER BY CURRENCY"
    )


COLUMNS = (
    "o.ID, o.ACCOUNT_NUMBER, o.DATE_INSERT, o.DATE_UPDATE, o.STATUS_ID, o.PAYED, o.CANCELED, o.PRICE, "
    f"{PAID} AS paid_sum, o.PRICE_DELIVERY, o.CURRENCY"
)
_HIS = f"FROM b_sale_order o WHERE o.USER_ID = :user AND {_NOT_NAMELESS}"
_SELECT = f"SELECT {COLUMNS} {_HIS}"
NEWEST_FIRST = "o.DATE_INSERT + INTERVAL 0 SECOND DESC, o.ID DESC"
"""By no index: with a LIMIT, a database may else read all orders of the shop by their date to find his twenty."""

_SINCE = " AND o.DATE_UPDATE >= :since"


@cache
def _page(shape: Shape, site: bool, since: bool) -> TextClause:
    where = counts(shape, site) + (_SINCE if since else "")
    return text(f"{_SELECT}{where} ORDER BY {NEWEST_FIRST} LIMIT :limit OFFSET :offset")


@cache
def _changed(shape: Shape, site: bool) -> TextClause:
    return text(f"SELECT COUNT(*) {_HIS}{counts(shape, site)}{_SINCE}")


@cache
def _one(shape: Shape, site: bool) -> TextClause:
    return text(f"{_SELECT}{counts(shape, site)} AND o.ID = :id")


@cache
def _own(shape: Shape, site: bool) -> TextClause:
    number = "(o.ACCOUNT_NUMBER = :number OR (o.ID = :id AND COALESCE(o.ACCOUNT_NUMBER, '') = ''))"
    return text(f"{_SELECT}{counts(shape, site)} AND {number}")


# Three halves, each with an index of its own; UNION drops what two of them find.
@cache
def _whosever(shape: Shape, site: bool) -> TextClause:
    nameless = (
        "EXISTS (SELECT 1 FROM b_option WHERE MODULE_ID = 'sale' AND NAME = 'anonymous_user_id' "
        "AND CAST(VALUE AS UNSIGNED) = o.USER_ID)"
    )
    start = f"SELECT o.ID, o.ACCOUNT_NUMBER, o.USER_ID, {nameless} AS nameless FROM b_sale_order o WHERE "  # noqa: S608
    halves = (
        "o.ACCOUNT_NUMBER IN :numbers AND o.ACCOUNT_NUMBER <> ''",
        "o.ID IN :ids AND COALESCE(o.ACCOUNT_NUMBER, '') = ''",
        "o.ID = :id",
    )
    return text(" UNION ".join(f"{start}{half}{counts(shape, site)}" for half in halves)).bindparams(
        bindparam("numbers", expanding=True), bindparam("ids", expanding=True)
    )
