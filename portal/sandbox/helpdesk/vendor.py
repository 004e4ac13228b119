"""The vendor's door: what happens to a call, in order: journal, limit, stall, key, work, garbling, answer."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Protocol

from litestar.types import HTTPScope, Receive, Send

from portal.sandbox.helpdesk import faults, v1, v2, widget
from portal.sandbox.helpdesk.state import File, State
from portal.sandbox.helpdesk.wire import Answer, Call, Request, read_call, read_request

FILE_PATH = re.compile(r"/ru/file/download/([0-9a-f]{40})|/files/([0-9a-f]{40})/[^/]*")
DRIPS = 20


class Dialect(Protocol):
    """What v1.py and v2.py are."""

    BASE: str

    def is_authorised(self, state: State, authorization: str) -> bool: ...
    def answer(self, state: State, call: Call) -> Answer: ...
    def refused_key(self, state: State) -> Answer: ...
    def banned(self, state: State, seconds: float, form: str) -> Answer: ...


DIALECTS: tuple[Dialect, ...] = (v1, v2)


async def serve_call(state: State, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """One call to the help desk, from its arrival to its last byte."""
    arrived = time.time()
    request = read_request(scope)
    with state.lock:
        account = _account(state, request)
        entry = state.journal.arrive(arrived, request.method, request.path, request.query, account)
        allowed = not request.path.startswith("/api/") or state.limit.arrive(arrived)
        hit = state.faults.take(request.method, request.path)
    body = await _read_body(receive)
    if "stall" in hit:
        await asyncio.sleep(float(hit["stall"]))
    with state.lock:
        state.effects = []
        answer = _work(state, request, body, allowed, hit)
        entry.effects, state.effects = state.effects, []
        entry.status, entry.done = 0 if "drop" in hit else answer.status, time.time()
    if "drop" in hit:
        await _hang_up(scope, receive)
    else:
        await _send(answer, hit, scope, receive, send)


def _account(state: State, request: Request) -> str:
    authorization = request.headers.get("authorization", "")
    if not authorization:
        return ""
    found = next((dialect for dialect in DIALECTS if dialect.is_authorised(state, authorization)), None)
    return found.BASE.rpartition("/")[2] if found else "wrong"


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while (event := await receive())["type"] == "http.request":
        body += event["body"]
        if not event["more_body"]:
            break
    return bytes(body)


def _work(state: State, request: Request, body: bytes, allowed: bool, hit: dict[str, str]) -> Answer:
    """A lock-out comes before anything else, a wrong key before any work."""
    dialect = next((one for one in DIALECTS if request.path.startswith(f"{one.BASE}/")), None)
    refused = faults.refuse(hit)
    if dialect is None:
        shown = widget.answer(state, request.method, request.path, body) or _download(state, request)
        return refused or faults.spoil(shown, hit)
    if not allowed:
        answer = dialect.banned(state, state.limit.seconds_left(), state.limit.ban_form)
    elif refused:
        answer = refused
    elif 0 < state.quirks.upload_limit < len(body):
        answer = Answer(413, faults.PAGE, faults.HTML)
    elif not dialect.is_authorised(state, request.headers.get("authorization", "")):
        answer = dialect.refused_key(state)
    else:
        call = read_call(request, dialect.BASE, request.path, body)
        if "pages" in hit:
            call.query["page"] = "1"
        answer = faults.spoil(dialect.answer(state, call), hit)
    return _with_limits(state, answer)


def _with_limits(state: State, answer: Answer) -> Answer:
    limits = {"x-rate-limit": str(state.limit.per_minute), "x-rate-limit-remaining": str(state.limit.remaining)}
    return Answer(answer.status, answer.body, {**answer.headers, **limits})


def _download(state: State, request: Request) -> Answer:
    """A file by its forty digits; an address we do not know is a web page, for this part of the vendor is a site."""
    found = FILE_PATH.fullmatch(request.path)
    file = state.file_by_key(found[1] or found[2]) if found else None
    if file is None:
        return Answer(404, b"<!doctype html><title>404</title>", {"content-type": "text/html; charset=utf-8"})
    if state.quirks.files_need_key and _account(state, request) in ("", "wrong"):
        return Answer(401, b"", {"content-type": "text/html; charset=utf-8"})
    return Answer(200, file.content, {"content-type": file.type, "content-disposition": _disposition(file)})


def _disposition(file: File) -> str:
    name = file.name.encode("latin-1", "replace").decode("latin-1")
    return 'inline; filename="' + re.sub(r'["\\\x00-\x1f]', "_", name) + '"'


async def _send(answer: Answer, hit: dict[str, str], scope: HTTPScope, receive: Receive, send: Send) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if "cut" in hit:
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _hang_up(scope, receive)
        return
    if "drip" in hit:
        size = len(answer.body) // DRIPS + 1
        for start in range(0, len(answer.body), size):
            piece = answer.body[start : start + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(float(hit["drip"]) / DRIPS)
    await send({"type": "http.response.body", "body": b"" if "drip" in hit else answer.body, "more_body": False})


async def _hang_up(scope: HTTPScope, receive: Receive) -> None:
    """Close the connection under the caller; our server (server.py) lends us the means."""
    means: dict[str, Any] = (scope.get("extensions") or {}).get("sandbox.hang_up", {})  # type: ignore[assignment]
    if "call" not in means:
        raise ConnectionResetError("the sandbox hung up, as told")
    means["call"]()
    while (await receive())["type"] != "http.disconnect":
        pass
