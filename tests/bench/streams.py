"""A thousand open pages: their streams are held, something happens to everybody, and it is timed who hears when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

PATH = "/personal/requests/events"
PATIENCE_SECONDS = 30
TOLD = b"event: changed"


async def _held(address: str, cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: shop.example\r\nCookie: {cookie}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_SECONDS):
        told = await reader.readuntil(b"retry: ")
    if b" 200 " not in told.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"no stream: {told[:200]!r}")
    return reader, writer


async def hearing(
    address: str, cookies: Sequence[str], open_now: Callable[[], None], strike: Callable[[], None]
) -> list[float]:
    """Seconds from the end of `strike` to each of the streams that it concerns; `open_now` when all are open."""
    streams = [await _held(address, cookie) for cookie in cookies]
    open_now()
    ears = [asyncio.create_task(_hears(reader)) for reader, _ in streams]
    await asyncio.to_thread(strike)
    struck = time.perf_counter()
    heard = await asyncio.gather(*ears)
    for _, writer in streams:
        writer.close()
    return [at - struck for at in heard]


async def _hears(reader: asyncio.StreamReader) -> float:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reader.readuntil(TOLD)
    return time.perf_counter()
