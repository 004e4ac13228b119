"""The shop's own page around ours: fetched from the settings' address in the background, the last good copy kept.

It is the same copy for every visitor, so it is fetched as nobody: no cookie goes out, and none that comes is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from portal.http import Response, Transport, TransportError, make_client

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 2.0, 5.0, 10.0
LARGEST_BYTES = 2**19

Made = TypeVar("Made")


class Unfit(Exception):
    """What came is no frame; the sentence is for the log."""


class ShopFrame(Generic[Made]):
    """Keeps what was made of the shop's page. `make` gets its text, runs in a thread, and raises Unfit."""

    def __init__(self, url: str, make: Callable[[str], Made], transport: Transport | None = None) -> None:
        self.kept: Made | None = None
        """Of the last good copy; None until there has been one."""
        self._url = url
        self._make = make
        self._transport = transport
        self._is_told = False

    async def run(self) -> NoReturn:
        """Look for ever, whatever the shop answers."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """One look. A failure leaves the last good copy where it is, and is told once until it is over."""
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                text = await self._fetch()
            self.kept = await asyncio.to_thread(self._make, text)
        except (TransportError, TimeoutError, Unfit) as error:
            if not self._is_told:
                log.warning(
                    "the shop's frame (PORTAL_FRAME_URL) cannot be had, pages show %s: %s",
                    "the last good copy" if self.kept else "none",
                    str(error) or type(error).__name__,
                )
            self._is_told = True
        except Exception:
            # A defect here must not leave the frame old for ever; it is told each time.
            log.exception("the shop's frame: a look failed")
        else:
            if self._is_told:
                log.warning("the shop's frame is there again")
            self._is_told = False

    async def _fetch(self) -> str:
        """The page's text. Raises Unfit, TransportError."""
        headers = {"accept": "text/html", "accept-encoding": "identity", "user-agent": "portal-frame"}
        # A client of its own each time has no cookie of the last one.
        async with (
            make_client(connect=CONNECT_SECONDS, read=READ_SECONDS, connections=1, transport=self._transport) as client,
            client.stream("GET", self._url, headers=headers) as answer,
        ):
            if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith("text/html"):
                raise Unfit(f"it answered {answer.status_code}, {answer.headers.get('content-type', 'of no type')}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Unfit("it is compressed, which was not asked for")
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST_BYTES:
                    raise Unfit(f"it is larger than {LARGEST_BYTES} bytes")
            return _decoded(answer, bytes(body))


def _decoded(answer: Response, body: bytes) -> str:
    try:
        text = body.decode(answer.charset_encoding or "utf-8")
        text.encode()  # half a letter, as some charsets can say it, no page can hold
    except (LookupError, ValueError) as error:
        raise Unfit("its letters are not of the charset that its Content-Type names") from error
    return text
