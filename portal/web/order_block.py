"""The block on the shop's page of an order (`portal snippet order`): its script, and what the script asks for."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.di import NamedDependency

from portal.errors import DatabaseAway, NotFound
from portal.service.order_requests import open_about
from portal.web.answers import RETRY_SECONDS, Answer, problem
from portal.web.scripts import script as script_of
from portal.web.site import Site
from portal.web.visitor import AnyRequest, SignedOut
from portal.web.widget import OURS, PERSONAL
from portal.web.words import Words, tidy

log = logging.getLogger(__name__)


@get("/order.js")
async def script(request: AnyRequest) -> Answer:
    """The script, the same bytes for everybody; 304 to a browser that has it."""
    return script_of(request, "order.js")


@get("/order")
async def about(request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
    """The visitor's open requests about his order `number`, as JSON that no cache keeps.

    401 for nobody. Another's order, none, a question that another site has put, and a number told twice are one and the
    same 404.
    """
    try:
        visitor = await site.visitors.of(request)
        numbers = request.query_params.getall("number", [])
        if len(numbers) != 1 or request.headers.get("sec-fetch-site") not in OURS:
            raise NotFound
        order, tickets = await open_about(visitor.person, site.desk, site.orders, numbers[0])
    except SignedOut:
        return problem(401, headers=PERSONAL)
    except NotFound:
        return problem(404, headers=PERSONAL)
    except DatabaseAway as error:
        log.warning("%r answered with 503: %s", request.scope["path"], error)
        return problem(503, headers=PERSONAL | {"retry-after": str(RETRY_SECONDS)})
    words = _words(site.locale(request, visitor), site.settings.timezone)
    here = site.settings.prefix
    told = {
        "title": words.translations.gettext("Your requests about this order"),
        "requests": [
            {
                "subject": tidy(ticket.subject) or words.nameless,
                "status": words.status(ticket),
                "url": f"{here}/{ticket.id}",
            }
            for ticket in tickets
        ],
        "ask": {
            "text": words.translations.gettext("Ask about this order"),
            "url": f"{here}/new?order={quote(order.number, safe='')}",
        },
    }
    return Response(told, headers=PERSONAL)


@cache
def _words(locale: str, zone: ZoneInfo) -> Words:
    return Words(locale, zone)
