"""What an order's field in the shop says of the tickets about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from portal.bitrix.order_field import OrderField
from portal.config import Settings
from portal.database import Unit
from portal.store import order_tickets
from portal.store.order_tickets import GONE, OPEN, Standing

FIELD_TICKETS = 50
"""Tickets an order's field names; of more, the newest."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What the field of this order (its number) said, and says now."""

    order: str
    before: str
    after: str


class OrderFields:
    """Built once."""

    def __init__(self, settings: Settings) -> None:
        self._field = OrderField(settings.order_field)

    def say(self, unit: Unit, order_ids: Sequence[int]) -> tuple[FieldChange, ...]:
        """The fields of these orders say how all of their tickets stand."""
        if not order_ids or (said := self._field.read(unit, list(order_ids))) is None:
            return ()
        rows = order_tickets.standings(unit, order_ids)
        numbers = {row.order_id: row.order for row in rows}
        news = {order_id: field_text([row for row in rows if row.order_id == order_id]) for order_id in order_ids}
        changed = {order_id: text for order_id, text in news.items() if text != said[order_id]}
        if not changed or not self._field.write(unit, changed):
            return ()
        named = sorted(changed.items())
        return tuple(FieldChange(numbers.get(order, str(order)), said[order], text) for order, text in named)


def field_text(rows: Collection[Standing]) -> str:
    """What an order's field says of its tickets, open ones first: "10482 open; 10377 closed"."""
    there = [row for row in rows if row.standing != GONE][:FIELD_TICKETS]
    return "; ".join(f"{row.ticket} {row.standing}" for row in sorted(there, key=lambda row: row.standing != OPEN))
