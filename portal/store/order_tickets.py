"""custom_hde_order_ticket: which order of the shop a ticket is about, and how we came to know."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate


def put(unit: Unit, order_id: int, ticket_id: int, user_id: int, number: str, evidence: str) -> bool:  # noqa: PLR0917  # a row
    """The ticket is about this order of `user_id`'s. False when that is known: what was written first stays."""
    told = {
        "order": order_id,
        "ticket": ticket_id,
        "user": user_id,
        "number": number.encode(),
        "evidence": evidence.encode(),
    }
    try:
        unit.state.execute(_PUT, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def of_orders(unit: Unit, order_ids: Sequence[int]) -> dict[int, list[int]]:
    """The tickets about these orders, newest first, by order; one query."""
    found: dict[int, list[int]] = {}
    if order_ids:
        for order_id, ticket_id in unit.state.execute(_OF_ORDERS, {"orders": order_ids}):
            found.setdefault(order_id, []).append(ticket_id)
    return found


_PUT = text(
    "INSERT INTO custom_hde_order_ticket (order_id, ticket_id, user_id, number, evidence, created_at) "
    "VALUES (:order, :ticket, :user, :number, :evidence, UTC_TIMESTAMP(6))"
)
_OF_ORDERS = text(
    "SELECT order_id, ticket_id FROM custom_hde_order_ticket WHERE order_id IN :orders ORDER BY ticket_id DESC"
).bindparams(bindparam("orders", expanding=True))
