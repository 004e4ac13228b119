"""Which kept copies an event makes old: the conversation, and every list that may show its ticket."""

from __future__ import annotations

import msgspec

from portal.database import Unit
from portal.helpdesk.copies import CONVERSATIONS, FORMAT, TICKETS
from portal.store import snapshots


class _Ticket(msgspec.Struct):
    requester_id: int


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
    for contact in sorted(contact for contact in told if contact is not None):
        snapshots.forget_under(unit, TICKETS, f"{contact}:")


def _requester(body: bytes | None) -> int | None:
    if not body or body[:1] != FORMAT:
        return None
    try:
        return msgspec.json.decode(body[1:], type=_Conversation).ticket.requester_id
    except msgspec.MsgspecError:
        return None
