"""Accounts of the shop by whatever names a person: ids, addresses and phones; and the phones that have no index.

b_user.EMAIL has an index and b_user_phone_auth.PHONE_NUMBER (E.164, since main 18.5) a unique one: both are asked
directly. PERSONAL_PHONE, PERSONAL_MOBILE and b_sale_order_props_value.VALUE have none, and are free text besides:
looking a number up there would read a million rows. They are read by primary key only, slice by slice, into an index of
ours (store/traces.py), and what that index finds of an account is compared with the account as it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, text

from portal.bitrix.asking import asked
from portal.bitrix.tables import Shape
from portal.database import Unit

HOLDERS = 8
"""Accounts read that hold one address; that many are shared beyond doubt."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An account: `email` lower-cased and trimmed, `phones` as they were typed.

    `number`: of b_user_phone_auth, "" for none. `confirmed`: whether the shop has seen the code that was sent to it.
    `live`: neither switched off nor blocked.
    """

    id: int
    name: str
    email: str
    phones: tuple[str, ...]
    number: str
    confirmed: bool
    live: bool


class Typed(NamedTuple):
    """A phone or an address as somebody typed it, of an account or (order_id) an order of his."""

    value: str
    is_phone: bool
    user_id: int
    order_id: int = 0


def found(
    unit: Unit, shape: Shape, ids: Collection[int], emails: Collection[str], phones: Collection[str]
) -> list[Holder]:
    """The accounts of these ids, and the live ones that hold one of these addresses or numbers (E.164); one query.

    HOLDERS at most of one address. The account that all nameless buyers share is nobody's, and not among them.
    """
    phones = phones if shape.phone_auth else ()
    if not ids and not emails and not phones:
        return []
    told: dict[str, object] = {f"e{n}": email for n, email in enumerate(sorted(emails))}
    told |= {f"p{n}": phone for n, phone in enumerate(sorted(phones))}
    told |= {"ids": sorted(ids)}
    return [_holder(row) for row in asked(unit, _found(shape, len(emails), len(phones)), told)]


def typed_by_accounts(unit: Unit, after: int, limit: int) -> tuple[list[Typed], int | None]:
    """The phones of the next accounts after this id, and the last id that was read; None when these were the last."""
    rows = unit.shop.execute(_ACCOUNTS_AFTER, {"after": after, "limit": limit}).all()
    return _of_accounts(rows), rows[-1].ID if len(rows) == limit else None


def typed_by_these_accounts(unit: Unit, ids: Sequence[int]) -> list[Typed]:
    """The same of these accounts."""
    return _of_accounts(unit.shop.execute(_ACCOUNTS, {"ids": ids})) if ids else []


def typed_in_orders(unit: Unit, shape: Shape, after: int, limit: int) -> tuple[list[Typed], int | None]:
    """Phones and addresses of the next orders after this id, and the last id read; None when these were the last."""
    if not shape.order_props:
        return [], None
    ids = list(unit.shop.execute(_ORDERS_AFTER, {"after": after, "limit": limit}).scalars())
    return typed_in_these_orders(unit, shape, ids), ids[-1] if len(ids) == limit else None


def typed_in_these_orders(unit: Unit, shape: Shape, ids: Sequence[int]) -> list[Typed]:
    """The same of these orders. Those of the nameless buyers' account tell nothing of an account."""
    if not ids or not shape.order_props:
        return []
    rows = unit.shop.execute(_props(shape), {"ids": ids})
    return [Typed(row.VALUE, row.IS_PHONE == "Y", row.USER_ID, row.ID) for row in rows if row.VALUE and row.USER_ID]


def _of_accounts(rows: Iterable[Any]) -> list[Typed]:
    return [Typed(phone, True, row.ID) for row in rows for phone in (row.PERSONAL_PHONE, row.PERSONAL_MOBILE) if phone]


def _holder(row: Any) -> Holder:
    names = (row.NAME, row.LAST_NAME)
    return Holder(
        id=row.ID,
        name=" ".join(part.strip() for part in names if part and part.strip()),
        email=(row.EMAIL or "").strip().lower(),
        phones=tuple(phone for phone in (row.PERSONAL_PHONE, row.PERSONAL_MOBILE) if phone),
        number=row.number or "",
        confirmed=row.confirmed == "Y",
        live=bool(row.live),
    )


# S608 below: what is put together are names of columns and conditions of ours; values are parameters.
@lru_cache(64)
def _found(shape: Shape, emails: int, phones: int) -> TextClause:
    live = "ACTIVE = 'Y'" + (" AND BLOCKED <> 'Y'" if shape.blocked else "")
    parts = ["SELECT ID FROM b_user WHERE ID IN :ids"]
    # Bitrix checks an address without the spaces around it and may keep it with them (users.py).
    parts += [
        f"(SELECT ID FROM b_user WHERE EMAIL IN (:e{n}, CONCAT(' ', :e{n}), CONCAT(:e{n}, ' ')) AND {live} "  # noqa: S608
        f"LIMIT {HOLDERS})"
        for n in range(emails)
    ]
    parts += [f"(SELECT USER_ID FROM b_user_phone_auth WHERE PHONE_NUMBER = :p{n})" for n in range(phones)]  # noqa: S608
    number, join = "'' AS number, 'N' AS confirmed", ""
    if shape.phone_auth:
        number = "p.PHONE_NUMBER AS number, p.CONFIRMED AS confirmed"
        join = " LEFT JOIN b_user_phone_auth p ON p.USER_ID = u.ID"
    return text(
        "SELECT STRAIGHT_JOIN u.ID, u.NAME, u.LAST_NAME, u.EMAIL, u.PERSONAL_PHONE, u.PERSONAL_MOBILE, "  # noqa: S608
        f"u.{live.replace(' BLOCKED', ' u.BLOCKED')} AS live, {number} "
        f"FROM ({' UNION '.join(parts)}) AS w JOIN b_user u ON u.ID = w.ID{join} WHERE u.ID NOT IN ({_NAMELESS})"
    ).bindparams(bindparam("ids", expanding=True))


# Compared as numbers: an option's text has a collation of its own.
_NAMELESS = (
    "SELECT VALUE + 0 FROM b_option WHERE MODULE_ID = 'sale' AND NAME = 'anonymous_user_id' AND VALUE IS NOT NULL"
)
_PHONES = "SELECT ID, PERSONAL_PHONE, PERSONAL_MOBILE FROM b_user"
_ACCOUNTS_AFTER = text(f"{_PHONES} WHERE ID > :after ORDER BY ID LIMIT :limit")
_ACCOUNTS = text(f"{_PHONES} WHERE ID IN :ids").bindparams(bindparam("ids", expanding=True))
_ORDERS_AFTER = text("SELECT ID FROM b_sale_order WHERE ID > :after ORDER BY ID LIMIT :limit")


@cache
def _props(shape: Shape) -> TextClause:
    # A shipment has properties, too, since about 20; its receiver may be anybody.
    orders = " AND v.ENTITY_TYPE = 'ORDER'" if shape.order_props_entity else ""
    return text(
        "SELECT STRAIGHT_JOIN o.ID, o.USER_ID, p.IS_PHONE, v.VALUE FROM b_sale_order o "  # noqa: S608
        "JOIN b_sale_order_props_value v ON v.ORDER_ID = o.ID JOIN b_sale_order_props p ON p.ID = v.ORDER_PROPS_ID "
        f"WHERE o.ID IN :ids AND (p.IS_PHONE = 'Y' OR p.IS_EMAIL = 'Y'){orders} "
        f"AND o.USER_ID NOT IN ({_NAMELESS})"
    ).bindparams(bindparam("ids", expanding=True))
