"""custom_hde_order_ticket: which order of the shop a ticket is about, and how we came to know.

A row is no link by itself: only a linked one counts (`Row.state`), and a customer is told of those alone whose order is
the ticket's present requester's (`kin`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, cut, is_duplicate

NUMBER_BYTES = 64

OPEN, CLOSED, GONE = "open", "closed", "gone"
"""How a ticket stands to its order; gone: deleted, or not about it (any more)."""

LINKED, SUGGESTED, FOREIGN, REMOVED = "linked", "suggested", "foreign", "removed"
CHOSEN, TEXT, OPERATOR = "portal", "text", "operator"
"""The evidence: chosen in the form, named in words, an operator's word, which nothing else overrides."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one ticket and one order, which is `user_id`'s. `sure`: not by a quotation alone."""

    order_id: int
    number: str
    user_id: int
    evidence: str
    state: str
    sure: bool
    author: str
    at: datetime


OPEN_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket of an order, by the number that people know; `order` is the order's number."""

    order_id: int
    order: str
    ticket_id: int
    ticket: str
    standing: str


def put(  # noqa: PLR0917  # a row
    unit: Unit,
    order_id: int,
    ticket_id: int,
    user_id: int,
    number: str,
    evidence: str,
    *,
    state: str = LINKED,
    kin: bool = True,
    sure: bool = True,
    author: str = "",
) -> bool:
    """The ticket is about this order of `user_id`'s. False when that is known: what was written first stays."""
    told = {
        "order": order_id,
        "ticket": ticket_id,
        "user": user_id,
        "number": number.encode(),
        "evidence": evidence.encode(),
        "state": state.encode(),
        "kin": kin,
        "sure": sure,
        "author": author,
    }
    try:
        unit.state.execute(_PUT, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def of_orders(unit: Unit, order_ids: Sequence[int], *, for_customer: bool = False) -> dict[int, list[int]]:
    """The tickets about these orders, newest first, by order; one query. Without those that are gone.

    `for_customer`: those alone whose requester is, as far as we know, the order's owner.
    """
    found: dict[int, list[int]] = {}
    if order_ids:
        told = {"orders": order_ids, "least": int(for_customer)}
        for order_id, ticket_id in unit.state.execute(_OF_ORDERS, told):
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
    """The tickets about this order that were open when we heard of them last, newest first; at most OPEN_SHOWN.

    Linked ones alone: anybody can name the order in so many tickets of his own that no other would be among them.
    """
    return list(unit.state.execute(_OPEN_OF, {"order": order_id, "limit": OPEN_SHOWN}).scalars())


def newest_of(unit: Unit, user_id: int, limit: int) -> list[int]:
    """The newest orders of this account that tickets are about, newest first."""
    return list(unit.state.execute(_NEWEST_OF, {"user": user_id, "limit": limit}).scalars())


def about_orders_of(unit: Unit, user_id: int, limit: int) -> dict[int, list[int]]:
    """The tickets of this account about its own orders, by order: of the newest orders, so many pairs at most."""
    found: dict[int, list[int]] = {}
    for order_id, ticket_id in unit.state.execute(_ABOUT_ORDERS_OF, {"user": user_id, "limit": limit}):
        found.setdefault(order_id, []).append(ticket_id)
    return found


def his_of(unit: Unit, user_id: int, ticket_id: int, limit: int) -> list[int]:
    """The newest orders of this account that the ticket is about, while it is this account's own ticket (`kin`)."""
    told = {"user": user_id, "ticket": ticket_id, "limit": limit}
    return [int(order) for order in unit.state.execute(_HIS_OF, told).scalars()]


def of_ticket(unit: Unit, ticket_id: int) -> list[int]:
    """The orders that this ticket is, was or may be about: all whose fields may have to say something else."""
    return [row[0] for row in unit.state.execute(_OF_TICKET, {"ticket": ticket_id})]


def rows(unit: Unit, ticket_id: int, order_id: int = 0, *, locked: bool = False) -> list[Row]:
    """All that is known of a ticket (and this one order), whatever its state. `locked`: nobody else changes it."""
    query = _LOCKED if locked else _ROWS
    return [
        Row(
            row.order_id,
            row.number.decode(),
            row.user_id,
            row.evidence.decode(),
            row.state.decode(),
            bool(row.sure),
            row.author,
            row.created_at.replace(tzinfo=UTC),
        )
        for row in unit.state.execute(query, {"ticket": ticket_id, "order": order_id})
    ]


def strengthen(unit: Unit, ticket_id: int, order_ids: Sequence[int]) -> None:
    """What was doubtful of these orders is sure now."""
    if order_ids:
        unit.state.execute(_STRENGTHEN, {"ticket": ticket_id, "orders": order_ids})


def turn(unit: Unit, ticket_id: int, order_id: int, *, state: str, evidence: str, author: str) -> None:
    """What was known of this pair is this now."""
    told = {"ticket": ticket_id, "order": order_id, "author": author}
    unit.state.execute(_TURN, {**told, "state": state.encode(), "evidence": evidence.encode()})


def stand_alike(unit: Unit, ticket_id: int, order_id: int) -> None:
    """A new row says of its ticket what the ticket's other rows say: its number, and how it stands."""
    unit.state.execute(_STAND_ALIKE, {"ticket": ticket_id, "order": order_id})


def drop(unit: Unit, ticket_id: int, order_id: int) -> None:
    """Nothing is known of this pair."""
    unit.state.execute(_DROP, {"ticket": ticket_id, "order": order_id})


def tell(
    unit: Unit,
    ticket_id: int,
    ticket_number: str,
    own: Collection[int],
    *,
    closed: bool,
    person: Collection[int] = (),
    probable: Collection[int] = (),
) -> None:
    """The ticket is these accounts' now, or in operators' eyes the person's, or perhaps the probable ones'.

    It follows its present requester: what is nobody's of theirs is somebody else's. An operator's word stays.
    """
    told = {
        "ticket": ticket_id,
        "number": cut(ticket_number, NUMBER_BYTES),
        "own": sorted(own) or [_NOBODY],
        "person": sorted({*own, *person}) or [_NOBODY],
        "probable": sorted(probable) or [_NOBODY],
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


_NOBODY = 0
"""No account has this id; an order of the nameless buyers' account goes by it, and is nobody's."""

_PUT = text(
    "INSERT INTO custom_hde_order_ticket "
    "(order_id, ticket_id, user_id, number, evidence, state, kin, sure, author, created_at) "
    "VALUES (:order, :ticket, :user, :number, :evidence, :state, :kin, :sure, :author, UTC_TIMESTAMP(6))"
)
_OF_ORDERS = text(
    "SELECT order_id, ticket_id FROM custom_hde_order_ticket WHERE order_id IN :orders AND standing <> 'gone' "
    "AND state = 'linked' AND kin >= :least ORDER BY ticket_id DESC"
).bindparams(bindparam("orders", expanding=True))
# A ticket that has come to the order since knows of nothing; the others know the same.
_TOLD_OF = text("SELECT MAX(told) FROM custom_hde_order_ticket WHERE order_id = :order")
_NOW_TOLD = text("UPDATE custom_hde_order_ticket SET told = :told WHERE order_id = :order")
_OPEN_OF = text(
    "SELECT ticket_id FROM custom_hde_order_ticket WHERE order_id = :order AND standing = 'open' "
    "AND state = 'linked' ORDER BY ticket_id DESC LIMIT :limit"
)
_NEWEST_OF = text(
    "SELECT DISTINCT order_id FROM custom_hde_order_ticket WHERE user_id = :user AND standing <> 'gone' "
    "AND state = 'linked' ORDER BY order_id DESC LIMIT :limit"
)
_ABOUT_ORDERS_OF = text(
    "SELECT order_id, ticket_id FROM custom_hde_order_ticket WHERE user_id = :user AND standing <> 'gone' "
    "AND state = 'linked' AND kin = 1 ORDER BY order_id DESC, ticket_id DESC LIMIT :limit"
)
_HIS_OF = text(
    "SELECT order_id FROM custom_hde_order_ticket WHERE ticket_id = :ticket AND user_id = :user "
    "AND standing <> 'gone' AND state = 'linked' AND kin = 1 ORDER BY order_id DESC LIMIT :limit"
)
_OF_TICKET = text("SELECT order_id FROM custom_hde_order_ticket WHERE ticket_id = :ticket ORDER BY order_id")
_SELECT = (
    "SELECT order_id, number, user_id, evidence, state, sure, author, created_at FROM custom_hde_order_ticket "
    "WHERE ticket_id = :ticket AND (:order = 0 OR order_id = :order) ORDER BY order_id"
)
_ROWS = text(_SELECT)
_LOCKED = text(f"{_SELECT} FOR UPDATE")
_STRENGTHEN = text(
    "UPDATE custom_hde_order_ticket SET sure = 1 WHERE ticket_id = :ticket AND order_id IN :orders"
).bindparams(bindparam("orders", expanding=True))
_TURN = text(
    "UPDATE custom_hde_order_ticket SET state = :state, evidence = :evidence, author = :author "
    "WHERE ticket_id = :ticket AND order_id = :order"
)
_STAND_ALIKE = text(
    "UPDATE custom_hde_order_ticket mine JOIN custom_hde_order_ticket others "
    "ON others.ticket_id = mine.ticket_id AND others.order_id <> mine.order_id "
    "SET mine.ticket_number = others.ticket_number, mine.standing = others.standing "
    "WHERE mine.ticket_id = :ticket AND mine.order_id = :order"
)
_DROP = text("DELETE FROM custom_hde_order_ticket WHERE ticket_id = :ticket AND order_id = :order")
_TELL = text(
    "UPDATE custom_hde_order_ticket SET ticket_number = :number, standing = :standing, "
    "kin = (user_id <> 0 AND user_id IN :own), state = CASE WHEN evidence = 'operator' THEN state "
    "WHEN user_id = 0 THEN 'foreign' "
    "WHEN user_id IN :person THEN IF(sure, 'linked', 'suggested') "
    "WHEN user_id IN :probable THEN 'suggested' ELSE 'foreign' END "
    "WHERE ticket_id = :ticket"
).bindparams(*(bindparam(name, expanding=True) for name in ("own", "person", "probable")))
_GONE = text("UPDATE custom_hde_order_ticket SET standing = 'gone' WHERE ticket_id = :ticket")
_STANDINGS = text(
    "SELECT order_id, number, ticket_id, ticket_number, IF(state = 'linked', standing, 'gone') "
    "FROM custom_hde_order_ticket WHERE order_id IN :orders ORDER BY order_id, ticket_id DESC FOR UPDATE"
).bindparams(bindparam("orders", expanding=True))
