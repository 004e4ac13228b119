"""What a customer has asked about one of his orders, for the shop's own page of that order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from portal.database import Unit
from portal.errors import NotFound
from portal.model import OrderChoice, Status, Ticket, activity
from portal.service import requests
from portal.service.listing import Desk
from portal.service.orders import Orders
from portal.service.sight import Person
from portal.store import order_tickets

ELSEWHERE = 3
"""Requests that the first page of his list does not show and that are looked at one by one; the newest."""


async def open_about(person: Person, desk: Desk, orders: Orders, number: str) -> tuple[OrderChoice, list[Ticket]]:
    """His order of that number and his open requests about it, latest activity first.

    Raises NotFound for another's order and for none alike. What our list of orders says grants nothing: only requests
    that he may read anyway are shown, and none while the help desk cannot tell.
    """
    found = await desk.databases.read(_about, orders, person.customer.id, number)
    if found is None:
        raise NotFound
    order, about = found
    return order, await still_open(person, desk, about)


async def still_open(person: Person, desk: Desk, about: Sequence[int]) -> list[Ticket]:
    """Those of these tickets that are his and open, latest activity first, whatever said that they are."""
    if not about:
        return []
    listed = {ticket.id: ticket for ticket in (await requests.list_for(person, desk, 1)).tickets}
    rest = [ticket_id for ticket_id in about if ticket_id not in listed][:ELSEWHERE]
    others = await asyncio.gather(*(_his(person, desk, ticket_id) for ticket_id in rest))
    shown = [*(listed[ticket_id] for ticket_id in about if ticket_id in listed), *(one for one in others if one)]
    return sorted((one for one in shown if one.status is not Status.CLOSED), key=activity, reverse=True)


def _about(unit: Unit, orders: Orders, user_id: int, number: str) -> tuple[OrderChoice, list[int]] | None:
    """One thread hop: the order, looked up together with its owner, and the requests that are said to be about it."""
    order = orders.own(unit, user_id, number)
    return (order, order_tickets.open_of(unit, order.id)) if order else None


async def _his(person: Person, desk: Desk, ticket_id: int) -> Ticket | None:
    try:
        view = await requests.view_for(person, desk, ticket_id)
    except NotFound:
        return None
    return view.conversation.ticket if view.conversation else None
