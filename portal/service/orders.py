"""The orders of a customer: those he may name in a request, and the plugin's pull."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.bitrix import goods, users
from portal.bitrix.orders import Sale
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.errors import HelpdeskError, HelpdeskMissing, NotFound
from portal.model import Buyer, Order, OrderChoice, Ticket
from portal.service.listing import Desk
from portal.service.requests import GUESSES, PATIENCE_SECONDS
from portal.store import links, order_tickets

PAGE_SIZE = 20
CHOICES = 50


@dataclass(frozen=True, slots=True)
class Pull:
    """One page of a customer's orders, newest first, and who he is. `tickets`: by order, those that are about it.

    `total` counts all that were asked for; a page beyond `pages` is empty.
    """

    buyer: Buyer
    orders: tuple[Order, ...]
    tickets: dict[int, list[int]]
    page: int
    pages: int
    total: int


class Orders:
    """Built once. `desk` tells who a ticket's requester is."""

    def __init__(self, settings: Settings, shape: Shape, desk: Desk) -> None:
        self._shape = shape
        self._sale = Sale(shape, settings.site_id, settings.timezone, settings.locale)
        self._desk = desk

    def choices(self, unit: Unit, user_id: int) -> Sequence[OrderChoice]:
        """His CHOICES newest orders, newest first."""
        return self._sale.choices(unit, user_id, CHOICES)

    def own(self, unit: Unit, user_id: int, number: str) -> OrderChoice | None:
        """His order of exactly that number; None for another's or none."""
        return self._sale.own(unit, user_id, number)

    def item(self, unit: Unit, user_id: int, number: str, name: str) -> str:
        """The name of one of the goods in his order of that number, as the shop has it; "" where it is not in it."""
        order = self.own(unit, user_id, number)
        found = goods.of_orders(unit, self._shape, user_id, [order.id]) if order else []
        return next((there for one in found for there in one.names if there == name), "")

    async def of_user(self, user_id: int, page: int, asking: int | None = None, since: datetime | None = None) -> Pull:
        """A page of an account's orders. `asking`: the customer who asks, None for the help desk.

        `since`: those alone that the shop has changed then or later.

        Raises NotFound when there is no such account, or it is not the asking customer's, or his is switched off.
        """
        if asking not in (None, user_id):
            raise NotFound
        return await self._desk.databases.read(self._pull, user_id, page, asking, since)

    async def of_ticket(
        self, ticket_id: int, page: int, asking: int | None = None, since: datetime | None = None
    ) -> Pull:
        """A page of the orders of whoever the ticket is. Raises NotFound, and HelpdeskError when nobody can say."""
        owner = await self._desk.databases.read(links.owner, ticket_id)
        if owner and asking is not None:
            return await self.of_user(owner.user_id, page, asking, since)
        ticket = await self._ticket(ticket_id, asking)
        if owner and owner.contact_id == ticket.requester_id:
            return await self.of_user(owner.user_id, page, since=since)
        found = await self._desk.databases.read(self._pull_by, ticket, page, asking, since)
        if asking is not None:  # it was no guess
            self._desk.guesses[asking] = max(0, self._desk.guesses.get(asking, 1) - 1)
        return found

    async def _ticket(self, ticket_id: int, asking: int | None) -> Ticket:
        """The ticket as it was told last. A customer may ask about so many that are not known to be his."""
        if asking is not None:
            guesses = self._desk.guesses.get(asking, 0)
            if guesses >= GUESSES:
                raise NotFound
            self._desk.guesses[asking] = guesses + 1
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        try:
            ticket = (await self._desk.cache.conversation(ticket_id, until)).value.ticket
        except HelpdeskMissing:
            raise NotFound from None
        except HelpdeskError:
            if asking is None:
                raise
            raise NotFound from None  # what happens to be kept shows in no answer to a customer
        return ticket

    def _pull_by(self, unit: Unit, ticket: Ticket, page: int, asking: int | None, since: datetime | None) -> Pull:
        user_id = whose(unit, self._shape, ticket, by_address=asking is None)
        if user_id is None or asking not in (None, user_id):
            raise NotFound
        return self._pull(unit, user_id, page, asking, since)

    def _pull(self, unit: Unit, user_id: int, page: int, asking: int | None, since: datetime | None) -> Pull:
        buyer = self._sale.buyer(unit, user_id)
        if buyer is None or (asking is not None and not buyer.active):
            raise NotFound
        total = self._sale.changed(unit, user_id, since) if since and buyer.orders else buyer.orders
        offset = (page - 1) * PAGE_SIZE
        orders = self._sale.page(unit, user_id, PAGE_SIZE, offset, since) if offset < total else ()
        tickets = order_tickets.of_orders(unit, [order.id for order in orders], for_customer=asking is not None)
        return Pull(buyer, orders, tickets, page, max(1, -(-total // PAGE_SIZE)), total)


def whose(unit: Unit, shape: Shape, ticket: Ticket, *, by_address: bool) -> int | None:
    """The account that has proven the address of the ticket's requester, and still is the only one with it.

    `by_address`: else the only account with that address, proven or not. That is for the help desk's own people,
    who read the address in the ticket.
    """
    known = links.of_contact(unit, ticket.requester_id)
    proven = {link.email for link in known if link.sees}
    holders = {email: users.sole_holder(unit, shape, email) for email in proven}
    seeing = {link.user_id for link in known if link.sees and holders[link.email] == link.user_id}
    if len(seeing) == 1:
        return seeing.pop()
    if not by_address or not ticket.requester_email:
        return None
    sole = users.sole_holder(unit, shape, ticket.requester_email)
    withdrawn = {link.user_id for link in known if link.is_withdrawn}
    return None if sole in withdrawn else sole


def present_account(unit: Unit, shape: Shape, ticket: Ticket) -> int | None:
    """The account that the ticket's present requester is, for the shop's own people; None when nobody can say."""
    owner = links.present_owner(unit, ticket.id)
    if owner and owner.contact_id == ticket.requester_id:
        return owner.user_id
    return whose(unit, shape, ticket, by_address=True)
