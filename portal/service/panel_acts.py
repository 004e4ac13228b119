"""What an operator does in his panel beside looking: his word about who is who, and which order a ticket is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from portal.database import Unit
from portal.errors import NotFound
from portal.service.evidence import Node
from portal.service.identity import Identity
from portal.service.ticket_orders import TicketOrders
from portal.store.panel import Handle, Whom

Deed = Callable[[Unit, Handle, Sequence[Whom]], None]
"""Does it in the caller's transaction; raises NotFound, and nothing has happened then."""


def words(identity: Identity, ticket_orders: TicketOrders) -> Mapping[str, Deed]:
    """Who is who, as operators say it; by the name of the act. The panel's ticket follows: its orders may be theirs."""

    def follow(unit: Unit, handle: Handle) -> None:
        if handle.ticket_id is not None:
            ticket_orders.follow(unit, handle.ticket_id)

    def say(unit: Unit, handle: Handle, whom: Sequence[Whom], *, same: bool) -> None:
        left, right = (_node(*one) for one in whom)
        identity.say(unit, handle.operator, left, right, same=same)
        follow(unit, handle)

    def undo(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        identity.undo(unit, handle.operator, whom[0][1])
        follow(unit, handle)

    return {"same": partial(say, same=True), "not-same": partial(say, same=False), "undo": undo}


def links(ticket_orders: TicketOrders) -> Mapping[str, Deed]:
    """Which order the panel's ticket is about; by the name of the act."""

    def link(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        ticket_orders.link(unit, handle.operator, _ticket(handle), whom[0][1])

    def unlink(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        ticket_orders.unlink(unit, handle.operator, _ticket(handle), whom[0][1])

    def undo(unit: Unit, handle: Handle, whom: Sequence[Whom]) -> None:
        ticket_orders.undo(unit, handle.operator, _ticket(handle), whom[0][1])

    return {"link": link, "unlink": unlink, "undo-link": undo}


def _node(kind: str, number: int) -> Node:
    return Node("account" if kind == "account" else "contact", number)


def _ticket(handle: Handle) -> int:
    """The panel's own ticket: no form can name another. Raises NotFound in the panel of an order."""
    if handle.ticket_id is None:
        raise NotFound
    return handle.ticket_id
