"""What a customer has asked already, told to him before he asks it once more: his own open requests alone.

Found by the order that he has chosen, and by words: those of the subjects, without what stands in every second one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from portal.errors import NotFound
from portal.helpdesk.indexing import folded, ticket_of
from portal.model import Status, Ticket
from portal.service.listing import Desk
from portal.service.order_requests import open_about, still_open
from portal.service.orders import Orders
from portal.service.search_words import stem
from portal.service.sight import Person, Sight
from portal.store import tickets
from portal.store.tickets import Sort, Terms, Whose

SHOWN = 3
PATIENCE_SECONDS = 1.0
"""Who sends a request waits so long for the help desk to say what is his."""

LOOKED_AT = 50
"""Of his open requests, the newest."""

SHORTEST_WORD = 4
TEXT_LOOKED_AT = 2_000
"""Characters of the new text, the first."""

ENOUGH = 0.6
"""Of the words of the shorter subject, so many are in the other one."""

_EVERYWHERE = frozenset(map(stem, (
    "вопрос", "вопросы", "заказ", "заказа", "заказу", "обращение", "проблема", "помощь", "помогите", "здравствуйте",
    "добрый", "день", "пожалуйста", "нужно", "нужна", "срочно", "подскажите", "могу", "можно", "если", "меня", "моего",
    "когда", "какой", "почему",
    "order", "question", "problem", "help", "hello", "please", "need", "request", "support", "urgent", "about", "with",
    "have", "does", "when", "where", "what", "your", "this", "that", "from",
)))  # fmt: skip
"""What stands in every second subject."""


async def similar(
    person: Person, desk: Desk, orders: Orders, *, subject: str, text: str = "", order: str = ""
) -> list[Ticket]:
    """At most SHOWN of his open requests that look like this one; those about its order come first.

    An order that is not his has none. What our index says grants nothing, and while the help desk cannot tell what is
    his, he is told of none: it holds up nobody who wants to write.
    """
    found: list[Ticket] = []
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    if order:
        with suppress(NotFound, TimeoutError):
            async with asyncio.timeout_at(until):
                _, found = await open_about(person, desk, orders, order)
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            found += await _by_words(person, desk, subject, text)
    return list({ticket.id: ticket for ticket in found}.values())[:SHOWN]


async def _by_words(person: Person, desk: Desk, subject: str, text: str) -> list[Ticket]:
    if not said_in(f"{subject} {text}") or (person.sight is not Sight.PROVEN and not person.own):
        return []
    whose = Whose(person.contacts, person.customer.email, person.own)
    terms = Terms(statuses=[status.value for status in Status if status is not Status.CLOSED])
    rows = await desk.databases.read(tickets.find, whose, terms, sort=Sort.ACTIVITY, limit=LOOKED_AT, offset=0)
    known = [ticket for row in rows if (ticket := ticket_of(row.body))]
    asked = [ticket.id for ticket in known if alike(ticket.subject, subject, text)]
    return await still_open(person, desk, asked[:SHOWN])


def alike(asked: str, subject: str, text: str = "") -> bool:
    """Whether a request with the subject `asked` is likely to be about what is being written."""
    old, new = said_in(asked), said_in(subject)
    common = old & new
    if common and len(common) >= ENOUGH * min(len(old), len(new)):
        return True
    return len(old) > 1 and old <= new | said_in(text)


def said_in(text: str) -> set[str]:
    """The words of a text that tell what it is about, folded and without their endings."""
    words = "".join(char if char.isalnum() else " " for char in folded(text[:TEXT_LOOKED_AT])).split()
    return {stem(word) for word in words if len(word) >= SHORTEST_WORD} - _EVERYWHERE
