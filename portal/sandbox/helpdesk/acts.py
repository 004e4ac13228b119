"""What can happen in a help desk, whoever causes it: both dialects, the people on the phone, the operators."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from portal.sandbox.helpdesk.state import File, Message, Person, State, Ticket

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
TAG = re.compile(r"<[a-zA-Z][^>]*>")
MARK = re.compile(r"""\s(?:class|id|style|title|data-[\w-]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)


class Impossible(ValueError):
    """The act makes no sense here; the text says why."""


def add_contact(state: State, email: str = "", name: str = "", phone: str = "", **more: Any) -> Person:
    """A new contact; channels make them without asking whether it is somebody known under another address."""
    shown = name or email.partition("@")[0] or phone
    return state.add_person(Person(state.next_id(), email.strip(), shown, phone=phone, **more), time.time())


def contact_for_email(state: State, email: str, name: str = "", phone: str = "") -> Person:
    """Whom a letter or the widget is from: the contact with that address, made at need."""
    if not email.strip():
        raise Impossible("an e-mail address is needed")
    return state.person_by_email(email) or add_contact(state, email, name, phone)


def contact_for_phone(state: State, phone: str, name: str = "") -> Person:
    """Whom a call is from: numbers are compared as text, as the vendor does, and the contact has no address."""
    if not phone.strip():
        raise Impossible("a phone number is needed")
    known = (person for person in state.people.values() if person.phone == phone and not person.staff)
    return next(known, None) or add_contact(state, "", name, phone)


def open_ticket(
    state: State,
    requester: Person,
    subject: str,
    html: str,
    channel: str,
    *,
    author: Person | None = None,
    files: Iterable[int] = (),
    fields: dict[str, Any] | None = None,
    at: float | None = None,
) -> Ticket:
    """A new ticket with its first message, of the requester's unless an `author` is told."""
    now = at or time.time()
    ticket_id = state.next_id()
    ticket = Ticket(
        ticket_id, _number(ticket_id), subject, "open", requester.id, channel, now, now, fields=fields or {}
    )
    state.tickets[ticket.id] = ticket
    state.changed("ticket", ticket.id)
    message = _say(state, ticket, author or requester, html, files=files, at=now)
    state.outgoing.happened("ticket.created", ticket.id, message.id)
    return ticket


def _number(ticket_id: int) -> str:
    """The number people see, like the vendor's IQV-84397: three letters that mean nothing, and digits."""
    letters = "".join(chr(ord("A") + ticket_id * prime % 26) for prime in (7, 11, 19))
    return f"{letters}-{10000 + ticket_id}"


def post(
    state: State,
    ticket: Ticket,
    author: Person,
    html: str,
    *,
    internal: bool = False,
    files: Iterable[int] = (),
    at: float | None = None,
) -> Message:
    """A message. An operator's takes the ticket into work and waits for the customer; a customer's opens it again."""
    message = _say(state, ticket, author, html, internal=internal, files=files, at=at)
    if not internal:
        state.outgoing.happened("message.created", ticket.id, message.id)
    return message


def _say(
    state: State,
    ticket: Ticket,
    author: Person,
    html: str,
    *,
    internal: bool = False,
    files: Iterable[int] = (),
    at: float | None = None,
) -> Message:
    now = at or time.time()
    text = _stripped(html) if state.quirks.strip_marks else html
    message = Message(state.next_id(), author.id, text, internal, now, now, list(files))
    ticket.messages.append(message)
    state.changed("note" if internal else "message", message.id)
    if not internal and author.staff:
        ticket.waiting = True
        ticket.owner_id = ticket.owner_id or author.id
        if ticket.status == "open":
            ticket.status = "process"
    elif not internal:
        ticket.waiting = False
        if ticket.status == "closed":
            ticket.status = "process"
    touch(state, ticket, now)
    return message


def _stripped(html: str) -> str:
    """HTML after a cleaner that keeps the tags and little of what is in them."""
    return TAG.sub(lambda tag: MARK.sub("", tag[0]), COMMENT.sub("", html))


def touch(state: State, ticket: Ticket, at: float | None = None) -> None:
    ticket.updated = at or time.time()
    state.changed()


def set_status(state: State, ticket: Ticket, status: str, at: float | None = None) -> None:
    ticket.status = status
    ticket.waiting = ticket.waiting and status != "closed"
    state.changed("status", ticket.id)
    touch(state, ticket, at)
    state.outgoing.happened("ticket.status_changed", ticket.id)


def assign(state: State, ticket: Ticket, owner_id: int) -> None:
    """Give the ticket to an operator; 0 takes it from everybody."""
    owner = state.people.get(owner_id)
    if owner_id and (owner is None or not owner.staff):
        raise Impossible("no such operator")
    ticket.owner_id = owner_id
    touch(state, ticket)


def move(state: State, ticket: Ticket, person: Person) -> None:
    """Another requester: from now on the ticket is his, its history included."""
    ticket.user_id = person.id
    touch(state, ticket)


def merge(state: State, into: Ticket, others: Iterable[Ticket]) -> None:
    """The others' messages move over, and the others are gone."""
    for other in others:
        if other is into:
            raise Impossible("a ticket cannot be merged into itself")
        into.messages = sorted([*into.messages, *other.messages], key=lambda message: (message.created, message.id))
        other.messages = []
        other.merged_into = into.id
        touch(state, other)
    touch(state, into)


def change_contact(state: State, person: Person, **changes: Any) -> None:
    """New values for attributes of a person; no check that an address is free, as an operator may do as he likes."""
    for key, value in changes.items():
        setattr(person, key, value)
    person.updated = time.time()
    state.changed("contact_changed", person.id)


def add_file(state: State, name: str, kind: str, content: bytes) -> File:
    file = File(state.next_id(), name, kind or "application/octet-stream", content)
    state.files[file.id] = file
    state.changed("file", file.id)
    return file
