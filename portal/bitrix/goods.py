"""What was bought in which order, by name: what a customer remembers when he looks for what he asked of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, text

from portal.bitrix.tables import Shape
from portal.database import Unit

LINES = 2_000
"""Of all the orders together."""


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's number and the names of what is in it."""

    order_id: int
    number: str
    names: tuple[str, ...]


def of_orders(unit: Unit, shape: Shape, user_id: int, order_ids: Collection[int]) -> list[Goods]:
    """Those of these orders that are this account's, in one query; at most LINES lines of them all."""
    if not shape.orders or not order_ids:
        return []
    told = {"user": user_id, "orders": sorted(order_ids), "limit": LINES}
    found: dict[int, tuple[str, list[str]]] = {}
    for order_id, number, name in unit.shop.execute(_GOODS, told):
        found.setdefault(int(order_id), (number or str(order_id), []))[1].append(name or "")
    return [Goods(order_id, number, tuple(names)) for order_id, (number, names) in found.items()]


_GOODS = text(
    "SELECT o.ID, o.ACCOUNT_NUMBER, b.NAME FROM b_sale_order o LEFT JOIN b_sale_basket b ON b.ORDER_ID = o.ID "
    "WHERE o.ID IN :orders AND o.USER_ID = :user ORDER BY o.ID DESC, b.ID LIMIT :limit"
).bindparams(bindparam("orders", expanding=True))
