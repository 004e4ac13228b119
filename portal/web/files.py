"""The files of a conversation: saved, looked at where nothing in them can run, all of them as one ZIP."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from portal.errors import HelpdeskError, HelpdeskMissing, HelpdeskPending, HelpdeskRefused, NotFound, TooOften
from portal.model import Attachment
from portal.service import requests as service
from portal.service import taking
from portal.service.archive import PLAIN, Zip, can_be_viewed, raster_type, safe_name
from portal.store.exports import Part
from portal.web.answers import redirect
from portal.web.requests import number
from portal.web.site import Site
from portal.web.visitor import AnyRequest, Visitor

log = logging.getLogger(__name__)

SANDBOXED = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox"
"""For a file that is looked at: whatever it is, it is nobody's page, runs nothing and loads nothing."""

VIEWED_BYTES = 20 * 2**20
HEAD_BYTES = 16
ZIP_FILE_BYTES, ZIP_BYTES = 50 * 2**20, 200 * 2**20
LEFT_OUT = "not-here.txt"

EACH = 6
"""Files that a customer may have open at once: as many as a browser opens of one host. All of them together are
bounded, too (helpdesk/files.py), and one must not hold those of everybody."""
AGAIN_SECONDS = 5


@get("/{ticket_id:str}/files/{file_id:str}")
async def file(
    request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str], file_id: FromPath[str]
) -> Stream:
    """A file of a conversation, streamed through us: never shown in place, never the help desk's address."""
    attachment, opened, stack = await _open(request, site, ticket_id, file_id)
    headers = download(attachment, opened.size)
    return _stream(_rest(b"", opened.chunks(), stack), stack, headers, "application/octet-stream")


@get("/{ticket_id:str}/files/{file_id:str}/view")
async def view(
    request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str], file_id: FromPath[str]
) -> Response[Any]:
    """A picture or a plain text by itself, in a sandbox; what is neither, whatever it is called, is saved instead."""
    attachment, opened, stack = await _open(request, site, ticket_id, file_id)
    chunks = opened.chunks()
    head = b""
    try:
        async for chunk in chunks:
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
    except BaseException:
        await stack.aclose()
        raise
    kind = raster_type(head) or ("text/plain" if _is_text(attachment, head) else None)
    if kind is None or not can_be_viewed(attachment.name) or (opened.size or 0) > VIEWED_BYTES:
        await stack.aclose()
        return redirect(site, f"/{ticket_id}/files/{quote(file_id, safe='')}")
    headers = download(attachment, opened.size) | {"content-security-policy": SANDBOXED}
    headers["content-disposition"] = headers["content-disposition"].replace("attachment", "inline", 1)
    return _stream(_rest(head, chunks, stack), stack, headers, kind)


@get("/{ticket_id:str}/files.zip")
async def whole(request: AnyRequest, site: NamedDependency[Site], ticket_id: FromPath[str]) -> Stream:
    """All files of a conversation as one ZIP, made as it goes; what is not in it is named in a text inside."""
    visitor = await site.visitors.of(request)
    found = await service.view_for(visitor.person, site.desk, number(ticket_id))
    if found.conversation is None:
        raise HelpdeskPending("conversation")
    files = list(taking.files_of(found))
    if not files:
        raise NotFound
    name = f"request-{found.conversation.ticket.number}.zip"
    return await zipped(site, visitor, _zipped(site, files), name)


async def _zipped(site: Site, files: list[Attachment]) -> AsyncGenerator[bytes]:
    made, room, left_out = Zip(datetime.now(UTC)), ZIP_BYTES, list[str]()
    for place, one in enumerate(files, 1):
        named = safe_name(one.name, "file")
        try:
            async with aclosing(taking.chunks_of(site.client, one, min(ZIP_FILE_BYTES, room))) as chunks:
                async for chunk in chunks:
                    room -= len(chunk)
                    yield await asyncio.to_thread(made.add, [Part(place, f"{place:03} {named}", chunk)])
        except (HelpdeskError, taking.TooLarge) as error:
            # What has gone out cannot be taken back: a file that broke off is there, cut, and named as well.
            log.info("a file is left out of a ZIP: %s", error)
            left_out.append(named)
    if left_out:
        yield made.add([Part(0, LEFT_OUT, "\n".join(left_out).encode())])
    yield made.end()


async def _open(
    request: AnyRequest, site: Site, ticket_id: str, file_id: str
) -> tuple[Attachment, Any, AsyncExitStack]:
    """One of the visitor's files, open. Raises NotFound, and what the help desk's silence raises."""
    visitor = await site.visitors.of(request)
    attachment = await service.file_for(visitor.person, site.desk, number(ticket_id), file_id)
    async with AsyncExitStack() as stack:
        stack.enter_context(one_more(site, visitor))
        try:
            opened = await stack.enter_async_context(site.client.open_file(attachment))
        except (HelpdeskMissing, HelpdeskRefused) as error:
            log.warning("a file of request %s is not served: %s", ticket_id, error)
            raise NotFound from None
        kept = stack.pop_all()
    return attachment, opened, kept


async def zipped(site: Site, visitor: Visitor, made: AsyncGenerator[bytes], name: str) -> Stream:
    """A ZIP that is made for him as it goes, counted among his open files until it ends. Raises TooOften."""
    async with AsyncExitStack() as stack:
        stack.enter_context(one_more(site, visitor))
        await site.databases.run(taking.count, visitor.person.customer.id)
        stack.push_async_callback(made.aclose)
        kept = stack.pop_all()
    return _stream(_rest(b"", made, kept), kept, download(Attachment("", name, ""), None), "application/zip")


def _stream(chunks: AsyncIterator[bytes], stack: AsyncExitStack, headers: dict[str, str], kind: str) -> Stream:
    """An answer that lets go of what it holds also when its reader leaves: then nobody goes on with `chunks`."""
    return Stream(chunks, headers=headers, media_type=kind, background=BackgroundTask(stack.aclose))


@contextmanager
def one_more(site: Site, visitor: Visitor) -> Iterator[None]:
    """While a file of his is open. Raises TooOften when he has EACH of them already."""
    customer = visitor.person.customer.id
    if site.open_files[customer] >= EACH:
        raise TooOften(AGAIN_SECONDS)
    site.open_files[customer] += 1
    try:
        yield
    finally:
        site.open_files[customer] -= 1
        if not site.open_files[customer]:
            del site.open_files[customer]


async def _rest(head: bytes, chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    try:
        if head:
            yield head
        async for chunk in chunks:
            yield chunk
    finally:
        await stack.aclose()


def _is_text(attachment: Attachment, head: bytes) -> bool:
    return bool(PLAIN.search(attachment.name)) and b"\0" not in head


def download(attachment: Attachment, size: int | None) -> dict[str, str]:
    """Headers that make a browser save the file and nothing else, whatever is in it and whatever it is called."""
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", attachment.name) or "file"
    disposition = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(attachment.name, safe='')}"
    headers = {
        "content-disposition": disposition,
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
    }
    return headers | ({"content-length": str(size)} if size is not None else {})
