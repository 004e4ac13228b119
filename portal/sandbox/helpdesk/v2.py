"""Dialect v2, the vendor's own: Basic, PHP's idea of JSON, and a lock-out that looks like a wrong key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from math import ceil

from portal.sandbox.helpdesk import v2_people, v2_tickets
from portal.sandbox.helpdesk.state import State
from portal.sandbox.helpdesk.v2_shapes import error, missing, paged, success
from portal.sandbox.helpdesk.wire import Answer, Call, Handler, find_route, json_answer, route
from portal.sandbox.helpdesk.words import (
    DEPARTMENTS,
    GROUPS,
    PRIORITIES,
    STATUSES,
    TICKET_FIELDS,
    TYPES,
    USER_FIELDS,
    USER_STATUSES,
    Field,
    Name,
)

BASE = "/api/v2"
OPTIONS_PER_PAGE = 50


def is_authorised(state: State, authorization: str) -> bool:
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    email, _, key = given.partition(":")
    return scheme.lower() == "basic" and email.casefold() == state.email.casefold() and key == state.api_key


def answer(state: State, call: Call) -> Answer:
    if call.broken:
        return error(state, 400, "Bad request", "Syntax error")
    found = find_route(ROUTES, call.method, call.path)
    if found is None:
        return error(state, 404, "Not found", "Page not found")
    handler, ids = found
    return handler(state, call, *ids)


def refused_key(state: State) -> Answer:
    return error(state, 401, "Unauthorized", "Wrong email or API key")


def banned(state: State, seconds: float, form: str) -> Answer:
    """Locked out: the very body that was seen in the wild, with 401 unless told otherwise."""
    status = int((form or "401")[:3])
    limit = f"API limit reached ({state.limit.per_minute} request per minute)."
    details = f"Ban for {ceil(state.limit.ban_seconds / 60)} min. {limit}"
    answer = json_answer(status, {"errors": [{"code": f"e-{status}", "title": "Ban", "details": details}]})
    if form == "429-retry-after":
        answer.headers["retry-after"] = str(ceil(seconds))
    return answer


def _dictionary(words: Mapping[int, Name] | Mapping[str, Name]) -> Handler:
    rows = [{"id": key, "name": name} for key, name in words.items()]
    return lambda state, call: paged(call, rows, dict)


def _groups(state: State, call: Call) -> Answer:
    rows = [{"id": key, "type": kind, "name": name, "disable": 0} for key, (kind, name) in GROUPS.items()]
    return paged(call, rows, dict)


def _field_row(number: int, field: Field) -> dict[str, object]:
    rights = {"view": 1, "edit": 1, "required_to_create_ticket": 0, "required_to_close_ticket": 0}
    return {"id": number, "name": field[2], "field_type": field[1], "permissions": {"staff": rights, "user": rights}}


def _fields(fields: dict[int, Field]) -> tuple[Handler, Handler, Handler]:
    def find_all(state: State, call: Call) -> Answer:
        return paged(call, list(fields.items()), lambda item: _field_row(*item), keyed=True)

    def find(state: State, call: Call, field_id: int) -> Answer:
        if field_id not in fields:
            return missing(state, "Field", field_id)
        return success(_field_row(field_id, fields[field_id]))

    def options(state: State, call: Call, field_id: int) -> Answer:
        if field_id not in fields:
            return missing(state, "Field", field_id)
        rows = [{"id": key, "name": {"ru": name}} for key, name in fields[field_id][3].items()]
        return paged(call, rows, dict, per_page=OPTIONS_PER_PAGE)

    return find_all, find, options


_of_tickets, _of_users = _fields(TICKET_FIELDS), _fields(USER_FIELDS)
ROUTES = (
    *v2_tickets.ROUTES,
    *v2_people.ROUTES,
    route("GET", "/statuses", _dictionary(STATUSES)),
    route("GET", "/departments", _dictionary(DEPARTMENTS)),
    route("GET", "/priorities", _dictionary(PRIORITIES)),
    route("GET", "/types", _dictionary(TYPES)),
    route("GET", "/user_statuses", _dictionary(USER_STATUSES)),
    route("GET", "/groups", _groups),
    route("GET", "/custom_fields", _of_tickets[0]),
    route("GET", "/custom_fields/{}", _of_tickets[1]),
    route("GET", "/custom_fields/{}/options", _of_tickets[2]),
    route("GET", "/users/custom_fields", _of_users[0]),
    route("GET", "/users/custom_fields/{}", _of_users[1]),
    route("GET", "/users/custom_fields/{}/options", _of_users[2]),
    route("GET", "/ips", lambda state, call: success(["127.0.0.1"])),
)
