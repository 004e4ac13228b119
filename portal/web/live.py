"""What keeps an open page up to date: a stream that says when to look again, and the number for the shop's menu."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Stream as Streaming

from portal.errors import DatabaseAway, NotFound
from portal.service.live import Stream
from portal.web.answers import RETRY_SECONDS, Answer, problem
from portal.web.scripts import script as script_of
from portal.web.site import Site
from portal.web.visitor import AnyRequest, SignedOut, Visitor
from portal.web.widget import OURS, PERSONAL

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0
"""Less than any proxy's patience (`portal snippet nginx`: 60 s)."""

LOOK_SECONDS = 60.0
"""So often it is looked whether the visitor is signed in still, and what he may see."""

CALM_SECONDS = 0.3
"""What happens at once is told once."""

FULL_SECONDS = 60
RECONNECT = b"retry: 3000\n\n"
CHANGED = b"event: changed\ndata:\n\n"
ENDED = b"event: ended\ndata:\n\n"
BEAT = b":\n\n"


@get("/events")
async def events(request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
    """Server-sent events: `changed` when the visitor's page should look again, `ended` when it should not come back.

    Nothing else is told. 401 for nobody, 503 when the process has streams enough: then the page asks now and then.
    """
    if request.headers.get("sec-fetch-site") not in OURS:
        raise NotFound
    try:
        # Read anew: the page that asks may just have written down a contact of his.
        visitor = await site.visitors.of(request, newly=True)
    except SignedOut:
        return problem(401, headers=PERSONAL)
    if site.streams.is_full:
        return problem(503, headers=PERSONAL | {"retry-after": str(FULL_SECONDS)})
    # nginx passes each piece on at once when it is told so.
    headers = PERSONAL | {"x-accel-buffering": "no"}
    return Streaming(_told(site, request, visitor), media_type="text/event-stream", headers=headers)


async def _told(site: Site, request: AnyRequest, visitor: Visitor) -> AsyncIterator[bytes]:
    # Opened here and not before: who has left by now never gets so far, and holds nothing.
    stream = site.streams.open(visitor.person)
    if stream is None:
        return
    try:
        yield RECONNECT
        looked_at = monotonic()
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await stream.changed.wait()
            except TimeoutError:
                yield BEAT
            if site.streams.is_closing:
                return
            if stream.ended or (monotonic() - looked_at >= LOOK_SECONDS and not await _look(site, request, stream)):
                yield ENDED
                return
            if monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = monotonic()
            if stream.changed.is_set():
                await asyncio.sleep(CALM_SECONDS)
                if stream.ended or site.streams.is_closing:
                    continue  # told meanwhile, by the same bell
                stream.changed.clear()
                yield CHANGED
    finally:
        stream.close()


async def _look(site: Site, request: AnyRequest, stream: Stream) -> bool:
    """Whether he is signed in still, as far as anybody can say; what he may see is read anew."""
    try:
        visitor = await site.visitors.of(request, newly=True)
    except SignedOut:
        return False
    except DatabaseAway:
        return True
    if visitor.person.customer.id != stream.customer_id:
        return False
    site.streams.follow(stream, visitor.person)
    return True


@get("/badge")
async def badge(request: AnyRequest, site: NamedDependency[Site]) -> Response[Any]:
    """How many of the visitor's requests hold something new, and how many wait for him, as far as our index knows.

    It is on every page of the shop: two questions to the database, and never one to the help desk. 401 for nobody.
    """
    if request.headers.get("sec-fetch-site") not in OURS:
        raise NotFound
    try:
        visitor = await site.visitors.of(request)
        unread, waiting = await site.finder.news(visitor.person)
    except SignedOut:
        return problem(401, headers=PERSONAL)
    except DatabaseAway as error:
        log.warning("%r answered with 503: %s", request.scope["path"], error)
        return problem(503, headers=PERSONAL | {"retry-after": str(RETRY_SECONDS)})
    return Response({"unread": unread, "waiting": waiting}, headers=PERSONAL)


@get("/badge.js")
async def badge_script(request: AnyRequest) -> Answer:
    """The script that puts the number into the shop's menu, the same bytes for everybody; 304 to who has it."""
    return script_of(request, "badge.js")
