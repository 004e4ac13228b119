"""What the sandbox can be told to do, by name: /_sandbox/{name} with the arguments as JSON or as a form."""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.acts import Impossible
from portal.sandbox.helpdesk.faults import Fault
from portal.sandbox.helpdesk.limit import BAN_FORMS
from portal.sandbox.helpdesk.seed import seed_demo
from portal.sandbox.helpdesk.state import Message, Person, Quirks, State, Ticket
from portal.sandbox.helpdesk.switches import quirks, webhooks
from portal.sandbox.helpdesk.words import STATUSES, TICKET_FIELDS, field_id

Told = dict[str, Any]


def direct(state: State, name: str, told: Told) -> Told:
    """Do what `name` says. Raises Impossible with a sentence when it cannot be done, KeyError for an unknown name."""
    act = ACTS[name]
    try:
        with state.lock:
            return act(state, told)
    except (ValueError, TypeError, KeyError) as problem:
        raise Impossible(f"{name}: {problem}") from problem


# The customer, by his channels


def customer_email(state: State, told: Told) -> Told:
    """A letter: a new ticket, or with `ticket_id` another message. Whoever writes becomes a contact."""
    person = acts.contact_for_email(state, str(told["email"]), str(told.get("name", "")), str(told.get("phone", "")))
    return _write(state, told, person, "email")


def customer_widget(state: State, told: Told) -> Told:
    """The site's widget: name, address and `custom_fields` are what the page said, and nobody checks them.

    Fields that the account knows of tickets go into the ticket, all others to the contact.
    """
    person = acts.contact_for_email(state, str(told["email"]), str(told.get("name", "")), str(told.get("phone", "")))
    told_fields = told.get("custom_fields")
    claimed = told_fields if isinstance(told_fields, dict) else {}
    of_tickets = {name: value for name, value in claimed.items() if field_id(TICKET_FIELDS, name)}
    of_contacts = {name: value for name, value in claimed.items() if name not in of_tickets}
    acts.change_contact(state, person, fields={**person.fields, **of_contacts})
    return _write(state, told, person, "widget", of_tickets)


def customer_phone(state: State, told: Told) -> Told:
    """A call: the contact is known by the number as dialled and has no address of his own."""
    person = acts.contact_for_phone(state, str(told["phone"]), str(told.get("name", "")))
    return _write(state, told, person, "phone")


def _write(state: State, told: Told, person: Person, channel: str, fields: dict[str, Any] | None = None) -> Told:
    files = _files(state, told)
    if told.get("ticket_id"):
        ticket = _ticket(state, told["ticket_id"])
        message = acts.post(state, ticket, person, _html(told), files=files)
    else:
        subject = str(told.get("subject") or "Без темы")
        ticket = acts.open_ticket(state, person, subject, _html(told), channel, files=files, fields=fields)
        message = ticket.messages[0]
    return _done(ticket, message)


# The operator


def operator_reply(state: State, told: Told) -> Told:
    return _answer(state, told, internal=False)


def operator_note(state: State, told: Told) -> Told:
    """An internal note: the customer must never see it."""
    return _answer(state, told, internal=True)


def _answer(state: State, told: Told, *, internal: bool) -> Told:
    ticket = _ticket(state, told["ticket_id"])
    operator = _operator(state, told.get("operator_id"))
    message = acts.post(state, ticket, operator, _html(told), internal=internal, files=_files(state, told))
    if told.get("status"):
        operator_status(state, told)
    return _done(ticket, message)


def operator_status(state: State, told: Told) -> Told:
    ticket = _ticket(state, told["ticket_id"])
    if told["status"] not in STATUSES:
        raise Impossible(f"no such status; there are {', '.join(STATUSES)}")
    acts.set_status(state, ticket, told["status"])
    return _done(ticket)


def operator_assign(state: State, told: Told) -> Told:
    ticket = _ticket(state, told["ticket_id"])
    acts.assign(state, ticket, int(told["operator_id"]))
    return _done(ticket)


def operator_merge(state: State, told: Told) -> Told:
    into = _ticket(state, told["into"])
    told_tickets = told["tickets"]
    numbers = told_tickets.split(",") if isinstance(told_tickets, str) else told_tickets
    acts.merge(state, into, [_ticket(state, number) for number in numbers])
    return _done(into)


def operator_move(state: State, told: Told) -> Told:
    """Give the ticket to another requester, told by `user_id` or by `email` (a contact is made at need)."""
    ticket = _ticket(state, told["ticket_id"])
    person = _person(state, told["user_id"]) if told.get("user_id") else None
    acts.move(state, ticket, person or acts.contact_for_email(state, str(told["email"])))
    return _done(ticket)


def operator_contact(state: State, told: Told) -> Told:
    """Change a contact's `email`, `name`, `lastname` or `phone`."""
    person = _person(state, told["user_id"])
    changes = {key: str(told[key]) for key in ("email", "name", "lastname", "phone") if key in told}
    acts.change_contact(state, person, **changes)
    return {"user_id": person.id}


# The stage


def reset(state: State, told: Told) -> Told:
    """Everything as in a fresh account: data, faults, quirks, limits, journal."""
    state.clear()
    state.faults.mend()
    state.journal.clear()
    state.limit.lift()
    state.outgoing.clear()
    state.quirks = Quirks()
    return {}


def seed(state: State, told: Told) -> Told:
    """`demo`, or `people` [{email, name, phone, staff}], `tickets` [{email, subject, text, channel, status, replies}].

    A reply is {text, by: "customer" or an operator, internal}.
    """
    if told.get("demo"):
        seed_demo(state)
    people = [_seed_person(state, row) for row in told.get("people", [])]
    tickets = [_seed_ticket(state, row) for row in told.get("tickets", [])]
    return {"people": people, "tickets": tickets}


def _seed_person(state: State, row: Told) -> int:
    allowed = ("email", "name", "lastname", "phone", "staff", "organization", "fields")
    return acts.add_contact(state, **{key: row[key] for key in allowed if key in row}).id


def _seed_ticket(state: State, row: Told) -> int:
    person = _person(state, row["user_id"]) if row.get("user_id") else acts.contact_for_email(state, str(row["email"]))
    subject, channel = str(row.get("subject", "Без темы")), str(row.get("channel", "email"))
    ticket = acts.open_ticket(state, person, subject, _html(row), channel)
    for reply in row.get("replies", []):
        author = person if reply.get("by") == "customer" else _operator(state, reply.get("operator_id"))
        acts.post(state, ticket, author, _html(reply), internal=bool(reply.get("internal")))
    if row.get("status"):
        operator_status(state, {"ticket_id": ticket.id, "status": row["status"]})
    return ticket.id


def fault(state: State, told: Told) -> Told:
    """Break it: `kind`, `value`, `count` (calls; none: until mended), `path` (regular expression), `method`."""
    count = told.get("count")
    state.faults.add(
        Fault(
            str(told["kind"]),
            str(told.get("value", "")),
            int(count) if count else None,
            str(told.get("path", "")),
            str(told.get("method", "")).upper(),
        )
    )
    return {"faults": [asdict(one) for one in state.faults.active]}


def mend(state: State, told: Told) -> Told:
    """No faults, no lock-out."""
    state.faults.mend()
    state.limit.lift()
    return {}


def limit(state: State, told: Told) -> Told:
    """`per_minute`, `window` and `ban_seconds`, `ban_form`; `ban`: seconds of a lock-out that begins now; `lift`."""
    it = state.limit
    it.per_minute = int(told.get("per_minute", it.per_minute))
    it.window = float(told.get("window", it.window))
    it.ban_seconds = float(told.get("ban_seconds", it.ban_seconds))
    form = str(told.get("ban_form", it.ban_form))
    if form and form not in BAN_FORMS:
        raise Impossible(f"no such form; there are {', '.join(BAN_FORMS)}")
    it.ban_form = form
    if told.get("lift"):
        it.lift()
    if told.get("ban"):
        it.ban(time.time(), float(told["ban"]))
    return {"per_minute": it.per_minute, "window": it.window, "ban_seconds": it.ban_seconds, "ban_form": it.ban_form}


def describe(state: State) -> Told:
    """Everything, for tests: data without file contents, faults, quirks, limits."""
    with state.lock:
        return {
            "people": [asdict(person) for person in state.people.values()],
            "tickets": [asdict(ticket) for ticket in state.tickets.values()],
            "files": [
                {"id": f.id, "name": f.name, "type": f.type, "size": len(f.content)} for f in state.files.values()
            ],
            "faults": [asdict(one) for one in state.faults.active],
            "quirks": asdict(state.quirks),
            "limit": {"banned_until": state.limit.banned_until, "bans": state.limit.bans, **limit(state, {})},
        }


def _html(told: Told) -> str:
    if told.get("html"):
        return str(told["html"])
    lines = html.escape(str(told["text"])).splitlines()
    return f"<p>{'<br>'.join(lines)}</p>"


def _files(state: State, told: Told) -> list[int]:
    """`files`: [{name, type, base64}]."""
    rows = told.get("files") or []
    return [
        acts.add_file(state, str(row["name"]), str(row.get("type", "")), base64.b64decode(row["base64"])).id
        for row in rows
    ]


def _ticket(state: State, number: Any) -> Ticket:
    ticket = state.ticket(int(number))
    if ticket is None:
        raise Impossible(f"no such ticket: {number}")
    return ticket


def _person(state: State, number: Any) -> Person:
    person = state.people.get(int(number))
    if person is None:
        raise Impossible(f"no such person: {number}")
    return person


def _operator(state: State, number: Any) -> Person:
    """The operator told, else the last one hired: the API's own user answers only where there is nobody else."""
    person = _person(state, number) if number else state.operators()[0]
    if not person.staff:
        raise Impossible("that is not an operator")
    return person


def _done(ticket: Ticket, message: Message | None = None) -> Told:
    return {"ticket_id": ticket.id, "user_id": ticket.user_id, "message_id": message.id if message else None}


ACTS: dict[str, Callable[[State, Told], Told]] = {
    "customer/email": customer_email,
    "customer/widget": customer_widget,
    "customer/phone": customer_phone,
    "operator/reply": operator_reply,
    "operator/note": operator_note,
    "operator/status": operator_status,
    "operator/assign": operator_assign,
    "operator/merge": operator_merge,
    "operator/move": operator_move,
    "operator/contact": operator_contact,
    "reset": reset,
    "seed": seed,
    "faults": fault,
    "mend": mend,
    "quirks": quirks,
    "webhooks": webhooks,
    "limit": limit,
}
