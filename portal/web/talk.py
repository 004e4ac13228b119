"""A conversation in the order of time: messages, what became of the request, what happened to its orders. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.model import Change, Conversation, Message, Order
from portal.service.beside import Beside
from portal.service.requests import RequestView
from portal.service.writing import Delivery, Written
from portal.store.turns import Turn

PART = 50
"""Messages of one page, the newest first: a longer conversation goes on on further pages."""

ORDER_EVENTS = frozenset({
    "ORDER_CANCELED", "ORDER_STATUS_CHANGED", "PAYMENT_PAID", "ORDER_PAYED", "SHIPMENT_SHIPPED", "ORDER_DEDUCTED",
    "SHIPMENT_STATUS_CHANGED", "SHIPMENT_TRACKING_NUMBER_CHANGED", "ORDER_TRACKING_NUMBER_CHANGED",
})  # fmt: skip
"""What of an order's history a customer wants to read between his messages."""

ORDER_EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Happened:
    """Something of an order of his."""

    at: datetime
    order: Order
    change: Change


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind`: message, stayed (a message of his that was not delivered), turn or order. `is_new`: the first that is."""

    at: datetime
    kind: str
    what: Message | Written | Turn | Happened
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """One part of a conversation. `going`: messages on their way, after everything, whatever the clocks say.

    `earlier`: how many messages are on pages before this one; `last_turn`: how the request stands, by what is shown.
    """

    entries: Sequence[Entry] = ()
    going: Sequence[Written] = ()
    part: int = 1
    earlier: int = 0
    new_at: datetime | None = None
    last_turn: Turn | None = None


def parts(messages: int) -> int:
    """How many pages so many messages take."""
    return max(1, -(-messages // PART))


def talk(view: RequestView, beside: Beside, part: int, new_from: datetime | None) -> Talk:
    """Part `part` of a conversation, 1 the newest. What the shop has done after `new_from` begins with a line."""
    messages = view.conversation.messages if view.conversation else ()
    end = len(messages) - (part - 1) * PART
    begin = max(0, end - PART)
    stayed = [one for one in view.written if one.delivery in (Delivery.UNSURE, Delivery.FAILED)]
    around = [
        *(Entry(one.written_at, "stayed", one) for one in stayed),
        *(Entry(turn.at, "turn", turn) for turn in beside.turns),
        *(Entry(one.at, "order", one) for one in _of_orders(view, beside)),
    ]
    since = messages[begin].created_at if begin else None
    until = messages[end].created_at if part > 1 else None
    shown = [Entry(message.created_at, "message", message) for message in messages[begin:end]]
    shown += [one for one in around if (since is None or one.at >= since) and (until is None or one.at < until)]
    shown.sort(key=lambda one: one.at)  # of the same time messages come first, as they are put in first
    new_at = _first_new(messages, new_from)
    if new_at:
        place = next((place for place, one in enumerate(shown) if one.kind == "message" and one.at == new_at), None)
        if place:
            shown[place] = Entry(shown[place].at, "message", shown[place].what, is_new=True)
    going = [one for one in view.written if one not in stayed] if part == 1 else []
    last = beside.turns[-1] if beside.turns else None
    return Talk(shown, going, part, begin, new_at, last if part == 1 else None)


def _first_new(messages: Sequence[Message], new_from: datetime | None) -> datetime | None:
    """When the shop wrote the first message that he has not seen, if he has seen any."""
    if new_from is None or not messages or messages[0].created_at > new_from:
        return None
    return next((one.created_at for one in messages if one.from_staff and one.created_at > new_from), None)


def _of_orders(view: RequestView, beside: Beside) -> list[Happened]:
    if view.conversation is None:
        return []
    opened = view.conversation.ticket.created_at
    found = [
        Happened(change.at, order, change)
        for order in beside.orders
        for change in order.history
        if change.type in ORDER_EVENTS and change.at >= opened
    ]
    return sorted(found, key=lambda one: one.at)[-ORDER_EVENTS_SHOWN:]


def strip(order: Order) -> dict[str, Any]:
    """What stands of an order under the title, beside its number and sum: where its parcels are."""
    tracks = [one.tracking.strip() for one in order.shipments if one.tracking.strip()]
    ways = [one.status.name for one in order.shipments if one.status.name]
    return {"tracks": tracks, "ways": list(dict.fromkeys(ways))}


def has_files(conversation: Conversation) -> bool:
    """Whether anything is attached in it."""
    return any(message.files for message in conversation.messages)
