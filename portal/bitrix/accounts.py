"""All accounts of the shop, a slice at a time by their primary key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import TextClause, text

from portal.bitrix.tables import Shape
from portal.database import Unit


@dataclass(frozen=True, slots=True)
class Listed:
    """An account: its address as we compare it ("" for none), whether it is live, and whether it has ordered."""

    id: int
    email: str
    live: bool
    buys: bool


def after(unit: Unit, shape: Shape, user_id: int, limit: int) -> list[Listed]:
    """The next accounts after this id, in the order of their ids."""
    rows = unit.shop.execute(_after(shape), {"after": user_id, "limit": limit})
    return [Listed(row.ID, (row.EMAIL or "").strip().lower(), bool(row.live), bool(row.buys)) for row in rows]


# S608: what is put together are names of columns and conditions of ours; values are parameters.
@cache
def _after(shape: Shape) -> TextClause:
    live = "u.ACTIVE = 'Y'" + (" AND u.BLOCKED <> 'Y'" if shape.blocked else "")
    buys = "EXISTS (SELECT 1 FROM b_sale_order o WHERE o.USER_ID = u.ID)" if shape.orders else "FALSE"
    return text(
        f"SELECT u.ID, u.EMAIL, {live} AS live, {buys} AS buys FROM b_user u "  # noqa: S608
        "WHERE u.ID > :after ORDER BY u.ID LIMIT :limit"
    )
