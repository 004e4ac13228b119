"""Dialect v1, the document's: Bearer, ISO times, tidy JSON (design: one list shape, one object shape, one error)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Any, TypeVar
from urllib.parse import quote

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.state import API_USER, File, Message, Person, State, Ticket
from portal.sandbox.helpdesk.wire import Answer, Call, find_route, json_answer, route
from portal.sandbox.helpdesk.words import TICKET_FIELDS, USER_FIELDS

BASE = "/api/v1"
PER_PAGE = 25
STATUSES = ("open", "pending", "closed")

T = TypeVar("T")


def is_authorised(state: State, authorization: str) -> bool:
    return authorization == f"Bearer {state.token}"


def answer(state: State, call: Call) -> Answer:
    if call.broken:
        return error(400, "bad_json", "The body is not a JSON object.")
    found = find_route(ROUTES, call.method, call.path)
    if found is None:
        return error(404, "not_found", "There is no such address.")
    handler, ids = found
    return handler(state, call, *ids)


def error(status: int, code: str, message: str) -> Answer:
    return json_answer(status, {"error": {"code": code, "message": message}})


def refused_key(state: State) -> Answer:
    return error(401, "unauthorized", "The token is wrong or missing.")


def banned(state: State, seconds: float, form: str) -> Answer:
    """Locked out: 429 unless told otherwise; only one of the forms says for how long."""
    status = int((form or "429")[:3])
    answer = error(status, "rate_limited", f"API limit reached ({state.limit.per_minute} requests per minute).")
    if form == "429-retry-after":
        answer.headers["retry-after"] = str(ceil(seconds))
    return answer


def missing() -> Answer:
    return error(404, "not_found", "There is no such object.")


# People


def list_users(state: State, call: Call) -> Answer:
    people = sorted(state.people.values(), key=lambda person: person.id)
    email = call.query.get("email", "").strip().casefold()
    if email and not state.quirks.ignore_filters:
        people = [person for person in people if person.email.casefold() == email]
    return paged(call, people, show_user)


def get_user(state: State, call: Call, user_id: int) -> Answer:
    person = state.people.get(user_id)
    return missing() if person is None else json_answer(200, {"data": show_user(person)})


def save_user(state: State, call: Call) -> Answer:
    """Creates, or updates whoever has that e-mail address; what is not told stays."""
    email = str(call.fields.get("email") or "").strip()
    if "@" not in email:
        return error(422, "invalid", "email is required.")
    known = state.person_by_email(email)
    person = known or acts.add_contact(state, email, str(call.fields.get("name") or ""))
    changes = {key: str(call.fields[key]) for key in ("name", "phone") if call.fields.get(key) is not None}
    fields = call.fields.get("custom_fields")
    merged = {**person.fields, **(fields if isinstance(fields, dict) else {})}
    acts.change_contact(state, person, fields=merged, **changes)
    return json_answer(200 if known else 201, {"data": show_user(person)})


# Tickets


def list_tickets(state: State, call: Call) -> Answer:
    """Newest activity first."""
    tickets = sorted(state.listed_tickets(), key=lambda ticket: (ticket.updated, ticket.id), reverse=True)
    tickets = [ticket for ticket in tickets if not ticket.deleted]
    since = call.query.get("updated_since", "")
    if not state.quirks.ignore_filters:
        if user_id := call.query.get("user_id"):
            tickets = [ticket for ticket in tickets if str(ticket.user_id) == user_id]
        if since:
            try:
                moment = datetime.fromisoformat(since).timestamp()
            except (ValueError, OverflowError):
                return error(422, "invalid", "updated_since is not an ISO 8601 time.")
            tickets = [ticket for ticket in tickets if ticket.updated >= moment]
    return paged(call, tickets, partial(show_ticket, state))


def get_ticket(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    return missing() if ticket is None else json_answer(200, {"data": show_ticket(state, ticket)})


def create_ticket(state: State, call: Call) -> Answer:
    requester = state.people.get(_number(call.fields.get("user_id")))
    subject, body = call.fields.get("subject"), call.fields.get("body")
    files = _files(state, call)
    if requester is None or not subject or not body or files is None:
        return error(422, "invalid", "user_id, subject and body are required, and file_ids must exist.")
    fields = call.fields.get("custom_fields")
    ticket = acts.open_ticket(
        state, requester, str(subject), str(body), "api", files=files, fields=fields if isinstance(fields, dict) else {}
    )
    return json_answer(201, {"data": show_ticket(state, ticket)})


def change_ticket(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return missing()
    changes = call.fields
    if changes.get("status", "open") not in STATUSES:
        return error(422, "invalid", f"status is one of {', '.join(STATUSES)}.")
    if "user_id" in changes:
        person = state.people.get(_number(changes["user_id"]))
        if person is None:
            return error(422, "invalid", "There is no such user.")
        acts.move(state, ticket, person)
    if "status" in changes:
        _set_status(state, ticket, changes["status"])
    ticket.subject = str(changes.get("subject") or ticket.subject)
    if isinstance(changes.get("custom_fields"), dict):
        ticket.fields |= changes["custom_fields"]
    acts.touch(state, ticket)
    return json_answer(200, {"data": show_ticket(state, ticket)})


def _set_status(state: State, ticket: Ticket, word: str) -> None:
    """A custom status survives "open" and "pending": those only say whose turn it is."""
    slug = "closed" if word == "closed" else ("process" if ticket.status == "closed" else ticket.status)
    acts.set_status(state, ticket, slug)
    ticket.waiting = word == "pending"


# Messages and files


def list_messages(state: State, call: Call, ticket_id: int) -> Answer:
    """Oldest first, internal notes among them."""
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return missing()
    return paged(call, ticket.messages, partial(show_message, state, call, ticket))


def create_message(state: State, call: Call, ticket_id: int) -> Answer:
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return missing()
    author = state.people.get(_number(call.fields.get("author_id", API_USER)))
    body, files = call.fields.get("body"), _files(state, call)
    if author is None or not body or files is None:
        return error(422, "invalid", "body is required; author_id and file_ids must exist.")
    message = acts.post(
        state, ticket, author, str(body), internal=bool(call.fields.get("internal", False)), files=files
    )
    return json_answer(201, {"data": show_message(state, call, ticket, message)})


def create_file(state: State, call: Call) -> Answer:
    if len(call.uploads) != 1:
        return error(422, "invalid", "One file in a multipart form is required.")
    upload = call.uploads[0]
    file = acts.add_file(state, upload.name, upload.type, upload.content)
    return json_answer(201, {"data": show_file(call, file)})


def list_custom_fields(state: State, call: Call) -> Answer:
    rows = [
        {"id": number, "name": spec[0], "scope": scope, "type": spec[1], "options": list(spec[3].values())}
        for scope, fields in (("user", USER_FIELDS), ("ticket", TICKET_FIELDS))
        for number, spec in fields.items()
    ]
    return paged(call, rows, dict)


def _files(state: State, call: Call) -> list[int] | None:
    """The told file ids, or None when one of them is not there."""
    told = call.fields.get("file_ids") or []
    ids = [_number(item) for item in told] if isinstance(told, list) else [0]
    return ids if all(number in state.files for number in ids) else None


def _number(value: Any) -> int:
    return int(value) if str(value).isdecimal() and len(str(value)) < 19 else 0


# Shapes


def paged(call: Call, found: Sequence[T], show: Callable[[T], dict[str, Any]]) -> Answer:
    page = max(1, _number(call.query.get("page", "1")))
    shown = [show(one) for one in found[(page - 1) * PER_PAGE : page * PER_PAGE]]
    pages = max(1, ceil(len(found) / PER_PAGE))
    pagination = {"page": page, "per_page": PER_PAGE, "total": len(found), "total_pages": pages}
    return json_answer(200, {"data": shown, "pagination": pagination})


def show_user(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.full_name,
        "phone": person.phone,
        "custom_fields": person.fields,
    }


def show_ticket(state: State, ticket: Ticket) -> dict[str, Any]:
    """`last_reply_at` is the time of the staff's last public message, null as long as nobody answered."""
    requester = state.people.get(ticket.user_id)
    replies = [m.created for m in ticket.messages if not m.internal and state.is_staff(m.author_id)]
    return {
        "id": ticket.id,
        "number": ticket.number,
        "subject": ticket.subject,
        "status": "closed" if ticket.status == "closed" else "pending" if ticket.waiting else "open",
        "user_id": ticket.user_id,
        "user_email": requester.email if requester else "",
        "channel": ticket.channel,
        "created_at": iso(ticket.created),
        "updated_at": iso(ticket.updated),
        "last_reply_at": iso(max(replies)) if replies else None,
        "custom_fields": ticket.fields,
    }


def show_message(state: State, call: Call, ticket: Ticket, message: Message) -> dict[str, Any]:
    author = state.people.get(message.author_id)
    return {
        "id": message.id,
        "ticket_id": ticket.id,
        "author": {
            "id": message.author_id,
            "name": author.full_name if author else "",
            "type": "staff" if author and author.staff else "user",
        },
        "body": message.html,
        "internal": message.internal,
        "created_at": iso(message.created),
        "files": [show_file(call, state.files[number]) for number in message.files],
    }


def show_file(call: Call, file: File) -> dict[str, Any]:
    url = f"{call.origin}/files/{file.key}/{quote(file.name, safe='')}"
    return {"id": file.id, "name": file.name, "size": len(file.content), "type": file.type, "url": url}


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROUTES = (
    route("GET", "/users", list_users),
    route("POST", "/users", save_user),
    route("GET", "/users/{}", get_user),
    route("GET", "/tickets", list_tickets),
    route("POST", "/tickets", create_ticket),
    route("GET", "/tickets/{}", get_ticket),
    route("PATCH", "/tickets/{}", change_ticket),
    route("GET", "/tickets/{}/messages", list_messages),
    route("POST", "/tickets/{}/messages", create_message),
    route("GET", "/custom_fields", list_custom_fields),
    route("POST", "/files", create_file),
)
