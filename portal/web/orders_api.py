"""GET /api/orders/: a customer's orders as JSON, for the help desk's plugin and for the customer himself.

A Bearer secret (PORTAL_PANEL_SECRETS) may ask for anybody; a token of ours (`?token=`, purpose "orders", good for
TOKEN_SECONDS) for the customer it names. Who is asking is settled before what is asked, that before how often, and that
before what is there. web/openapi.py describes it all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlencode

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.exceptions import ClientException, NotAuthorizedException

from portal.service.orders import Pull
from portal.service.permits import Pace
from portal.web import openapi
from portal.web.answers import Answer
from portal.web.bearer import has_panel_secret
from portal.web.etags import etag_of, is_known
from portal.web.openapi import BY_SECRET, BY_TOKEN, LARGEST_PAGE, LARGEST_TICKET, LARGEST_USER, SINCE
from portal.web.orders_shapes import order_page
from portal.web.reading import get
from portal.web.site import Site
from portal.web.visitor import AnyRequest

TOKEN_SECONDS = 300
DESCRIPTION_SECONDS = 300
"""How long the description may be kept without asking."""

NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_SINCE = re.compile(SINCE.strip("^$"))

Query = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a customer, or None for the help desk; by what name he is counted, and how often he may."""

    user_id: int | None
    name: str
    pace: Pace


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: of which account or, without one, of whose ticket."""

    user_id: int | None
    ticket_id: int
    page: int
    since: datetime | None

    def at(self, page: int) -> str:
        """Where another page of the same is. The asker adds what he proves himself with."""
        whose = {"user_id": self.user_id} if self.user_id is not None else {"ticket_id": self.ticket_id}
        since = {"updated_since": self.since.isoformat()} if self.since else {}
        return f"/api/orders/?{urlencode({**whose, **since, 'page': page})}"


@get("/api/orders/")
async def pull(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """A page of somebody's orders: of `user_id`, or of whoever `ticket_id` belongs to. 304 to who has it already."""
    query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    caller = _caller(site, request, query)
    asked = _question(query)
    await site.permits.spend(caller.name, caller.pace)
    if asked.user_id is not None:
        found = await site.orders.of_user(asked.user_id, asked.page, caller.user_id, asked.since)
    else:
        found = await site.orders.of_ticket(asked.ticket_id, asked.page, caller.user_id, asked.since)
    body = msgspec.json.encode(order_page(site.settings, found))
    headers = {"etag": etag_of(body), "link": _links(asked, found)}
    return _unless_known(request, body, {name: value for name, value in headers.items() if value})


@get("/api/orders/openapi.json")
async def description(request: AnyRequest) -> Answer:
    """What can be asked here and what comes back (OpenAPI 3.1), the same for everybody."""
    headers = {"etag": openapi.ETAG, "cache-control": f"public, max-age={DESCRIPTION_SECONDS}"}
    return _unless_known(request, openapi.BODY, headers)


def _unless_known(request: AnyRequest, body: bytes, headers: dict[str, str]) -> Answer:
    if is_known(request, headers["etag"]):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=MediaType.JSON, headers=headers)


def _links(asked: Question, found: Pull) -> str:
    """Where the pages before and after this one are (RFC 8288)."""
    last = found.pages
    near = {"prev": min(asked.page - 1, last), "next": asked.page + 1 if asked.page < last else 0}
    return ", ".join(f'<{asked.at(page)}>; rel="{name}"' for name, page in near.items() if page)


def _caller(site: Site, request: AnyRequest, query: Query) -> Caller:
    """Raises NotAuthorizedException for whoever has neither secret nor token."""
    if has_panel_secret(site.settings, request):
        given = request.headers["authorization"].partition(" ")[2].encode("latin-1")
        # In the database stands what tells two secrets apart, and nothing that a secret could be guessed from.
        name = hmac.new(site.tokens.derived_key("orders"), given, hashlib.sha256).hexdigest()[:24]
        return Caller(None, f"orders:secret:{name}", BY_SECRET)
    tokens = query.get("token", [])
    carried = site.tokens.open("orders", tokens[0], TOKEN_SECONDS) if len(tokens) == 1 else None
    if carried is None or not NUMBER.fullmatch(carried[0]):
        raise NotAuthorizedException
    return Caller(int(carried[0]), f"orders:user:{carried[0]}", BY_TOKEN)


def _question(query: Query) -> Question:
    """Raises ClientException for anything that the description does not allow."""
    user_id = _number(query, "user_id", LARGEST_USER)
    ticket_id = _number(query, "ticket_id", LARGEST_TICKET)
    page = _number(query, "page", LARGEST_PAGE) or 1
    since = _moment(query, "updated_since")
    if (user_id is None) == (ticket_id is None):
        raise ClientException("one of user_id and ticket_id is needed, and not both")
    return Question(user_id, ticket_id or 0, page, since)


def _number(query: Query, name: str, largest: int) -> int | None:
    """A number of the query, None without one. Raises ClientException for any but the plain spelling, and for two."""
    given = query.get(name)
    if given is None:
        return None
    if len(given) > 1 or not NUMBER.fullmatch(given[0]) or int(given[0]) > largest:
        raise ClientException(f"{name} must be one positive whole number")
    return int(given[0])


def _moment(query: Query, name: str) -> datetime | None:
    """A time of the query, None without one. Raises ClientException unless it is written as the description says."""
    given = query.get(name)
    if given is None:
        return None
    try:
        if len(given) == 1 and _SINCE.fullmatch(given[0]):
            return datetime.fromisoformat(given[0])
    except ValueError:  # the 31st of November
        pass
    raise ClientException(
        f"{name} must be one time of 1970 to 2999 with its zone, such as 2026-11-25T10:00:00Z; a + is written %2B"
    )
