"""What our index of tickets (store/tickets.py) is told of the copies that are kept. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

import msgspec

from portal.helpdesk.copies import FORMAT
from portal.model import Conversation, Ticket, activity
from portal.store.tickets import Indexed

LONGEST_HEAD = 2_000
LONGEST_SAID = 20_000
"""Characters of a conversation that are searched, the newest."""

_TAG = re.compile(r"<[^<>]{0,2000}>")


def folded(text: str) -> str:
    """Text as it is searched: without case, ё as е, every run of white space and controls one space."""
    shown = "".join(char if char.isprintable() else " " for char in text.casefold().replace("ё", "е"))
    return " ".join(shown.split())


def listed(tickets: Sequence[Ticket]) -> list[Indexed]:
    """Rows of tickets that a list tells of."""
    return [_row(ticket) for ticket in tickets]


def talked(conversation: Conversation) -> Indexed:
    """The row of a ticket whose messages are known, too."""
    said = _said(conversation)
    return _row(conversation.ticket, words=folded(said).encode(), said=said.encode())


def ticket_of(body: bytes) -> Ticket | None:
    """The ticket of a row; None when it was put by a version of ours that wrote another format."""
    if body[:1] != FORMAT:
        return None
    try:
        return msgspec.json.decode(body[1:], type=Ticket)
    except msgspec.MsgspecError:
        return None


def _row(ticket: Ticket, words: bytes | None = None, said: bytes | None = None) -> Indexed:
    return Indexed(
        ticket_id=ticket.id,
        contact_id=ticket.requester_id,
        email=ticket.requester_email.encode()[:320],
        status=ticket.status.value.encode(),
        channel=ticket.channel.value.encode(),
        created_at=ticket.created_at,
        active_at=activity(ticket),
        updated_at=ticket.updated_at,
        body=FORMAT + msgspec.json.encode(ticket),
        head=folded(f"{ticket.subject[:LONGEST_HEAD]} {ticket.number}").encode(),
        words=words,
        said=said,
    )


def _said(conversation: Conversation) -> str:
    """What is written in it and what its files are called, newest first: what does not fit is the oldest."""
    pieces, left = [], LONGEST_SAID
    for message in reversed(conversation.messages):
        html = message.html[: 10 * left]
        words = " ".join(unescape(_TAG.sub(" ", html)).split())
        piece = " ".join([words, *(file.name for file in message.files)])[:left]
        pieces.append(piece)
        left -= len(piece)
        if left <= 0:
            break
    return "\n".join(pieces)
