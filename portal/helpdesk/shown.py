"""Whether kept copies show a ticket's newest change, and lists what conversations know; if not they are forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from portal.database import Unit
from portal.helpdesk import indexing
from portal.helpdesk.copies import CONVERSATIONS, TICKETS, Kind, glance
from portal.helpdesk.forgetting import forget
from portal.model import Conversation, Ticket, TicketPage
from portal.store import snapshots, tickets, turns
from portal.store.snapshots import Snapshot

T = TypeVar("T")


class _Row(msgspec.Struct):
    """The little of a kept ticket that is of interest here."""

    id: int
    requester_id: int
    updated_at: datetime
    status: str
    last_reply_at: datetime | None


class _Page(msgspec.Struct):
    tickets: tuple[_Row, ...]


class _Conversation(msgspec.Struct):
    ticket: _Row


def forget_unless_shown(unit: Unit, ticket: Ticket) -> bool:
    """Forget the conversation and the requester's lists, unless what is kept of them shows this state of the ticket.

    `ticket` is as a list of the help desk tells it. An event has often been here before, and what it made old has been
    fetched again by then; but lists may be behind the tickets, and one that was fetched too early is found out here.
    Returns whether something was forgotten.
    """
    conversation = snapshots.load(unit, CONVERSATIONS, str(ticket.id))
    first_page = snapshots.load(unit, TICKETS, f"{ticket.requester_id}:1")
    kept = [
        *([_in_conversation(conversation)] if conversation else []),
        *([_in_page(first_page, ticket.id)] if first_page else []),
    ]
    if kept and all(row is not None and _is_as_new(row, ticket) for row in kept):
        return False
    forget(unit, ticket.id, ticket.requester_id)
    return True


def keep(
    unit: Unit, kind: Kind[T], key: str, value: T, *, holder: bytes, began: datetime, body: bytes
) -> Snapshot | None:
    """Keep a copy (snapshots.store). A list that tells otherwise than a conversation knows is not fresh any more.

    A list takes from conversations what it knows less well (last_word.py), but only when it is fetched; the sweep would
    call it fresh for a day.
    """
    brief = kind.brief(value)
    stored = snapshots.store(unit, kind.name, key, holder=holder, began=began, body=body, brief=brief)
    if stored and isinstance(value, TicketPage):
        _note_lists(unit, value)
        tickets.put(unit, indexing.listed(value.tickets))
    if stored and isinstance(value, Conversation):
        ticket = value.ticket
        tickets.put(unit, [indexing.talked(value)])
        turns.note(unit, ticket)
        first_page = snapshots.load(unit, TICKETS, f"{ticket.requester_id}:1")
        row = _in_page(first_page, ticket.id) if first_page else None
        if row and (row.status, row.last_reply_at) != (ticket.status, ticket.last_reply_at):
            snapshots.forget(unit, TICKETS, f"{ticket.requester_id}:1")
    return stored


def _note_lists(unit: Unit, page: TicketPage) -> None:
    """Remember in whose lists these tickets are; whoever had one of them before has lists that are not fresh."""
    by_contact: dict[int, list[int]] = {}
    for ticket in page.tickets:
        by_contact.setdefault(ticket.requester_id, []).append(ticket.id)
    for contact, ids in by_contact.items():
        before = snapshots.lists_of(unit, ids)
        for other in sorted(set(before.values()) - {contact}):
            snapshots.forget_under(unit, TICKETS, f"{other}:")
        snapshots.put_into_lists(unit, contact, sorted(one for one in ids if before.get(one) != contact))


def _is_as_new(row: _Row, ticket: Ticket) -> bool:
    return row.updated_at >= ticket.updated_at and row.requester_id == ticket.requester_id


def _in_conversation(found: Snapshot) -> _Row | None:
    value = glance(found.body, _Conversation)
    return value.ticket if value else None


def _in_page(found: Snapshot, ticket_id: int) -> _Row | None:
    value = glance(found.body, _Page)
    return next((row for row in value.tickets if row.id == ticket_id), None) if value else None
