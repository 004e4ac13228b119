"""What a customer takes with him: a conversation as a file, everything as an archive; and that our copies go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import closing

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from portal.errors import HelpdeskPending, NotFound
from portal.model import Attachment
from portal.service import erasing, exporting, taking
from portal.service.archive import Zip
from portal.service.requests import view_for
from portal.service.sight import Person, Sight
from portal.store import erasing as receipts
from portal.store import exports
from portal.store.exports import Export
from portal.web.answers import Answer, page, redirect
from portal.web.files import download, one_more, zipped
from portal.web.requests import number
from portal.web.site import Site
from portal.web.visitor import AnyRequest, Visitor, check_form, check_origin

ENDING = ".html"


@get("/export")
async def overview(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """What can be taken away, how far the archive has come, and the way to have our copies deleted."""
    # What the worker has found to be his a moment ago, he who is remembered does not know of yet.
    visitor = await site.visitors.of(request, newly=True)
    export = await site.databases.read(exporting.of, visitor.person)
    return page(site, request, visitor, "requests/export.html", export=export, can_take=_can_take(visitor.person))


@post("/export", status_code=303)
async def begin(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Have the archive made."""
    visitor = await _acting(request, site)
    if _can_take(visitor.person):
        await site.databases.run(exporting.ask, visitor.person, site.locale(request, visitor))
    return redirect(site, "/export", visitor)


@get("/export/requests.zip")
async def archive(request: AnyRequest, site: NamedDependency[Site]) -> Stream:
    """The archive that is ready. Whether everything in it is his is asked anew."""
    visitor = await site.visitors.of(request, newly=True)
    export = await site.databases.read(exporting.of, visitor.person)
    if export is None or export.finished_at is None:
        raise NotFound
    return await zipped(site, visitor, _zipped(site, export), f"requests-{export.finished_at:%Y-%m-%d}.zip")


async def _zipped(site: Site, export: Export) -> AsyncGenerator[bytes]:
    """The archive as it goes, a few chunks at a time; deleted meanwhile, it breaks off."""
    assert export.finished_at  # noqa: S101  # it is ready
    last = 0
    with closing(Zip(export.finished_at)) as made:
        while parts := await site.databases.read(exports.after, export.id, export.user_id, last):
            last = parts[-1].id
            yield await asyncio.to_thread(made.add, parts)
        # The end is what makes it a ZIP that opens: one that lacks a part of his requests must not look whole.
        if await site.databases.read(exports.one, export.id) is None:
            raise NotFound
        yield made.end()


@get("/export/{ticket_file:str}")
async def conversation(request: AnyRequest, site: NamedDependency[Site], ticket_file: FromPath[str]) -> Answer:
    """One conversation as one file, with its pictures inside it: it needs nobody to be read, and runs nothing."""
    visitor = await site.visitors.of(request)
    if not ticket_file.endswith(ENDING):
        raise NotFound
    view = await view_for(visitor.person, site.desk, number(ticket_file.removesuffix(ENDING)))
    if view.conversation is None:
        raise HelpdeskPending("conversation")
    await site.databases.run(taking.count, visitor.person.customer.id)
    address = f"{site.settings.public_url}{site.settings.prefix}/{view.ticket_id}"
    locale = site.locale(request, visitor)
    # With its pictures it is in memory several times over.
    with one_more(site, visitor):
        saved = await taking.with_pictures(site.client, view)
        shown = taking.context(view, saved, address)
        body = await asyncio.to_thread(site.pages.render, "requests/take.html", locale=locale, index="", up="", **shown)
    name = f"request-{view.conversation.ticket.number}{ENDING}"
    return Answer(body, headers=download(Attachment("", name, ""), len(body)), media_type="text/html; charset=utf-8")


@get("/export/erase")
async def sure(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """What would go and what would stay; asks once more, and changes nothing."""
    visitor = await site.visitors.of(request)
    return page(site, request, visitor, "requests/erase.html", receipt=None)


@post("/export/erase", status_code=303)
async def erase(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Our copies go."""
    visitor = await _acting(request, site)
    await site.databases.run(erasing.erase, visitor.person)
    await site.forget(visitor.person.customer.id)
    visitor.person.seen.forget()
    return redirect(site, "/export/receipt", visitor)


@get("/export/receipt")
async def receipt(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """What went, and what has stayed where, and why."""
    visitor = await site.visitors.of(request)
    written = await site.databases.read(receipts.receipt, visitor.person.customer.id)
    if written is None:
        raise NotFound
    return page(site, request, visitor, "requests/erase.html", receipt=written)


async def _acting(request: AnyRequest, site: Site) -> Visitor:
    """Who sends a form of ours from a page of ours."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request, newly=True)
    check_form(site.tokens, visitor.person, await request.form())
    return visitor


def _can_take(person: Person) -> bool:
    return person.sight is Sight.PROVEN or bool(person.own)
