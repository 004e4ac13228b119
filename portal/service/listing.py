"""Which copies of the help desk a person's list is made of: those of his contacts, and of his own tickets elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from cachetools import TTLCache

from portal.database import Databases, Unit
from portal.errors import HelpdeskError, NotFound
from portal.helpdesk.cache import Cache
from portal.model import Copy, TicketPage, activity
from portal.service.sight import Person, Sight
from portal.store import links, profiles

OWN_ASKED = 3
"""Own tickets that the first page of their contact does not list and that are looked at one by one; the newest."""

MERGED_PAGES = 10
"""A person with several contacts gets their lists merged; beyond this page that would cost a call a page a contact."""

GUESS_SECONDS = 60
"""For so long we remember which tickets somebody has asked for, and which the help desk said are his."""


class Desk:
    """What the requests are read from: the cached help desk, and our links to write down new contacts."""

    def __init__(self, cache: Cache, databases: Databases) -> None:
        self.cache = cache
        self.databases = databases
        self.guesses: TTLCache[int, int] = TTLCache(10_000, GUESS_SECONDS)
        self.his: TTLCache[tuple[int, int], bool] = TTLCache(10_000, GUESS_SECONDS)


async def contacts_of(person: Person, desk: Desk, until: float) -> tuple[int, ...]:
    """The contacts whose tickets this person sees; those that carry his proven address now are written down first."""
    if person.sight is not Sight.PROVEN:
        return ()
    if person.joins is None:
        return tuple(sorted(person.contacts))
    try:
        found = await desk.cache.contacts(person.customer.email, until)
    except HelpdeskError:
        if not person.contacts:
            raise
        return tuple(sorted(person.contacts))
    ids = {contact.id for contact in found.value} - person.withdrawn
    if found.stale:
        return tuple(sorted(ids & person.contacts))
    if new := ids - person.contacts:
        await desk.databases.run(_join, person.customer.id, person.customer.email, person.joins, sorted(new))
    return tuple(sorted(ids))


def _join(unit: Unit, user_id: int, email: str, evidence: str, contact_ids: Sequence[int]) -> None:
    links.add(unit, user_id, email, evidence, contact_ids)
    profiles.take_over(unit, user_id, email)


async def own_elsewhere(person: Person, desk: Desk, contacts: Sequence[int], until: float) -> list[Copy[TicketPage]]:
    """His own tickets that are filed under contacts whose other tickets he does not see, a page a contact."""
    by_contact: dict[int, list[int]] = {}
    for ticket_id, contact in person.own.items():
        if contact not in contacts:
            by_contact.setdefault(contact, []).append(ticket_id)
    return list(await asyncio.gather(*(_own_of(desk, contact, ids, until) for contact, ids in by_contact.items())))


async def _own_of(desk: Desk, contact: int, ids: Sequence[int], until: float) -> Copy[TicketPage]:
    """These tickets of a contact and none of its others. What its first page does not list is looked at itself."""
    first = await desk.cache.tickets(contact, 1, until)
    found = {ticket.id: ticket for ticket in first.value.tickets if ticket.id in ids}
    missing = sorted((ticket_id for ticket_id in ids if ticket_id not in found), reverse=True)[:OWN_ASKED]
    looked_at = await asyncio.gather(
        *(desk.cache.conversation(ticket_id, until) for ticket_id in missing), return_exceptions=True
    )
    for copy in looked_at:
        if isinstance(copy, Copy) and copy.value.ticket.requester_id == contact:
            found[copy.value.ticket.id] = copy.value.ticket
        elif isinstance(copy, BaseException) and not isinstance(copy, HelpdeskError):
            raise copy
    version = "-".join([first.version, *(copy.version for copy in looked_at if isinstance(copy, Copy))])
    own = tuple(sorted(found.values(), key=activity, reverse=True))
    return replace(first, value=TicketPage(own, 1, 1, len(own)), version=version)


async def pages_of(
    desk: Desk, contacts: Sequence[int], page: int, until: float, *, merged: bool
) -> list[Copy[TicketPage]]:
    """The upstream pages that page `page` is made of: that one for one contact, the first ones of each for several.

    `merged`: other tickets stand among them, as if there was a further contact.
    """
    if len(contacts) == 1 and not merged:
        # The first page says how many there are: numbers are cheap to make up, and a page is a call.
        first = await desk.cache.tickets(contacts[0], 1, until)
        if page > max(1, first.value.pages):
            raise NotFound
        return [first if page == 1 else await desk.cache.tickets(contacts[0], page, until)]
    if page > MERGED_PAGES:
        raise NotFound
    wanted = [(contact, number) for contact in contacts for number in range(1, page + 1)]
    found = await asyncio.gather(*(desk.cache.tickets(contact, number, until) for contact, number in wanted))
    return list(found)
