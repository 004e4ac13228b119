"""POST /api/panel/links: a link to the operator's panel, for the help desk's plugin and for the shop's admin pages.

A link names a ticket or an order and the operator it is for. Whether there is such a ticket is not asked: that would
cost a call of the help desk, and who holds the secret may ask for any. web/openapi.py describes it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.exceptions import ClientException, InternalServerException, NotAuthorizedException
from msgspec import Meta, Struct

from portal.service import panel_doors as doors
from portal.service.panel_doors import Link
from portal.web.answers import Answer, problem
from portal.web.bearer import has_panel_secret
from portal.web.site import Site
from portal.web.visitor import AnyRequest
from portal.web.words import tidy

BODY_BYTES = 4096
LARGEST = 2**63 - 1
OPERATOR = re.compile(rf"[^\W_](?:[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{0,{doors.OPERATOR_CHARACTERS - 1}}})")
"""What a help desk may call its operator: an id, a login, a name. It begins with a letter or a digit."""

WANTED = (
    'the body must be JSON: {"ticket_id": 10, "operator": "ivan"} or {"order_id": 10, "operator": "ivan"}, and nothing '
    f"else; a number is positive and whole, an operator has 1 to {doors.OPERATOR_CHARACTERS} characters"
)

Number = Annotated[int, Meta(ge=1, le=LARGEST)]
Operator = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=doors.OPERATOR_CHARACTERS,
        description="Who will look: an id, a login or a name. It begins with a letter or a digit, of any alphabet, and "
        "has no control characters.",
        examples=["ivan"],
    ),
]


class TicketWanted(Struct, forbid_unknown_fields=True):
    """The panel of a request of the help desk."""

    ticket_id: Number
    operator: Operator


class OrderWanted(Struct, forbid_unknown_fields=True):
    """The panel of an order of the shop (b_sale_order.ID)."""

    order_id: Number
    operator: Operator


class PanelLink(Struct):
    """What opens one panel, once, until `expires_at`: the address, or `token` as a form's field to {prefix}/panel."""

    url: str
    token: str
    expires_at: Annotated[datetime, Meta(description="In UTC.", examples=["2026-11-25T10:05:00Z"])]


@post("/api/panel/links", status_code=201, request_max_body_size=BODY_BYTES)
async def links(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """201 `{url, token, expires_at}`; 401 without the secret, 400 for another body, 404 while the panel is off."""
    if not has_panel_secret(site.settings, request):
        raise NotAuthorizedException
    if not site.settings.panel:
        return problem(404, "the panel is off: PORTAL_HDE_ORIGIN is not set")
    try:
        link = _link(await request.body())
    except InternalServerException:
        raise ClientException("the sender hung up") from None
    token, expires_at = doors.mint(site.tokens, link)
    url = f"{site.settings.public_url}{site.settings.prefix}/panel/{token}"
    body = msgspec.json.encode(PanelLink(url, token, expires_at))
    return Response(body, status_code=201, media_type=MediaType.JSON)


def _link(body: bytes) -> Link:
    """Raises ClientException unless it is exactly what WANTED says.

    An operator is who his name looks like: a space or an invisible letter more would be another one in the audit, with
    searches of his own.
    """
    try:
        told = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ClientException(WANTED) from None
    match told:
        case {"ticket_id": int(number), "operator": str(operator)} if len(told) == 2:
            link = Link(tidy(operator), ticket_id=number)
        case {"order_id": int(number), "operator": str(operator)} if len(told) == 2:
            link = Link(tidy(operator), order_id=number)
        case _:
            raise ClientException(WANTED)
    if isinstance(number, bool) or not 0 < number <= LARGEST or not OPERATOR.fullmatch(operator):
        raise ClientException(WANTED)
    return link


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError for a name that stands twice: two readers might take different ones."""
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a name twice")
    return told
