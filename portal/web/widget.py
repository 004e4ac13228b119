"""The site's widget on the shop's own pages: one static script, and who is signed in as JSON."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from portal.errors import DatabaseAway
from portal.service import widget as service
from portal.web.answers import RETRY_SECONDS, Answer, problem
from portal.web.scripts import answered
from portal.web.site import Site
from portal.web.visitor import AnyRequest, SignedOut, Visitor

OURS = (None, "same-origin", "none")
"""What a browser says of where a request comes from: a page of ours, or the person himself by the address bar. One that
says nothing is old, and keeps the answer from other sites all the same."""

PERSONAL = {"cache-control": "private, no-store", "vary": "Cookie, Sec-Fetch-Site"}

log = logging.getLogger(__name__)


@get("/widget.js")
async def script(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """The script; 304 to a browser that has it."""
    return answered(request, site.widget.body, site.widget.etag)


@get("/widget/identity")
async def identity(request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
    """Who is signed in, as the vendor's widget takes it: `{}` for nobody, and for a page of another site.

    Another site cannot read the answer anyway, as no CORS header lets it; so it learns nothing from its size either.
    """
    if request.headers.get("sec-fetch-site") not in OURS:
        return Response({}, headers=PERSONAL)
    try:
        visitor = await site.visitors.of(request)
    except SignedOut:
        return Response({}, headers=PERSONAL)
    except DatabaseAway as error:
        log.warning("%r answered with 503: %s", request.scope["path"], error)
        return problem(503, headers=PERSONAL | {"retry-after": str(RETRY_SECONDS)})
    return Response(await _config(site, visitor), headers=PERSONAL)


async def _config(site: Site, visitor: Visitor) -> dict[str, Any]:
    """window.HDE_CONFIG."""
    customer = visitor.person.customer
    told: dict[str, Any] = {
        "user_email": customer.email,
        "user_name": customer.name,
        "custom_fields": {
            "bitrix_user_id": str(customer.id),
            service.FIELD: service.mint(site.tokens, customer.id),
        },
    }
    if visitor_id := await site.visitor_ids.of(visitor.person):
        told["visitor_id"] = visitor_id
    return told
