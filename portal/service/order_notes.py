"""A customer's orders as the help desk's people read them: in a field of his contact, in a note about him, in a ticket.

A help desk that has no notes about people (dialect v1) has the field in any case, and a note in the ticket that is
about the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from portal.bitrix.orders import Sale
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskMissing
from portal.helpdesk.client import Client
from portal.model import Order
from portal.service.letters import Render
from portal.service.readback import bare
from portal.store import order_tickets

LINES = 8
"""Of an order; what is more is counted. All together stays below what a field holds (decode.MAX_FIELD)."""

TICKETS = 3
"""The newest tickets about an order that are looked at for one that is open."""


class OrderNotes:
    """What PORTAL_ORDER_PUSH asks for and the help desk can hold."""

    def __init__(self, settings: Settings, databases: Databases, client: Client, render: Render) -> None:
        self._settings = settings
        self._databases = databases
        self._client = client
        self._render = render
        wanted = settings.order_push != "fields"
        self.about_people = wanted and client.notes_contacts
        self.in_tickets = wanted and not client.notes_contacts
        self.in_field = settings.order_push != "note" or not client.notes_contacts

    def field(self, orders: Sequence[Order]) -> str:
        """The field's text; "" for no orders."""
        return self._text("desk/orders.txt", orders)

    async def replace(self, contact_id: int, user_id: int, orders: Sequence[Order]) -> None:
        """The note about this contact tells these orders of the account. The new one comes before the old one goes."""
        wanted = self._text("desk/orders.html", orders, self._heading(user_id)) if orders else ""
        notes = await self._client.contact_notes(contact_id)
        ours = [note for note in notes if bare(note.html).startswith(bare(self._heading(user_id)))]
        kept = next((note for note in ours if bare(note.html) == bare(wanted)), None)
        if wanted and kept is None:
            await self._client.add_contact_note(contact_id, wanted)
        for note in ours:
            if note is not kept:
                await self._client.drop_contact_note(contact_id, note.id)

    async def forget(self, contact_id: int, user_ids: Collection[int]) -> None:
        """No note about this contact tells orders of these accounts."""
        headings = tuple(bare(self._heading(user_id)) for user_id in user_ids)
        for note in await self._client.contact_notes(contact_id):
            if bare(note.html).startswith(headings):
                await self._client.drop_contact_note(contact_id, note.id)

    async def put_in_ticket(self, sale: Sale, user_id: int, contact_id: int, order_id: int) -> None:
        """A note in the newest open ticket of this contact about this order, unless it has told the same already.

        Notes of a ticket cannot be taken back, so that each change is one more. At least once.
        """
        order, tickets, last = await self._databases.read(_about, sale, user_id, order_id)
        if order is None:
            return
        text = self._text("desk/orders.html", [order], self._heading(user_id))
        told = hashlib.sha256(text.encode()).hexdigest()
        for ticket_id in tickets[:TICKETS] if told != last else ():
            if await self._is_open(ticket_id, contact_id):
                await self._client.add_note(ticket_id, text)
                await self._databases.run(order_tickets.now_told, order_id, told)
                return

    async def _is_open(self, ticket_id: int, contact_id: int) -> bool:
        try:
            ticket = await self._client.get_ticket(ticket_id)
        except HelpdeskMissing:
            return False
        return not ticket.closed and ticket.requester_id == contact_id

    def _heading(self, user_id: int) -> str:
        """In no language, as the note is found by it whatever the locale has become since."""
        return f"{urlsplit(self._settings.public_url).hostname} #{user_id}:"

    def _text(self, template: str, orders: Sequence[Order], heading: str = "") -> str:
        context = {"orders": orders, "most": LINES, "now": datetime.now(UTC), "heading": heading}
        return self._render(template, self._settings.locale, context).strip()


def _about(unit: Unit, sale: Sale, user_id: int, order_id: int) -> tuple[Order | None, list[int], str]:
    """The account's order, the tickets about it, newest first, and what was told of it last."""
    tickets = order_tickets.of_orders(unit, [order_id]).get(order_id, [])
    order = sale.order(unit, user_id, order_id) if tickets else None
    return order, tickets, order_tickets.told_of(unit, order_id)
