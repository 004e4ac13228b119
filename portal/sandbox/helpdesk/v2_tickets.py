"""Dialect v2: tickets with their filters, posts and comments."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.state import API_USER, Message, Person, State, Ticket
from portal.sandbox.helpdesk.v2_lists import number, ordered, within
from portal.sandbox.helpdesk.v2_shapes import (
    SOURCES,
    bad,
    deleted,
    missing,
    one,
    paged,
    show_post,
    show_ticket,
)
from portal.sandbox.helpdesk.wire import Answer, Call, Handler, route
from portal.sandbox.helpdesk.words import DEPARTMENTS, PRIORITIES, STATUSES, TICKET_FIELDS, TYPES, by_name

# filter -> what of a ticket it is compared with, as text
LISTS: dict[str, Callable[[Ticket], Any]] = {
    "user_list": lambda ticket: ticket.user_id,
    "owner_list": lambda ticket: ticket.owner_id,
    "status_list": lambda ticket: ticket.status,
    "priority_list": lambda ticket: ticket.priority_id,
    "type_list": lambda ticket: ticket.type_id,
    "department_list": lambda ticket: ticket.department_id,
    "source_list": lambda ticket: SOURCES.get(ticket.channel, ticket.channel),
    "pid": lambda ticket: ticket.parent_id,
}


def list_tickets(state: State, call: Call) -> Answer:
    """A filter it does not know by this very name it ignores, and shows everyone's."""
    tickets = state.listed_tickets()
    if not state.quirks.ignore_filters:
        tickets = _filtered(state, call.query, tickets)
    tickets = ordered(call.query.get("order_by", ""), tickets)
    return paged(call, tickets, partial(show_ticket, state), keyed=True)


def _filtered(state: State, query: dict[str, str], tickets: list[Ticket]) -> list[Ticket]:
    wants_deleted = query.get("deleted", "0") == "1"
    tickets = [ticket for ticket in tickets if ticket.deleted == wants_deleted]
    if query.get("freeze") == "1":
        tickets = []
    for name, value in LISTS.items():
        if query.get(name):
            wanted = {word.strip() for word in query[name].split(",")}
            tickets = [ticket for ticket in tickets if str(value(ticket)) in wanted]
    if words := query.get("search", "").strip().casefold():
        tickets = [ticket for ticket in tickets if _mentions(state, ticket, words)]
    return within(state, query, tickets)


def _mentions(state: State, ticket: Ticket, words: str) -> bool:
    user = state.people.get(ticket.user_id)
    text = f"{ticket.subject} {ticket.number} {user.full_name if user else ''} {user.email if user else ''}"
    return words in text.casefold()


def get_ticket(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    return missing(state, "Ticket", ticket_id) if ticket is None else one(state, show_ticket(state, ticket))


def create_ticket(state: State, call: Call) -> Answer:
    """Answers 200. An unknown `user_email` becomes a contact; without one the ticket is the API user's own."""
    told = call.fields
    if not told.get("title") or not told.get("description"):
        return bad(state, "title and description are required")
    requester = _requester(state, told)
    problem = _wrong_values(state, told)
    if requester is None or problem:
        return bad(state, problem or "user not found")
    author = state.people[API_USER] if str(told.get("create_from_user", "1")) == "0" else requester
    ticket = acts.open_ticket(
        state, requester, str(told["title"]), str(told["description"]), "api", author=author, files=_files(state, call)
    )
    _set_values(state, ticket, told)
    return one(state, show_ticket(state, ticket))


def _requester(state: State, told: dict[str, Any]) -> Person | None:
    if told.get("user_id"):
        return state.people.get(number(told["user_id"]))
    if told.get("user_email"):
        return acts.contact_for_email(state, str(told["user_email"]))
    return state.people[API_USER]


def change_ticket(state: State, call: Call, ticket_id: int) -> Answer:
    """Reads JSON only: a form in a PUT is not seen, nothing changes, and the answer is as happy as ever."""
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return missing(state, "Ticket", ticket_id)
    told = call.fields if call.encoding == "json" else {}
    if problem := _wrong_values(state, told):
        return bad(state, problem)
    if told.get("user_id"):
        person = state.people.get(number(told["user_id"]))
        if person is None:
            return bad(state, "user not found")
        acts.move(state, ticket, person)
    ticket.subject = str(told.get("title") or ticket.subject)
    _set_values(state, ticket, told)
    return one(state, show_ticket(state, ticket))


def _wrong_values(state: State, told: dict[str, Any]) -> str:
    known: dict[str, Iterable[object]] = {
        "status_id": STATUSES,
        "priority_id": PRIORITIES,
        "type_id": TYPES,
        "department_id": DEPARTMENTS,
    }
    for key, words in known.items():
        if key in told and str(told[key]) not in {str(word) for word in words}:
            return f"{key} is wrong"
    owner = told.get("owner_id")
    person = state.people.get(number(owner))
    return "owner_id is wrong" if owner and not (person and person.staff) else ""


def _set_values(state: State, ticket: Ticket, told: dict[str, Any]) -> None:
    """What may be set at creation and later alike; `''` takes the owner away."""
    for key, attribute in (("priority_id", "priority_id"), ("type_id", "type_id"), ("department_id", "department_id")):
        if key in told:
            setattr(ticket, attribute, number(told[key]))
    if "owner_id" in told:
        ticket.owner_id = number(told["owner_id"])
    if "ticket_lock" in told:
        ticket.locked = str(told["ticket_lock"]).lower() in ("1", "true")
    if "status_id" in told:
        acts.set_status(state, ticket, str(told["status_id"]))
    if isinstance(told.get("tags"), list):
        ticket.tags = [str(tag) for tag in told["tags"]]
    ticket.fields |= by_name(TICKET_FIELDS, told.get("custom_fields"))
    acts.touch(state, ticket)


def delete_ticket(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return missing(state, "Ticket", ticket_id)
    if call.query.get("delete") == "true":
        del state.tickets[ticket_id]
        state.changed()
    else:
        ticket.deleted = True
        acts.touch(state, ticket)
    return deleted(f"Ticket with id {{{ticket_id}}} successfully deleted")


def unite(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    told = call.fields.get("ticket_list")
    others = [state.ticket(number(item)) for item in told] if isinstance(told, list) else []
    if ticket is None:
        return missing(state, "Ticket", ticket_id)
    if not others or ticket in others or None in others:
        return bad(state, "ticket_list is wrong")
    acts.merge(state, ticket, [other for other in others if other])
    return one(state, show_ticket(state, ticket))


# Posts, which the customer sees, and comments, which only the staff does: one code, two words


def _messages(internal: bool) -> tuple[Handler, Handler, Handler, Handler]:
    word = "Comment" if internal else "Post"

    def find_all(state: State, call: Call, ticket_id: int) -> Answer:
        """Newest first."""
        ticket = state.ticket(ticket_id)
        if ticket is None:
            return missing(state, "Ticket", ticket_id)
        found = [message for message in reversed(ticket.messages) if message.internal == internal]
        return paged(call, found, partial(show_post, state, call, ticket))

    def create(state: State, call: Call, ticket_id: int) -> Answer:
        ticket = state.ticket(ticket_id)
        if ticket is None:
            return missing(state, "Ticket", ticket_id)
        author = state.people.get(number(call.fields.get("user_id", API_USER)))
        text = call.fields.get("text")
        if not text or author is None:
            return bad(state, "text is required, user_id must exist")
        if not internal and (ticket.locked or (ticket.status == "closed" and state.quirks.closed_refuses)):
            return bad(state, "Ticket is closed")
        message = acts.post(state, ticket, author, str(text), internal=internal, files=_files(state, call))
        return one(state, show_post(state, call, ticket, message))

    def change(state: State, call: Call, ticket_id: int, message_id: int) -> Answer:
        found = _find(state, ticket_id, message_id)
        if found is None:
            return missing(state, word, message_id)
        ticket, message = found
        if call.encoding == "json" and call.fields.get("text"):
            message.html, message.updated = str(call.fields["text"]), time.time()
            acts.touch(state, ticket)
        return one(state, show_post(state, call, ticket, message))

    def delete(state: State, call: Call, ticket_id: int, message_id: int) -> Answer:
        found = _find(state, ticket_id, message_id)
        if found is None:
            return missing(state, word, message_id)
        ticket, message = found
        ticket.messages.remove(message)
        acts.touch(state, ticket)
        return deleted(f"{word} with id {{{message_id}}} in ticket with id {{{ticket_id}}} successfully deleted")

    def _find(state: State, ticket_id: int, message_id: int) -> tuple[Ticket, Message] | None:
        ticket = state.ticket(ticket_id)
        for message in ticket.messages if ticket else ():
            if ticket and message.id == message_id and message.internal == internal:
                return ticket, message
        return None

    return find_all, create, change, delete


def _files(state: State, call: Call) -> list[int]:
    """Only `files[0]`, `files[1]`, …: a file under another name is lost without a word."""
    mine = [upload for upload in call.uploads if re.fullmatch(r"files\[\d+\]", upload.key)]
    return [acts.add_file(state, upload.name, upload.type, upload.content).id for upload in mine]


_posts, _comments = _messages(internal=False), _messages(internal=True)
ROUTES = (
    route("GET", "/tickets", list_tickets),
    route("POST", "/tickets", create_ticket),
    route("GET", "/tickets/{}", get_ticket),
    route("PUT", "/tickets/{}", change_ticket),
    route("DELETE", "/tickets/{}", delete_ticket),
    route("POST", "/tickets/{}/union", unite),
    route("GET", "/tickets/{}/posts", _posts[0]),
    route("POST", "/tickets/{}/posts", _posts[1]),
    route("PUT", "/tickets/{}/posts/{}", _posts[2]),
    route("DELETE", "/tickets/{}/posts/{}", _posts[3]),
    route("GET", "/tickets/{}/comments", _comments[0]),
    route("POST", "/tickets/{}/comments", _comments[1]),
    route("PUT", "/tickets/{}/comments/{}", _comments[2]),
    route("DELETE", "/tickets/{}/comments/{}", _comments[3]),
)
