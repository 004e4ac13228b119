"""How dialect v2 writes things down: maps keyed by id, three formats of dates, and nothing quite alike twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import ceil
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from portal.sandbox.helpdesk.state import Message, Person, State, Ticket
from portal.sandbox.helpdesk.wire import Answer, Call, json_answer
from portal.sandbox.helpdesk.words import DEPARTMENTS, GROUPS, TICKET_FIELDS, USER_FIELDS, Field

PER_PAGE = 30
SOURCES = {"phone": "call", "telegram": "Telegram", "whatsapp": "WhatsApp"}
"""The canonical channel as v2's `source` has it, where it differs."""

Row = dict[str, Any]
T = TypeVar("T")


def success(data: Any) -> Answer:
    return json_answer(200, {"data": data})


def one(state: State, row: Row) -> Answer:
    """One object, as it is or in a map under its id."""
    return success({str(row["id"]): row} if state.quirks.keyed_objects else row)


def error(state: State, status: int, title: str, details: str) -> Answer:
    body = {"errors": [{"code": f"e-{status}", "title": title, "details": details}]}
    return json_answer(200 if state.quirks.errors_on_200 else status, body)


def deleted(details: str) -> Answer:
    """A deletion that succeeded: told in `errors`, of all places."""
    return json_answer(200, {"errors": [{"code": "s-204", "title": "No content", "details": details}]})


def missing(state: State, what: str, number: int) -> Answer:
    return error(state, 404, "Not found", f"{what} with id {{{number}}} not found")


def bad(state: State, details: str) -> Answer:
    return error(state, 400, "Bad request", details)


def paged(
    call: Call, found: Sequence[T], show: Callable[[T], Row], *, keyed: bool = False, per_page: int = PER_PAGE
) -> Answer:
    """`keyed`: a map by id, `[]` when empty, and a string for `total`, as the vendor's PHP makes of tickets.

    The page size is the vendor's; `per_page` in the query changes nothing.
    """
    told = call.query.get("page", "1")
    page = max(1, int(told)) if told.isdecimal() and len(told) < 10 else 1
    shown = [show(one) for one in found[(page - 1) * per_page : page * per_page]]
    pages = max(1, ceil(len(found) / per_page))
    total = str(len(found)) if keyed else len(found)
    data: Any = {str(row["id"]): row for row in shown} if keyed and shown else shown
    pagination = {"total": total, "per_page": per_page, "current_page": page, "total_pages": pages}
    return json_answer(200, {"data": data, "pagination": pagination})


def show_date(state: State, moment: float) -> str:
    """Of tickets and users."""
    return _local(state, moment).strftime("%Y-%m-%d %H:%M:%S")


def show_post_date(state: State, moment: float) -> str:
    """Of posts and comments."""
    return _local(state, moment).strftime("%H:%M:%S %d.%m.%Y")


def show_sla_date(state: State, ticket: Ticket) -> Any:
    """A third format; nothing is the word "null", null, or empty, one as good as another."""
    if ticket.sla is None:
        return ("null", None, "")[ticket.id % 3]
    return _local(state, ticket.sla).strftime("%d.%m.%Y %H:%M")


def read_date(state: State, text: str) -> float | None:
    """A filter's date as epoch seconds; None when it cannot be read, and then the vendor ignores it."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo(state.timezone)).timestamp()
    except (ValueError, OverflowError):
        return None


def _local(state: State, moment: float) -> datetime:
    return datetime.fromtimestamp(moment, ZoneInfo(state.timezone))


def show_fields(fields: dict[int, Field], values: dict[str, Any]) -> list[Row]:
    """Only fields that were ever set; a select shows an object, or "" when emptied."""
    rows = []
    for number, (name, kind, _, options) in fields.items():
        if name in values:
            rows.append({"id": number, "field_type": kind, "field_value": _field_value(kind, values[name], options)})
    return rows


def _field_value(kind: str, value: Any, options: dict[int, str]) -> Any:
    if kind == "select":
        number = int(value) if str(value).isdecimal() else 0
        return {"id": number, "name": options[number]} if number in options else ""
    return int(str(value) in ("1", "True", "true")) if kind == "checkbox" else value


def show_ticket(state: State, ticket: Ticket) -> Row:
    """No body and no date of the last reply: they are in the posts, if one asks."""
    owner = state.people.get(ticket.owner_id)
    user = state.people.get(ticket.user_id)
    department = DEPARTMENTS[ticket.department_id]
    return {
        "id": ticket.id,
        "pid": ticket.parent_id,
        "unique_id": ticket.number,
        "date_created": show_date(state, ticket.created),
        "date_updated": show_date(state, ticket.updated),
        "title": ticket.subject,
        "source": SOURCES.get(ticket.channel, ticket.channel),
        "status_id": ticket.status,
        "priority_id": ticket.priority_id,
        "type_id": ticket.type_id,
        "department_id": ticket.department_id,
        "department_name": department if isinstance(department, str) else department["ru"],
        "owner_id": ticket.owner_id,
        "owner_name": owner.name if owner else "",
        "owner_lastname": owner.lastname if owner else "",
        "owner_email": owner.email if owner else "",
        "user_id": ticket.user_id,
        "user_name": user.name if user else "",
        "user_lastname": user.lastname if user else "",
        "user_email": user.email if user else "",
        "cc": [],
        "bcc": [],
        "followers": [],
        "ticket_lock": int(ticket.locked),
        "sla_date": show_sla_date(state, ticket),
        "sla_flag": 0,
        "freeze_date": "null",
        "freeze": 0,
        "deleted": int(ticket.deleted),
        "viewed_by_staff": int(bool(ticket.owner_id)),
        "viewed_by_client": 1,
        "rate": "",
        "rate_comment": "",
        "rate_date": "",
        "custom_fields": show_fields(TICKET_FIELDS, ticket.fields),
        "tags": ticket.tags,
        "jira_issues": [],
    }


def show_post(state: State, call: Call, ticket: Ticket, message: Message) -> Row:
    """Nothing says whether the author is staff; his name is there only now and then."""
    row: Row = {
        "ticket_id": ticket.id,
        "id": message.id,
        "user_id": message.author_id,
        "text": message.html,
        "date_created": show_post_date(state, message.created),
    }
    if message.internal:
        row["visible"] = "staff"
    else:
        row["date_updated"] = show_post_date(state, message.updated)
    author = state.people.get(message.author_id)
    if author and message.id % 2:
        row["user_name"] = author.name
    row["files"] = [
        {
            "name": state.files[number].name,
            "url": f"{call.origin}/ru/file/download/{state.files[number].key}",
            "data_type": state.files[number].name.rpartition(".")[2].lower(),
        }
        for number in message.files
    ]
    return row


def show_user(state: State, person: Person) -> Row:
    """With everyone's `api_key`, as the vendor does: the reader has to look away."""
    group = 2 if person.staff else 1
    kind, name = GROUPS[group]
    organization: Any = person.organization and {
        "id": 8, "name": person.organization, "domains": "", "address": "", "phone": "", "email": "", "web": ""
    }  # fmt: skip
    return {
        "id": person.id,
        "date_created": show_date(state, person.created),
        "date_updated": show_date(state, person.updated),
        "name": person.name,
        "lastname": person.lastname,
        "alias": "",
        "email": person.email,
        "phone": person.phone,
        "skype": "",
        "website": "",
        "organization": organization,
        "status": person.status,
        "language": "ru",
        "notifications": 0,
        "api_key": person.api_key,
        "group": {"id": group, "type": kind, "name": name, "disable": 0},
        "department": list(DEPARTMENTS) if person.staff else [],
        "ldap_username": "",
        "custom_fields": show_fields(USER_FIELDS, person.fields),
    }
