"""For operations, not published by nginx: alive, and ready."""

from __future__ import annotations

import logging

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from portal.database import Unit
from portal.errors import DatabaseAway
from portal.store import figures
from portal.web.reading import get
from portal.web.site import Site

log = logging.getLogger(__name__)

BEAT_SECONDS = 60
"""A worker that has not been seen for so long is none; it says that it is there every ten (portal/worker.py)."""


@get("/healthz")
async def alive() -> Response[dict[str, str]]:
    """The process answers; nothing else is asked."""
    return Response({"status": "alive"})


@get("/readyz")
async def ready(site: NamedDependency[Site]) -> Response[dict[str, str]]:
    """200 when the database answers and a worker is at work, here or elsewhere; else 503 with the reason."""
    try:
        why = _why_not(await site.databases.read(_look))
    except DatabaseAway as error:
        log.warning("not ready: %s", error)
        why = "the database does not answer"
    except ProgrammingError:
        why = "our tables are not there: run `portal migrate`"
    if why:
        return Response({"status": "not ready", "why": why}, status_code=503)
    return Response({"status": "ready"})


def _look(unit: Unit) -> float | None:
    unit.shop.execute(text("SELECT 1"))
    return figures.beat_age(unit)


def _why_not(beat_age: float | None) -> str:
    if beat_age is None:
        return "no worker has ever been seen: run `portal worker`"
    return f"no worker has been seen for {beat_age:.0f} s" if beat_age > BEAT_SECONDS else ""
