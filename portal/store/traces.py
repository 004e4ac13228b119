"""custom_hde_trace: phones of accounts, phones and addresses of their orders; what Bitrix keeps without an index.

A copy, made anew by walking over the shop (service/traces.py). It is asked only for whom to look at.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import bindparam, text

from portal.database import Unit

VALUE_BYTES = 320


class Trace(NamedTuple):
    """This phone (E.164) or address (lower-cased) is an account's, by an order of his or (0) by itself."""

    value: str
    user_id: int
    order_id: int


def replace(unit: Unit, now: Collection[Trace], *, orders: Collection[int] = (), users: Collection[int] = ()) -> None:
    """What there is of these orders, or of these accounts themselves, is `now`. What was so before is not written."""
    for which, ids in ((_OF_ORDERS, orders), (_OF_USERS, users)):
        if ids:
            _make_so(unit, which, {"ids": sorted(ids)}, now)


def replace_between(unit: Unit, now: Collection[Trace], after: int, last: int, *, orders: bool) -> None:
    """The same of all orders, or all accounts themselves, whose ids are above `after` up to `last`."""
    _make_so(unit, _BETWEEN_ORDERS if orders else _BETWEEN_USERS, {"after": after, "last": last}, now)


def _make_so(unit: Unit, which: object, told: dict[str, object], now: Collection[Trace]) -> None:
    kept = {Trace(bytes(row[0]).decode(), int(row[1]), int(row[2])) for row in unit.state.execute(which, told)}  # type: ignore[call-overload]
    fits = {trace for trace in now if len(trace.value.encode()) <= VALUE_BYTES}
    if gone := sorted(kept - fits):
        rows = [(trace.value.encode(), trace.user_id, trace.order_id) for trace in gone]
        unit.state.execute(_DELETE, {"rows": rows})
    if new := sorted(fits - kept):
        unit.state.execute(_INSERT, [_row(trace) for trace in new])


def _row(trace: Trace) -> dict[str, object]:
    return {"value": trace.value.encode(), "user": trace.user_id, "order": trace.order_id}


_SELECT = "SELECT value, user_id, order_id FROM custom_hde_trace WHERE"
_OF_ORDERS = text(f"{_SELECT} order_id IN :ids").bindparams(bindparam("ids", expanding=True))
_OF_USERS = text(f"{_SELECT} user_id IN :ids AND order_id = 0").bindparams(bindparam("ids", expanding=True))
_BETWEEN_ORDERS = text(f"{_SELECT} order_id > :after AND order_id <= :last")
_BETWEEN_USERS = text(f"{_SELECT} user_id > :after AND user_id <= :last AND order_id = 0")
_DELETE = text("DELETE FROM custom_hde_trace WHERE (value, user_id, order_id) IN :rows").bindparams(
    bindparam("rows", expanding=True)
)
# Two workers may find the same at once; the row is the same then.
_INSERT = text(
    "INSERT INTO custom_hde_trace (value, user_id, order_id) VALUES (:value, :user, :order) "
    "ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)"
)
