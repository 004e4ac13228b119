"""create_app(settings): builds everything once, starts and stops the worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide

from portal import assets, worker
from portal.bitrix import tables, users
from portal.bitrix.sessions import Gate
from portal.config import Settings
from portal.database import Databases
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.helpdesk.webhooks import Proofs
from portal.service import panel_acts
from portal.service.beside import Besides
from portal.service.feed import Feed
from portal.service.finding import Finder
from portal.service.identity import Identity
from portal.service.letters import Render
from portal.service.listing import Desk
from portal.service.live import Streams
from portal.service.orders import Orders
from portal.service.outbound import Outbound
from portal.service.panel import Panel
from portal.service.panel_acts import Deed
from portal.service.permits import Permits
from portal.service.ticket_orders import TicketOrders
from portal.service.widget import VisitorIds
from portal.tokens import Tokens
from portal.web import DOORS, NOT_PUBLISHED, PANEL, UNDER_PREFIX
from portal.web.answers import error_handler, switch_language
from portal.web.dress import shop_frame
from portal.web.headers import security_headers
from portal.web.pages import Pages
from portal.web.site import Site
from portal.web.statics import Statics
from portal.web.visitor import FRESH_SECONDS, AnyRequest, Visitors
from portal.web.widget_script import widget_script

log = logging.getLogger(__name__)

BODY_BYTES = 1 << 20
"""Larger bodies are refused (413), but where a form may bring files (web/intake.py)."""


def create_app(settings: Settings, *, run_worker: bool = True, fresh_seconds: float = FRESH_SECONDS) -> Litestar:
    """The whole portal as one ASGI application.

    Reads the shop's options and the shape of its tables once, so the database must be there (DatabaseAway otherwise).
    `fresh_seconds`: how old a visitor's validation may be, 0 to read session and account at every request.
    """
    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    shape = databases.read_here(tables.inspect)
    shop = databases.read_here(users.options)
    client = Client(settings, databases)
    tokens = _tokens(settings)
    statics = Statics(assets.folder("static"), settings.prefix, settings.templates)
    pages = Pages(settings, statics)
    desk = Desk(Cache(client, databases, settings.cache_seconds), databases)
    streams = Streams()
    site = Site(
        settings=settings,
        databases=databases,
        visitors=Visitors(settings, databases, Gate(settings, shape), fresh_seconds),
        desk=desk,
        orders=Orders(settings, shape, desk),
        finder=Finder(shape, desk),
        besides=Besides(settings, shape),
        panel=Panel(settings, shape, desk, Identity(settings, shape), TicketOrders(settings, shape)),
        permits=Permits(databases),
        client=client,
        pages=pages,
        statics=statics,
        tokens=tokens,
        cookie_prefix=settings.cookie_prefix or shop.cookie_prefix,
        proofs=Proofs(settings),
        widget=widget_script(settings),
        visitor_ids=VisitorIds(client.visitor_id),
        streams=streams,
        feed=Feed(databases, desk.cache, streams),
        deeds=_deeds(settings, shape),
        frame=shop_frame(settings, statics),
    )

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        crm = worker.crm_of(settings)
        steps = worker.steps(settings, databases, client, tokens, _letters(pages), shape, crm) if run_worker else []
        tasks = [asyncio.create_task(site.feed.run()), *([asyncio.create_task(worker.run(steps))] if steps else [])]
        tasks += [asyncio.create_task(site.frame.run())] if site.frame else []
        try:
            with _told_of_the_end(streams.close):
                yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await site.visitor_ids.close()
            await site.desk.cache.close()
            await client.close()
            if crm:
                await crm.close()
            databases.close()

    async def before(request: AnyRequest) -> Any:
        return switch_language(site, request)

    _tell_what_is_off(settings)
    if not shape.orders:
        log.warning("orders are off: the shop has none (module sale), or PORTAL_DATABASE_URL may not read them")
    return Litestar(
        [
            Router(settings.prefix, route_handlers=UNDER_PREFIX, before_request=before),
            Router(settings.prefix, route_handlers=PANEL),
            *DOORS,
            *NOT_PUBLISHED,
        ],
        dependencies={"site": Provide(lambda: site, sync_to_thread=False)},
        exception_handlers={Exception: error_handler(site)},
        before_send=[security_headers(settings)],
        lifespan=[running],
        request_max_body_size=BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )


@contextmanager
def _told_of_the_end(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` at the first signal to end: the server waits for open answers before it says so, and some never end.

    In a thread (tests) there are no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def ending(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)
        if callable(usual := before[signal.Signals(number)]):
            usual(number, frame)

    for which in (signal.SIGINT, signal.SIGTERM):
        before[which] = signal.signal(which, ending)
    try:
        yield
    finally:
        for which, usual in before.items():
            signal.signal(which, usual)


async def run_worker_alone(settings: Settings) -> None:
    """The worker without the web, until it is told to end."""
    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    pages = Pages(settings, Statics(assets.folder("static"), settings.prefix, settings.templates))
    client = Client(settings, databases)
    crm = worker.crm_of(settings)
    _tell_what_is_off(settings)
    try:
        shape = await databases.read(tables.inspect)
        await worker.run(worker.steps(settings, databases, client, _tokens(settings), _letters(pages), shape, crm))
    finally:
        await client.close()
        if crm:
            await crm.close()
        databases.close()


@asynccontextmanager
async def outbound_alone(settings: Settings, databases: Databases) -> AsyncIterator[Outbound]:
    """What tells the help desk of customers, without web and worker."""
    pages = Pages(settings, Statics(assets.folder("static"), settings.prefix, settings.templates))
    client = Client(settings, databases)
    try:
        yield Outbound(settings, databases, client, _letters(pages))
    finally:
        await client.close()


def _deeds(settings: Settings, shape: tables.Shape) -> Mapping[str, Deed]:
    """What an operator can do in his panel beside looking."""
    ticket_orders = TicketOrders(settings, shape)
    return {**panel_acts.words(Identity(settings, shape), ticket_orders), **panel_acts.links(ticket_orders)}


def _tokens(settings: Settings) -> Tokens:
    return Tokens([key.get_secret_value() for key in settings.secret_keys])


def _letters(pages: Pages) -> Render:
    def render(template: str, locale: str, context: Mapping[str, Any]) -> str:
        return pages.render(template, locale=locale, nonce="", **context).decode()

    return render


def _tell_what_is_off(settings: Settings) -> None:
    if not settings.widget:
        log.info("the widget is off (PORTAL_WIDGET)")
    if not settings.mail:
        log.warning("mail is off (PORTAL_SMTP_URL, PORTAL_MAIL_FROM): nobody can prove an address")
    if not settings.panel_secrets:
        log.warning("the order pull is off for the help desk's plugin (PORTAL_PANEL_SECRETS)")
    if not settings.panel:
        log.warning("the operators' panel is off (PORTAL_PANEL_SECRETS, PORTAL_HDE_ORIGIN)")
    if not Proofs(settings).can_pass:
        log.warning("the webhook is off (PORTAL_WEBHOOK_SECRETS): news of the help desk shows after up to 15 seconds")
    if not settings.mail or not settings.manager_email:
        log.info("letters to the manager are off (PORTAL_MANAGER_EMAIL, PORTAL_SMTP_URL, PORTAL_MAIL_FROM)")
    if not settings.crm_webhook_url.get_secret_value():
        log.info("tasks in Bitrix24 are off (PORTAL_CRM_WEBHOOK_URL)")
