"""The customer's pages: his requests, one conversation, its files, and the proof of his address."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from portal.errors import HelpdeskError, HelpdeskMissing, NotFound
from portal.model import Attachment
from portal.service import identity
from portal.service import requests as service
from portal.service.identity import Sight
from portal.web.answers import Answer, page, redirect
from portal.web.site import Site
from portal.web.visitor import AnyRequest, check_form, check_origin, form_token

log = logging.getLogger(__name__)

NUMBER = re.compile(r"[1-9][0-9]{0,17}")
"""The one spelling of an id: no sign, no padding, no more digits than a BIGINT holds."""


def number(text: str) -> int:
    """An id from an address. Raises NotFound for any other spelling than the one we print."""
    if not NUMBER.fullmatch(text):
        raise NotFound
    return int(text)


@get("/")
async def index(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """The list of the visitor's requests."""
    visitor = await site.visitors.of(request)
    wanted = number(request.query_params.get("page", "1"))
    view = await service.list_for(visitor.person, site.desk, wanted)
    # What the page shows while something is pending or unproven is made anew: it carries a form, or changes at once.
    keep = (view.page, view.version, view.as_of, view.stale) if view.version else None
    csrf = form_token(site.tokens, visitor.person) if view.sight is Sight.UNPROVEN else ""
    return page(
        site, request, visitor, "requests/list.html", keep=keep, view=view, csrf=csrf, can_prove=site.settings.mail
    )


@get("/{ticket_id:str}")
async def show(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Answer:
    """One conversation."""
    visitor = await site.visitors.of(request)
    view = await service.view_for(visitor.person, site.desk, number(ticket_id))
    keep = (view.ticket_id, view.version, view.as_of, view.stale) if view.version else None
    return page(site, request, visitor, "requests/show.html", keep=keep, view=view)


@get("/{ticket_id:str}/files/{file_id:str}")
async def file(
    request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str], file_id: FromPath[str]
) -> Stream:
    """A file of a conversation, streamed through us: never shown in place, never the help desk's address."""
    visitor = await site.visitors.of(request)
    attachment = await service.file_for(visitor.person, site.desk, number(ticket_id), file_id)
    stream = site.client.open_file(attachment)
    try:
        opened = await stream.__aenter__()
    except HelpdeskMissing:
        raise NotFound from None

    async def chunks() -> AsyncIterator[bytes]:
        try:
            async for chunk in opened.chunks():
                yield chunk
        finally:
            await stream.__aexit__(None, None, None)

    return Stream(chunks(), headers=_download(attachment, opened.size), media_type="application/octet-stream")


@get("/prove")
async def prove_page(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Where the link that proves the address is asked for."""
    visitor = await site.visitors.of(request)
    return page(
        site,
        request,
        visitor,
        "requests/prove.html",
        state="ask",
        sight=visitor.person.sight,
        email=visitor.person.customer.email,
        csrf=form_token(site.tokens, visitor.person),
        can_prove=site.settings.mail,
    )


@post("/prove", status_code=303)
async def ask_for_proof(request: AnyRequest, site: NamedDependency[Site]) -> Answer:
    """Queue the mail with the link."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request)
    check_form(site.tokens, visitor.person, await request.form())
    if visitor.person.sight is not Sight.UNPROVEN or not site.settings.mail:
        return redirect(site, "/prove")
    await site.databases.run(identity.ask, visitor.person.customer, site.locale(request, visitor))
    return redirect(site, "/prove", visitor, flash="proof-sent")


@get("/prove/{token:str}")
async def follow_proof(request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]) -> Answer:
    """The link of the mail: shows a button, and changes nothing (mail scanners follow links)."""
    visitor = await site.visitors.of(request)
    try:
        identity.check_proof(site.tokens, visitor.person.customer, token)
        state = "confirm"
    except NotFound:
        state = "invalid"
    return page(
        site,
        request,
        visitor,
        "requests/prove.html",
        state=state,
        sight=visitor.person.sight,
        email=visitor.person.customer.email,
        csrf=form_token(site.tokens, visitor.person),
        can_prove=site.settings.mail,
        token=token if state == "confirm" else "",
    )


@post("/prove/{token:str}", status_code=303)
async def prove(request: AnyRequest, site: NamedDependency[Site], token: FromPath[str]) -> Answer:
    """The button of the link: the address is proven."""
    check_origin(request, site.settings.public_url)
    visitor = await site.visitors.of(request, newly=True)
    check_form(site.tokens, visitor.person, await request.form())
    try:
        await site.databases.run(identity.prove, site.tokens, visitor.person.customer, token)
    except NotFound:
        return redirect(site, f"/prove/{quote(token, safe='')}")
    site.visitors.forget(request)
    log.info("customer %d proved his address", visitor.person.customer.id)
    return redirect(site, "/", visitor, flash="proof-done")


def _download(attachment: Attachment, size: int | None) -> dict[str, str]:
    """Headers that make a browser save the file and nothing else, whatever is in it and whatever it is called."""
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", attachment.name) or "file"
    headers = {
        "content-disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(attachment.name, safe='')}",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
    }
    return headers | ({"content-length": str(size)} if size is not None else {})
