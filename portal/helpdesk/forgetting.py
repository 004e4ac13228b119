"""Which kept copies an event makes old: the conversation, and every list that may show its ticket.

And which go when their owner does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from portal.database import Unit
from portal.helpdesk.copies import CONTACT, CONTACTS, CONVERSATIONS, TICKETS, glance
from portal.store import index_wants, snapshots, turns
from portal.store import tickets as index


class _Ticket(msgspec.Struct):
    requester_id: int


class _Listed(msgspec.Struct):
    id: int


class _Page(msgspec.Struct):
    """The little of a kept list that is of interest here."""

    tickets: list[_Listed]


class _Conversation(msgspec.Struct):
    """The little of a kept conversation that is of interest here."""

    ticket: _Ticket


def forget(unit: Unit, ticket_id: int, contact_id: int | None) -> None:
    """Something has happened to this ticket; `contact_id` is its requester, where that is known.

    The requester as our own copies know him loses his lists, too: the ticket may have been given to somebody else.
    """
    kept = snapshots.load(unit, CONVERSATIONS, str(ticket_id))
    snapshots.forget(unit, CONVERSATIONS, str(ticket_id))
    listed = snapshots.lists_of(unit, [ticket_id]).get(ticket_id)
    told = {contact_id, listed, _requester(kept.body if kept else None)}
    if contact_id is not None:
        index.belongs(unit, ticket_id, contact_id)
    for contact in sorted(contact for contact in told if contact is not None):
        snapshots.forget_under(unit, TICKETS, f"{contact}:")


def erase(unit: Unit, contact_ids: Sequence[int], ticket_ids: Sequence[int], emails: Sequence[str]) -> None:
    """Delete the copies of these contacts, of their lists and the conversations in them, of these tickets, and of whose
    these addresses are; and what our index has of them.
    """
    copies, tickets = _copies(unit, contact_ids, ticket_ids, emails)
    for kind, key in copies:
        snapshots.drop(unit, kind, key)
    _erase_index(unit, contact_ids, tickets)


def wipe(unit: Unit, contact_ids: Sequence[int], ticket_ids: Sequence[int], emails: Sequence[str]) -> int:
    """The same of somebody who stays: how many there were. Every process forgets them, and who asks next fetches them
    anew.
    """
    copies, tickets = _copies(unit, contact_ids, ticket_ids, emails)
    count = sum(snapshots.wipe(unit, kind, key) for kind, key in copies)
    return count + _erase_index(unit, contact_ids, tickets)


def _erase_index(unit: Unit, contact_ids: Sequence[int], ticket_ids: Sequence[int]) -> int:
    index_wants.erase(unit, contact_ids)
    turns.erase(unit, ticket_ids)
    return index.erase(unit, contact_ids, ticket_ids)


def _copies(
    unit: Unit, contact_ids: Sequence[int], ticket_ids: Sequence[int], emails: Sequence[str]
) -> tuple[list[tuple[str, str]], list[int]]:
    """Kind and key of every copy of theirs, and of which tickets there are any."""
    found = [(CONTACTS, email) for email in emails]
    tickets = {*ticket_ids, *index.ids_of(unit, contact_ids)}
    for contact in contact_ids:
        found.append((CONTACT, str(contact)))
        for key, body in snapshots.under(unit, TICKETS, f"{contact}:"):
            tickets |= _listed(body)
            found.append((TICKETS, key))
    for ticket in sorted(tickets):
        found += [(CONVERSATIONS, str(ticket)), (snapshots.LISTED, str(ticket))]
    return found, sorted(tickets)


def _listed(body: bytes | None) -> set[int]:
    page = glance(body, _Page)
    return {ticket.id for ticket in page.tickets} if page else set()


def _requester(body: bytes | None) -> int | None:
    conversation = glance(body, _Conversation)
    return conversation.ticket.requester_id if conversation else None
