"""The one way to the help desk's API: time-outs, budget, breaker, and what a lost answer means.

A call that writes is never repeated here. When nobody can say whether it had its effect, that is HelpdeskUnsure.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, NoReturn

from portal import http
from portal.errors import HelpdeskError, HelpdeskGarbled, HelpdeskUnreachable, HelpdeskUnsure
from portal.helpdesk import decode
from portal.helpdesk.answer import ban_seconds, data_of
from portal.helpdesk.breaker import Breaker
from portal.helpdesk.budget import Budget
from portal.helpdesk.call import Call
from portal.helpdesk.decode import Row

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
CALL_SECONDS = 20.0
"""One call that reads, from the connection to the last byte; an answer that drips is cut here."""

WRITE_READ_SECONDS, WRITE_SECONDS = 30.0, 45.0
"""A call that writes: its answer is awaited longer, as a cut one costs a reading back, or leaves a message aside."""

UPLOAD_READ_SECONDS, UPLOAD_SECONDS = 60.0, 120.0
"""A call with files: 100 MB at 8 Mbit/s, and what the help desk does with them before it answers."""

SLOT_WAIT_SECONDS = 20.0
CALLS_AT_ONCE = 20
MAX_ANSWER = 8 * 2**20

AWAY = "it has not answered for a while"

_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}", re.ASCII)


class Wire:
    """Built once; every call but the download of a file goes through `call`. `base` is the API's address."""

    def __init__(self, base: str, authorization: str, budget: Budget, transport: http.Transport | None = None) -> None:
        self._base = base
        self._authorization = authorization
        self._budget = budget
        self._reading = http.make_client(
            connect=CONNECT_SECONDS, read=READ_SECONDS, connections=CALLS_AT_ONCE, transport=transport
        )
        # A write has a connection of its own: a kept one that was closed meanwhile would lose an answer for nothing.
        self._writing = http.make_client(
            connect=CONNECT_SECONDS, read=WRITE_READ_SECONDS, connections=CALLS_AT_ONCE, kept=0, transport=transport
        )
        self._breaker = Breaker()
        self._at_once = asyncio.Semaphore(CALLS_AT_ONCE)

    async def call(self, call: Call) -> Row:
        """Make one call. Raises a HelpdeskError, and DatabaseAway as the budget is in the database.

        HelpdeskUnsure comes of a call with `once` only, and every other error of such a call says that it had no
        effect. A GET over a connection that the help desk had closed meanwhile is tried once more, with a slot of its
        own.
        """
        for attempt in (1, 2):
            if self._breaker.refuses():
                raise HelpdeskUnreachable(AWAY)
            try:
                return await self._once(call)
            except _HungUp as error:
                self._breaker.failed()
                if attempt == 2 or call.method != "GET":
                    _lost(call, HelpdeskUnreachable("hung up"), error)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Hang up."""
        await self._reading.aclose()
        await self._writing.aclose()

    async def _once(self, call: Call) -> Row:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._at_once)
            if not self._breaker.allows():  # it may have stopped answering while we queued
                raise HelpdeskUnreachable(AWAY)
            slot = await stack.enter_async_context(self._budget.slot(SLOT_WAIT_SECONDS, _seconds(call) - CALL_SECONDS))
            try:
                async with asyncio.timeout(_seconds(call)):
                    status, headers, body = await self._exchange(call)
            except http.NotConnected as error:
                self._breaker.failed()
                raise HelpdeskUnreachable(type(error).__name__) from None
            except http.HungUp as error:
                raise _HungUp from error
            except (TimeoutError, http.TransportError) as error:
                self._breaker.failed()
                _lost(call, HelpdeskUnreachable(type(error).__name__))
            except HelpdeskGarbled as error:
                _lost(call, error)
            if seconds := ban_seconds(status, headers, body):
                raise await self._budget.banned(seconds)
            await self._budget.answered(
                slot, _count(headers, "x-rate-limit"), _count(headers, "x-rate-limit-remaining")
            )
        try:
            answer = data_of(status, body)
        except HelpdeskUnreachable as error:
            self._breaker.failed()
            _lost(call, error)
        except HelpdeskGarbled as error:
            self._breaker.garbled(call.path)
            _lost(call, error)
        except HelpdeskError:
            self._breaker.answered()
            raise
        self._breaker.answered()
        return answer

    async def _exchange(self, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"authorization": self._authorization, "accept": "application/json"}
        more: dict[str, Any] = {}
        if call.json is not None:
            headers["content-type"] = "application/json"
            more["content"] = json.dumps(call.json).encode()
        if call.form is not None:
            more["data"] = dict(call.form)
        if call.files:
            more["files"] = [
                (field, (decode.words(file.name) or "file", file.content, _type(file.type)))
                for field, file in call.files
            ]
            more["timeout"] = http.Timeout(UPLOAD_READ_SECONDS, connect=CONNECT_SECONDS)
        client = self._reading if call.method == "GET" else self._writing
        async with client.stream(
            call.method, self._base + call.path, params=dict(call.query), headers=headers, **more
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise HelpdeskGarbled("an answer that does not end")
            return response.status_code, response.headers, bytes(body)


class _HungUp(Exception):
    """The connection was closed before any answer."""


def _lost(call: Call, error: HelpdeskError, cause: Exception | None = None) -> NoReturn:
    """The call went out, and what came is no answer: of one that must not be repeated nobody knows its effect."""
    raise (HelpdeskUnsure(str(error)) if call.once else error) from cause


def _seconds(call: Call) -> float:
    """How long the call may take."""
    return UPLOAD_SECONDS if call.files else CALL_SECONDS if call.method == "GET" else WRITE_SECONDS


def _type(told: str) -> str:
    """What a file says it is goes into a header as it stands, so it has to be one."""
    return told if _TYPE.fullmatch(told) else "application/octet-stream"


def _count(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else None
