"""Files of messages, streamed through us: from the help desk's own host only, and with nobody else given our key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from portal import http
from portal.errors import HelpdeskBusy, HelpdeskMissing, HelpdeskRefused, HelpdeskUnreachable
from portal.helpdesk.answer import ban_seconds
from portal.helpdesk.budget import Budget

FILE_SECONDS = 60.0
FILES_AT_ONCE = 32
SLOT_WAIT_SECONDS = 3.0
HEAD_SECONDS = 15.0
"""Until the answer begins; less than the length of a call that the budget reckons with (client.CALL_SECONDS)."""

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

    A relative address is taken from the API's. Raises HelpdeskRefused for another host than the API's, HelpdeskMissing,
    HelpdeskUnreachable, HelpdeskBusy. Redirects are not followed, and credentials go to the API's own origin only.
    `at_once` bounds how many files are open. A file below the API costs a slot, for as long as a call lasts: that is
    until its answer begins, however long the reader takes.
    """
    api = urlsplit(base)
    there = _own(url, base)
    headers = {"accept-encoding": "identity"}  # so that the size told is the size sent
    if _origin(there) == _origin(api):
        headers["authorization"] = authorization
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(SLOT_WAIT_SECONDS):
                await stack.enter_async_context(at_once)
        except TimeoutError:
            raise HelpdeskBusy("too many files are under way") from None
        asked = client.stream("GET", urlunsplit(there), headers=headers)
        try:
            if _origin(there) == _origin(api) and there.path.startswith(f"{api.path}/"):
                response = await _metered(stack, asked, budget)
            else:
                async with asyncio.timeout(HEAD_SECONDS):
                    response = await stack.enter_async_context(asked)
        except (TimeoutError, http.TransportError, http.InvalidURL) as error:
            raise HelpdeskUnreachable(type(error).__name__) from None
        if response.status_code in (403, 404, 410):
            raise HelpdeskMissing("no such file")
        if response.status_code != 200:
            raise HelpdeskUnreachable(f"status {response.status_code}")
        size = response.headers.get("content-length", "")
        plain = "content-encoding" not in response.headers
        yield FileStream(int(size) if plain and size.isdigit() else None, response)


async def _metered(
    stack: AsyncExitStack, asked: AbstractAsyncContextManager[http.Response], budget: Budget
) -> http.Response:
    """The beginning of an answer that counts as an API call, and may be a ban like any other."""
    async with budget.slot(SLOT_WAIT_SECONDS) as slot:
        async with asyncio.timeout(HEAD_SECONDS):
            response = await stack.enter_async_context(asked)
            said = b"" if response.status_code == 200 else (await anext(response.aiter_bytes(CHUNK), b""))
        if seconds := response.status_code != 200 and ban_seconds(response.status_code, response.headers, said):
            raise await budget.banned(seconds)
        await budget.answered(slot, None)
        return response


def _own(url: str, base: str) -> SplitResult:
    """The parts of an address that is the help desk's own: its API's origin, or that host over TLS."""
    try:
        there, api = urlsplit(urljoin(f"{base}/", url)), urlsplit(base)
        own = _origin(there) == _origin(api) or (
            there.scheme == "https" and there.hostname == api.hostname and not there.port
        )
    except ValueError:
        raise HelpdeskRefused("a file at an address that is none") from None
    if not own or there.username is not None or there.password is not None:
        raise HelpdeskRefused("a file at another host than the help desk's")
    return there


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)
