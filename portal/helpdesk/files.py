"""Files of messages, streamed through us: from the help desk's own host only, and with nobody else given our key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from portal import http
from portal.errors import HelpdeskMissing, HelpdeskRefused, HelpdeskUnreachable
from portal.helpdesk.budget import Budget

FILE_SECONDS = 60.0
FILES_AT_ONCE = 8
SLOT_WAIT_SECONDS = 3.0
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileStream:
    """An open file: its size in bytes, None if untold, and its content."""

    size: int | None
    response: http.Response

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, bit by bit. Raises HelpdeskUnreachable when it stops in the middle."""
        try:
            async with asyncio.timeout(FILE_SECONDS):
                async for chunk in self.response.aiter_bytes(CHUNK):
                    yield chunk
        except (TimeoutError, http.TransportError) as error:
            raise HelpdeskUnreachable(type(error).__name__) from None


@asynccontextmanager
async def open_file(
    client: http.AsyncClient, url: str, *, base: str, authorization: str, budget: Budget, at_once: asyncio.Semaphore
) -> AsyncIterator[FileStream]:
    """GET `url`, which an answer of the help desk named. `base` is the API's address.

    Raises HelpdeskRefused for another host than the API's, HelpdeskMissing, HelpdeskUnreachable. Redirects are not
    followed, and credentials go to the API's own origin only. `at_once` bounds how many files are open.
    """
    there, api = urlsplit(url), urlsplit(base)
    if not _own(there, api):
        raise HelpdeskRefused("a file at another host than the help desk's")
    headers = {"authorization": authorization} if _origin(there) == _origin(api) else {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(at_once)
        if _origin(there) == _origin(api) and there.path.startswith(f"{api.path}/"):
            await stack.enter_async_context(budget.slot(SLOT_WAIT_SECONDS))
        try:
            response = await stack.enter_async_context(client.stream("GET", url, headers=headers))
        except (http.TransportError, http.InvalidURL) as error:
            raise HelpdeskUnreachable(type(error).__name__) from None
        if response.status_code in (403, 404, 410):
            raise HelpdeskMissing("no such file")
        if response.status_code != 200:
            raise HelpdeskUnreachable(f"status {response.status_code}")
        size = response.headers.get("content-length", "")
        plain = "content-encoding" not in response.headers
        yield FileStream(int(size) if plain and size.isdigit() else None, response)


def _own(url: SplitResult, api: SplitResult) -> bool:
    """The API's origin, or its host over TLS."""
    if url.username is not None or url.password is not None:
        return False
    return _origin(url) == _origin(api) or (url.scheme == "https" and url.hostname == api.hostname and not url.port)


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)
