"""Whose turn it is, told by who had the last word (design/look.md, "Words"), and how a list comes to know it.

The help desk's lists do not say who wrote last; a kept conversation does. So a short note lies beside each kept
conversation, and a list takes from it what it knows better. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from portal.model import Conversation, Message, Status, Ticket


def with_last_word(ticket: Ticket, messages: Sequence[Message]) -> Ticket:
    """The ticket as its conversation tells it; a status that is closed or unknown to us stays as it is."""
    if not messages:
        return ticket
    last = messages[-1]
    status = ticket.status
    if status not in (Status.CLOSED, Status.OTHER):
        if last.from_staff:
            status = Status.WAITING
        else:
            answered = any(message.from_staff for message in messages)
            status = Status.IN_PROGRESS if answered else Status.RECEIVED
    return replace(ticket, status=status, last_reply_at=last.created_at)


def brief(value: Conversation) -> bytes:
    """What a list wants to know of a conversation: its status, its last reply, and as of which change."""
    ticket = value.ticket
    said = ticket.last_reply_at.isoformat() if ticket.last_reply_at else ""
    return f"{ticket.status}|{said}|{ticket.updated_at.isoformat()}".encode()


def overlaid(ticket: Ticket, note: bytes | None) -> Ticket:
    """The ticket with what its kept conversation knows better, unless the ticket has changed since."""
    if not note:
        return ticket
    status, said, updated = note.decode().split("|")
    known_as_of = datetime.fromisoformat(updated)
    if known_as_of < ticket.updated_at:
        return ticket
    replied = datetime.fromisoformat(said).astimezone(UTC) if said else ticket.last_reply_at
    if known_as_of == ticket.updated_at and ticket.status in (Status.CLOSED, Status.OTHER):
        return replace(ticket, last_reply_at=replied)
    # The vendor's lists come from an index that is behind the tickets themselves.
    return replace(ticket, status=Status(status), last_reply_at=replied, closed=status == Status.CLOSED)
