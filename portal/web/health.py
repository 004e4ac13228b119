"""For operations, not published by nginx: alive, and ready."""

from __future__ import annotations

import logging

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import text

from portal.database import Unit
from portal.errors import DatabaseAway
from portal.web.site import Site

log = logging.getLogger(__name__)


@get("/healthz")
async def alive() -> Response[dict[str, str]]:
    """The process answers; nothing else is asked."""
    return Response({"status": "alive"})


@get("/readyz")
async def ready(site: NamedDependency[Site]) -> Response[dict[str, str]]:
    """200 when the database answers, else 503 with the reason."""
    try:
        await site.databases.read(_ping)
    except DatabaseAway as error:
        log.warning("not ready: %s", error)
        return Response({"status": "not ready", "why": "the database does not answer"}, status_code=503)
    return Response({"status": "ready"})


def _ping(unit: Unit) -> None:
    unit.shop.execute(text("SELECT 1"))
    unit.state.execute(text("SELECT 1"))
