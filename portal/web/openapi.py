"""The description of what machines may ask of us (OpenAPI 3.1), made from the very types that the answers are made of.

Whatever a path answers stands here, and a test asks everything that this allows. A path is a function of this module
that is named in `document`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from portal.service.permits import Pace
from portal.web.etags import etag_of
from portal.web.orders_shapes import OrderPage, Problem
from portal.web.panel_links import BODY_BYTES, OrderWanted, PanelLink, TicketWanted

LARGEST_USER = 2**31 - 1
"""b_user.ID is an INT."""
LARGEST_TICKET = 2**63 - 1
LARGEST_PAGE = 10**9
BY_SECRET = Pace(allowed=6000, seconds=60, lease=200)
BY_TOKEN = Pace(allowed=120, seconds=60, lease=12)
SINCE = (
    r"^(?:19[7-9][0-9]|2[0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)

JSON = "application/json"
PROBLEM = "application/problem+json"
REF = "#/components/schemas/{name}"

Node = dict[str, Any]


def document() -> Node:
    """The whole description."""
    _, schemas = msgspec.json.schema_components(
        [OrderPage, Problem, TicketWanted, OrderWanted, PanelLink], ref_template=REF
    )
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "My Requests: a shop's orders and its operators' panel, for the help desk",
            "version": "1.0.0",
            "description": "New fields may be added to answers at any time; none is taken away or changes its meaning.",
        },
        "servers": [{"url": "/"}],
        "paths": {"/api/orders/": _orders(), "/api/panel/links": _links()},
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


_SECURITY: Node = {
    "secret": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            f"One of PORTAL_PANEL_SECRETS: every customer's orders, {BY_SECRET.allowed} questions a minute; any panel."
        ),
    },
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": f"Of ours, good for five minutes: one customer's orders, {BY_TOKEN.allowed} questions a minute.",
    },
}


def _orders() -> Node:
    errors = _problems(
        {
            400: "The question is not one of those described here.",
            401: "Neither a secret nor a token, or not a good one. Nothing is told of what was asked for.",
            404: "There is no such customer, or he is not the token's.",
            429: "Asked too often: ask again after Retry-After seconds.",
            503: "The database or, for a ticket, the help desk does not answer: ask again after Retry-After seconds.",
        }
    )
    tagged = {"ETag": _header("Of this very answer."), "Link": _header('The pages rel="prev" and rel="next", if any.')}
    known = {"description": "The answer is still the one that If-None-Match names.", "headers": tagged}
    found = {"description": "A page of orders.", "headers": tagged}
    body = _json(OrderPage)
    asking = {"parameters": _ORDERS_PARAMETERS, "security": [{"secret": []}, {"token": []}]}
    bare = {status: {name: part for name, part in told.items() if name != "content"} for status, told in errors.items()}
    return {
        "get": {
            "operationId": "orders",
            "summary": "A customer's orders",
            "description": (
                "Orders of a shop account, or of whoever a request of the help desk belongs to; newest first, "
                "20 a page. Either `user_id` or `ticket_id` is needed, and not both."
            ),
            **asking,
            "responses": {"200": {**found, **body}, "304": known, **errors},
        },
        "head": {
            "operationId": "ordersHead",
            "summary": "The same without the answer's body",
            **asking,
            "responses": {"200": found, "304": known, **bare},
        },
    }


def _links() -> Node:
    errors = _problems(
        {
            400: "The body is not one of those described here.",
            401: "No secret, or not a good one.",
            404: "The panel is off: PORTAL_HDE_ORIGIN is not set.",
            413: f"The body has more than {BODY_BYTES} bytes.",
        }
    )
    wanted = {"oneOf": [{"$ref": REF.format(name=each.__name__)} for each in (TicketWanted, OrderWanted)]}
    return {
        "post": {
            "operationId": "panelLink",
            "summary": "A link to the operator's panel",
            "description": (
                "For one operator, of a request or of an order. Whether there is one of that number is not asked: the "
                "panel says so. A field twice, or one more, is an error."
            ),
            "security": [{"secret": []}],
            "requestBody": {"required": True, "content": {JSON: {"schema": wanted}}},
            "responses": {"201": {"description": "A link.", **_json(PanelLink)}, **errors},
        }
    }


def _json(shape: type) -> Node:
    return {"content": {JSON: {"schema": {"$ref": REF.format(name=shape.__name__)}}}}


def _parameter(name: str, description: str, schema: Node, place: str = "query") -> Node:
    return {"name": name, "in": place, "description": description, "schema": schema}


def _whole(largest: int) -> Node:
    return {"type": "integer", "minimum": 1, "maximum": largest}


_ORDERS_PARAMETERS = [
    _parameter("user_id", "The shop's account (b_user.ID).", {**_whole(LARGEST_USER), "format": "int32"}),
    _parameter("ticket_id", "A request of the help desk.", {**_whole(LARGEST_TICKET), "format": "int64"}),
    _parameter("page", "Which page.", {**_whole(LARGEST_PAGE), "default": 1}),
    _parameter(
        "updated_since",
        "Only orders that the shop has changed then or later (RFC 3339; a + is written %2B). `total` and `pages` count "
        "these alone. A new request about an order is no change of it.",
        {"type": "string", "format": "date-time", "pattern": SINCE, "examples": ["2026-11-25T10:00:00Z"]},
    ),
    _parameter("If-None-Match", "The ETag of an answer that is known already.", {"type": "string"}, "header"),
]


def _header(description: str, type: str = "string") -> Node:
    return {"description": description, "schema": {"type": type}}


_ERROR_HEADERS: Mapping[int, Node] = {
    401: {"WWW-Authenticate": _header("Bearer.")},
    429: {"Retry-After": _header("Seconds.", "integer")},
    503: {"Retry-After": _header("Seconds.", "integer")},
}


def _problems(told: Mapping[int, str]) -> Node:
    """Errors, by their status, as RFC 9457 has them."""
    content = {PROBLEM: {"schema": {"$ref": REF.format(name=Problem.__name__)}}}
    return {str(status): _error(status, meaning, content) for status, meaning in told.items()}


def _error(status: int, meaning: str, content: Node) -> Node:
    headers = {"headers": _ERROR_HEADERS[status]} if status in _ERROR_HEADERS else {}
    return {"description": f"{HTTPStatus(status).phrase}. {meaning}", **headers, "content": content}


BODY = msgspec.json.format(msgspec.json.encode(document()), indent=1)
ETAG = etag_of(BODY)
