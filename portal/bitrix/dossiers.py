"""What the shop knows of a person, all his accounts together, for the operator's panel. No query is in a loop.

The account that all nameless buyers share is nobody's: it comes back from no question here but `owner`, which says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import TextClause, bindparam, text

from portal.bitrix import belongings
from portal.bitrix.orders import COLUMNS, NEVER, NEWEST_FIRST, PAID, Sale, counts
from portal.bitrix.tables import Shape
from portal.bitrix.values import moment, money
from portal.database import Unit
from portal.model import Money, Order, OrderStatus

ARCHIVED = 20
"""Archived orders of a person that are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """An account and what it has bought. `guest`: nobody has ever signed in as it: an order made it."""

    id: int
    name: str
    email: str
    registered_at: datetime | None
    active: bool
    language: str
    guest: bool
    orders: int
    canceled: int
    spent: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Archived:
    """An order in the archive (b_sale_order_archive): its row tells no more than this.

    `user_id` is 0 for an order of the account that all nameless buyers share.
    """

    order_id: int
    number: str
    user_id: int
    created_at: datetime
    archived_at: datetime | None
    status: OrderStatus
    paid: bool
    canceled: bool
    sum: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an order is."""

    user_id: int
    nameless: bool


def accounts(unit: Unit, sale: Sale, user_ids: Collection[int]) -> list[Dossier]:
    """These accounts in the order of their ids, with what they have bought."""
    if not user_ids:
        return []
    told = _told(sale, users=[*user_ids])
    rows = unit.shop.execute(_accounts(sale.shape, bool(sale.site_id)), told).all()
    return [_dossier(sale, list(mine)) for _, mine in groupby(rows, key=lambda row: row.ID)]


def orders(unit: Unit, sale: Sale, user_ids: Collection[int], limit: int, offset: int) -> list[Order]:
    """The orders of all these accounts, newest first, without what belongs to them (`whole`)."""
    if not user_ids or not sale.shape.orders:
        return []
    told = _told(sale, users=[*user_ids], limit=limit, offset=offset)
    return [sale.whole(row) for row in unit.shop.execute(_orders(sale.shape, bool(sale.site_id)), told)]


def by_id(unit: Unit, sale: Sale, order_ids: Collection[int]) -> list[tuple[Order, Owner]]:
    """These orders, whoever's, without what belongs to them."""
    if not order_ids or not sale.shape.orders:
        return []
    told = _told(sale, orders=[*order_ids])
    rows = unit.shop.execute(_by_id(sale.shape, bool(sale.site_id)), told)
    return [(sale.whole(row), Owner(row.USER_ID, bool(row.nameless))) for row in rows]


def whole(unit: Unit, sale: Sale, found: Sequence[Order]) -> dict[int, Order]:
    """The orders with what belongs to them, by id; one query."""
    told = belongings.added(unit, sale.shape, sale.zone, sale.language, found)
    return {order.id: order for order in told}


def archived(unit: Unit, sale: Sale, user_ids: Collection[int], order_ids: Collection[int] = ()) -> list[Archived]:
    """The newest archived orders of these accounts, and those of these ids whoever's, newest first."""
    if not sale.shape.archive or not (user_ids or order_ids):
        return []
    told = _told(sale, users=[*user_ids] or [0], orders=[*order_ids] or [0], language=sale.language)
    rows = unit.shop.execute(_archived(bool(sale.site_id)), told)
    return [_archived_row(sale, row) for row in rows]


def returned(unit: Unit, sale: Sale, user_ids: Collection[int]) -> tuple[Money, ...]:
    """What was paid back to these accounts, by currency."""
    if not user_ids or not (sale.shape.orders and sale.shape.parts):
        return ()
    rows = unit.shop.execute(_returned(sale.shape, bool(sale.site_id)), _told(sale, users=[*user_ids]))
    return tuple(Money(money(row.returned), row.CURRENCY) for row in rows)


def _told(sale: Sale, **told: object) -> dict[str, object]:
    return told | ({"site": sale.site_id} if sale.site_id else {})


def _dossier(sale: Sale, rows: Sequence[Any]) -> Dossier:
    first = rows[0]
    names = (first.NAME, first.LAST_NAME)
    return Dossier(
        id=first.ID,
        name=" ".join(part.strip() for part in names if part and part.strip()),
        email=(first.EMAIL or "").strip().lower(),
        registered_at=moment(first.DATE_REGISTER, sale.zone),
        active=bool(first.is_active),
        language=(first.language or "").strip().lower(),
        guest=first.LAST_LOGIN is None,
        orders=sum(row.orders for row in rows),
        canceled=int(sum(row.canceled or 0 for row in rows)),
        spent=tuple(Money(money(row.spent), row.CURRENCY) for row in rows if row.spent),
    )


def _archived_row(sale: Sale, row: Any) -> Archived:
    return Archived(
        order_id=row.ORDER_ID,
        number=row.ACCOUNT_NUMBER or str(row.ORDER_ID),
        user_id=0 if row.nameless else row.USER_ID,
        created_at=moment(row.DATE_INSERT, sale.zone) or NEVER,
        archived_at=moment(row.DATE_ARCHIVED, sale.zone),
        status=OrderStatus(row.STATUS_ID, row.status or row.STATUS_ID),
        paid=row.PAYED == "Y",
        canceled=row.CANCELED == "Y",
        sum=money(row.PRICE),
        currency=row.CURRENCY,
    )


NAMELESS = "EXISTS (SELECT 1 FROM b_option WHERE MODULE_ID = 'sale' AND NAME = 'anonymous_user_id' AND VALUE = {})"
"""Whether an id is the nameless buyers'. Compared as numbers: collations of a shop's tables differ."""


def _in(statement: str, *names: str) -> TextClause:
    return text(statement).bindparams(*(bindparam(name, expanding=True) for name in names))


# S608 below: what is put together are names of columns and conditions of ours; values are parameters.
@cache
def _accounts(shape: Shape, site: bool) -> TextClause:
    active = "u.ACTIVE = 'Y'" + (" AND u.BLOCKED <> 'Y'" if shape.blocked else "")
    language = "u.LANGUAGE_ID" if shape.language else "''"
    bought, join = "NULL AS CURRENCY, 0 AS orders, 0 AS canceled, NULL AS spent", ""
    if shape.orders:
        bought = (
            "o.CURRENCY, COUNT(o.ID) AS orders, SUM(o.CANCELED = 'Y') AS canceled, "
            f"SUM(IF(o.CANCELED = 'Y', 0, {PAID})) AS spent"
        )
        join = f" LEFT JOIN b_sale_order o ON o.USER_ID = u.ID{counts(shape, site)}"
    person = "u.ID, u.NAME, u.LAST_NAME, u.EMAIL, u.DATE_REGISTER, u.LAST_LOGIN"
    return _in(
        f"SELECT {person}, {active} AS is_active, {language} AS language, {bought} FROM b_user u{join} "  # noqa: S608
        f"WHERE u.ID IN :users AND NOT {NAMELESS.format('u.ID')} "
        f"GROUP BY {person}, is_active, language, CURRENCY ORDER BY u.ID, CURRENCY",
        "users",
    )


@cache
def _orders(shape: Shape, site: bool) -> TextClause:
    return _in(
        f"SELECT {COLUMNS} FROM b_sale_order o WHERE o.USER_ID IN :users "  # noqa: S608
        f"AND NOT {NAMELESS.format('o.USER_ID')}{counts(shape, site)} "
        f"ORDER BY {NEWEST_FIRST} LIMIT :limit OFFSET :offset",
        "users",
    )


@cache
def _by_id(shape: Shape, site: bool) -> TextClause:
    return _in(
        f"SELECT {COLUMNS}, o.USER_ID, {NAMELESS.format('o.USER_ID')} AS nameless FROM b_sale_order o "  # noqa: S608
        f"WHERE o.ID IN :orders{counts(shape, site)} ORDER BY o.ID",
        "orders",
    )


@cache
def _archived(site: bool) -> TextClause:
    columns = (
        "a.ORDER_ID, a.ACCOUNT_NUMBER, a.USER_ID, a.DATE_INSERT, a.DATE_ARCHIVED, a.STATUS_ID, a.PAYED, a.CANCELED, "
        "a.PRICE, a.CURRENCY, (SELECT MAX(s.NAME) FROM b_sale_status_lang s "
        "WHERE s.STATUS_ID = a.STATUS_ID AND s.LID = :language) AS status"
    )
    columns += f", {NAMELESS.format('a.USER_ID')} AS nameless"
    where = "AND a.LID = :site" if site else ""
    mine = f"a.USER_ID IN :users AND NOT {NAMELESS.format('a.USER_ID')} {where} ORDER BY a.ID DESC LIMIT {ARCHIVED}"
    return _in(
        f"(SELECT {columns} FROM b_sale_order_archive a WHERE {mine}) UNION "  # noqa: S608
        f"(SELECT {columns} FROM b_sale_order_archive a WHERE a.ORDER_ID IN :orders {where}) "
        "ORDER BY DATE_INSERT DESC, ORDER_ID DESC",
        "users",
        "orders",
    )


@cache
def _returned(shape: Shape, site: bool) -> TextClause:
    return _in(
        "SELECT p.CURRENCY, SUM(p.`SUM`) AS returned FROM b_sale_order o "  # noqa: S608
        "JOIN b_sale_order_payment p ON p.ORDER_ID = o.ID AND p.IS_RETURN <> 'N' "
        f"WHERE o.USER_ID IN :users AND NOT {NAMELESS.format('o.USER_ID')}{counts(shape, site)} "
        "GROUP BY p.CURRENCY ORDER BY p.CURRENCY",
        "users",
    )
