"""custom_hde_order_ticket: which order of the shop a ticket is about, and how we came to know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, cut, is_duplicate

NUMBER_BYTES = 64

OPEN, CLOSED, GONE = "open", "closed", "gone"
"""How a ticket stands to its order; gone: deleted, or somebody else's now."""


OPEN_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket of an order, by the number that people know; `order` is the order's number."""

    order_id: int
    order: str
    ticket_id: int
    ticket: str
    standing: str


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
    """The tickets about these orders, newest first, by order; one query. Without those that are gone."""
    found: dict[int, list[int]] = {}
    if order_ids:
        for order_id, ticket_id in unit.state.execute(_OF_ORDERS, {"orders": order_ids}):
            found.setdefault(order_id, []).append(ticket_id)
    return found


def told_of(unit: Unit, order_id: int) -> str:
    """What was told of the order last (`now_told`), "" for nothing."""
    found = unit.state.execute(_TOLD_OF, {"order": order_id}).scalar()
    return bytes(found).decode() if found else ""


def now_told(unit: Unit, order_id: int, told: str) -> None:
    """This was told of the order, in one of its tickets; at most 64 bytes."""
    unit.state.execute(_NOW_TOLD, {"order": order_id, "told": told.encode()})


def open_of(unit: Unit, order_id: int) -> list[int]:
    """The tickets about this order that were open when we heard of them last, newest first; at most OPEN_SHOWN."""
    return list(unit.state.execute(_OPEN_OF, {"order": order_id, "limit": OPEN_SHOWN}).scalars())


def newest_of(unit: Unit, user_id: int, limit: int) -> list[int]:
    """The newest orders of this account that tickets are about, newest first."""
    return list(unit.state.execute(_NEWEST_OF, {"user": user_id, "limit": limit}).scalars())


def of_ticket(unit: Unit, ticket_id: int) -> list[int]:
    """The orders that this ticket is, or was, about."""
    return [row[0] for row in unit.state.execute(_OF_TICKET, {"ticket": ticket_id})]


def tell(unit: Unit, ticket_id: int, ticket_number: str, user_id: int | None, *, closed: bool) -> None:
    """The ticket is `user_id`'s now, and stands so. It is gone from the orders of anybody else."""
    told = {
        "ticket": ticket_id,
        "number": cut(ticket_number, NUMBER_BYTES),
        "user": user_id,
        "standing": (CLOSED if closed else OPEN).encode(),
    }
    unit.state.execute(_TELL, told)


def gone(unit: Unit, ticket_id: int) -> None:
    """There is no such ticket any more."""
    unit.state.execute(_GONE, {"ticket": ticket_id})


def standings(unit: Unit, order_ids: Collection[int]) -> list[Standing]:
    """The tickets of these orders, gone ones too, newest first. Nobody else changes them until the unit's end."""
    if not order_ids:
        return []
    rows = unit.state.execute(_STANDINGS, {"orders": sorted(order_ids)})
    return [
        Standing(order_id, number.decode(), ticket_id, ticket.decode() or str(ticket_id), standing.decode())
        for order_id, number, ticket_id, ticket, standing in rows
    ]


_PUT = text(
    "INSERT INTO custom_hde_order_ticket (order_id, ticket_id, user_id, number, evidence, created_at) "
    "VALUES (:order, :ticket, :user, :number, :evidence, UTC_TIMESTAMP(6))"
)
_OF_ORDERS = text(
    "SELECT order_id, ticket_id FROM custom_hde_order_ticket WHERE order_id IN :orders AND standing <> 'gone' "
    "ORDER BY ticket_id DESC"
).bindparams(bindparam("orders", expanding=True))
# A ticket that has come to the order since knows of nothing; the others know the same.
_TOLD_OF = text("SELECT MAX(told) FROM custom_hde_order_ticket WHERE order_id = :order")
_NOW_TOLD = text("UPDATE custom_hde_order_ticket SET told = :told WHERE order_id = :order")
_OPEN_OF = text(
    "SELECT ticket_id FROM custom_hde_order_ticket WHERE order_id = :order AND standing = 'open' "
    "ORDER BY ticket_id DESC LIMIT :limit"
)
_NEWEST_OF = text(
    "SELECT DISTINCT order_id FROM custom_hde_order_ticket WHERE user_id = :user AND standing <> 'gone' "
    "ORDER BY order_id DESC LIMIT :limit"
)
_OF_TICKET = text("SELECT order_id FROM custom_hde_order_ticket WHERE ticket_id = :ticket ORDER BY order_id")
_TELL = text(
    "UPDATE custom_hde_order_ticket SET ticket_number = :number, standing = IF(user_id = :user, :standing, 'gone') "
    "WHERE ticket_id = :ticket"
)
_GONE = text("UPDATE custom_hde_order_ticket SET standing = 'gone' WHERE ticket_id = :ticket")
_STANDINGS = text(
    "SELECT order_id, number, ticket_id, ticket_number, standing FROM custom_hde_order_ticket "
    "WHERE order_id IN :orders ORDER BY order_id, ticket_id DESC FOR UPDATE"
).bindparams(bindparam("orders", expanding=True))
