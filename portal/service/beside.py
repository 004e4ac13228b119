"""What stands beside the messages of a conversation: its orders, when it was closed, and how its customer found it."""

from __future__ import annotations

from dataclasses import dataclass

from portal.bitrix import dossiers
from portal.bitrix.orders import Sale
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.model import Order
from portal.service.acting import may_change, of_this_closing
from portal.store import order_tickets, ratings, turns
from portal.store.ratings import Rating
from portal.store.turns import Turn

ORDERS = 3
"""Orders of one conversation that are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Beside:
    """`rating_open`: whether he may say something else still. Everything is his own: an order of anybody else is not
    here, whoever has linked it.
    """

    turns: tuple[Turn, ...] = ()
    orders: tuple[Order, ...] = ()
    rating: Rating | None = None
    rating_open: bool = False


NOTHING = Beside()


class Besides:
    """Built once."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self._sale = Sale(shape, settings.site_id, settings.timezone, settings.locale)

    def read(self, unit: Unit, user_id: int, ticket_id: int) -> Beside:
        """What stands beside a ticket that is known to be this account's: three queries, and two for its orders."""
        known = turns.of(unit, ticket_id)
        rating = of_this_closing(ratings.of(unit, user_id, ticket_id), known)
        return Beside(
            known,
            self._orders(unit, user_id, ticket_id),
            rating,
            rating is not None and may_change(rating),
        )

    def _orders(self, unit: Unit, user_id: int, ticket_id: int) -> tuple[Order, ...]:
        ids = order_tickets.his_of(unit, user_id, ticket_id, ORDERS)
        found = [order for order, owner in dossiers.by_id(unit, self._sale, ids) if owner.user_id == user_id]
        whole = dossiers.whole(unit, self._sale, found) if found else {}
        return tuple(whole[order.id] for order in sorted(found, key=lambda one: one.id, reverse=True))
