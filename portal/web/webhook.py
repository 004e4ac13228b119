"""The help desk's door: bytes first, then the proof, then one committed row, then 202. What follows is the worker's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from sqlalchemy.exc import SQLAlchemyError

from portal.errors import DatabaseAway
from portal.helpdesk.webhooks import NotAnEvent, read_event
from portal.model import Event
from portal.store import inbox
from portal.web.answers import RETRY_SECONDS, Answer, problem
from portal.web.site import Site
from portal.web.visitor import AnyRequest

log = logging.getLogger(__name__)

BODY_BYTES = 1 << 20
WRITE_SECONDS = 0.8
"""Who sends is told within a second that we cannot keep it (design/contract.md), also when the database only hangs."""


@post(["/api/hde-webhook", "/api/hde-webhook.php"], status_code=202, request_max_body_size=BODY_BYTES)
async def receive(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """202 recorded, 200 a repeat, 401, 413, 400, 503."""
    if not site.proofs.can_pass:
        return _unproven(site)
    try:
        body = await request.body()
    except InternalServerException:
        return problem(400, "the sender hung up")
    proven = site.proofs.check(list(request.scope["headers"]), body, time.time())
    if proven is None:
        return _unproven(site)
    content_type = request.headers.get("content-type", "")
    try:
        event = read_event(body, content_type, proven, site.settings.hde_timezone, datetime.now(UTC))
    except NotAnEvent as error:
        return problem(400, str(error))
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            kept = await site.databases.run(inbox.put, event)
    except (DatabaseAway, SQLAlchemyError, TimeoutError) as error:
        log.error("webhook: an event of ticket %d could not be kept: %s", event.ticket_id, type(error).__name__)
        return problem(503, headers={"retry-after": str(RETRY_SECONDS)})
    return _told("repeat", 200) if kept is None else _recorded(kept, event)


def _recorded(kept: int, event: Event) -> Answer:
    if event.is_known:
        log.info("inbox %d: %s of ticket %d recorded", kept, event.kind, event.ticket_id)
    else:
        log.warning("inbox %d: unknown event %s of ticket %d skipped", kept, event.kind, event.ticket_id)
    return _told("recorded", 202)


def _unproven(site: Site) -> Answer:
    if many := site.refusals.add():
        log.warning("webhook: %d refused, without a proof that holds", many)
    return problem(401, headers={"www-authenticate": "Bearer"})


def _told(what: str, status: int) -> Answer:
    return Response(json.dumps({"status": what}).encode(), status_code=status, media_type="application/json")
