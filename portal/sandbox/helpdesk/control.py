"""/_sandbox/: the director's addresses, for tests and for the curious newcomer of the demo."""

from __future__ import annotations

import json
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State as AppState
from litestar.params import FromPath, FromQuery

from portal.sandbox.helpdesk import desk
from portal.sandbox.helpdesk.acts import Impossible
from portal.sandbox.helpdesk.director import ACTS, describe, direct
from portal.sandbox.helpdesk.page import render_conversation, render_index
from portal.sandbox.helpdesk.state import State

HomeRequest = Request[Any, Any, AppState]
HTML_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"}


def _state(request: HomeRequest) -> State:
    state: State = request.app.state.helpdesk
    return state


@post("/_sandbox/{name:path}", status_code=200)
async def act(request: HomeRequest, name: FromPath[str]) -> Response[Any]:
    """JSON is answered with JSON; a form, with the page of the ticket or the first page."""
    wanted = name.strip("/")
    if wanted not in ACTS:
        return Response({"error": f"no such act; there are {', '.join(ACTS)}"}, status_code=404)
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    try:
        done = direct(_state(request), wanted, await _arguments(request, is_form))
    except Impossible as problem:
        return Response({"error": str(problem)}, status_code=400)
    if is_form:
        back = f"/_sandbox/tickets/{done['ticket_id']}" if done.get("ticket_id") else "/_sandbox/"
        return Response(None, status_code=303, headers={"location": back})
    return Response(done)


async def _arguments(request: HomeRequest, is_form: bool) -> dict[str, Any]:
    """A form's empty fields are fields not filled in."""
    if is_form:
        return {key: value for key, value in (await request.form()).items() if value}
    body = await request.body()
    try:
        told = json.loads(body or b"{}")
    except ValueError as problem:
        raise Impossible(f"not JSON: {problem}") from problem
    if not isinstance(told, dict):
        raise Impossible("not a JSON object")
    return told


@get("/_sandbox/journal")
async def journal(
    request: HomeRequest, since: FromQuery[float] = 0.0, window: FromQuery[float] = 60.0
) -> Response[Any]:
    """Calls that arrived after `since` (epoch seconds), oldest first, and the most in any `window` seconds."""
    state = _state(request)
    with state.lock:
        return Response({"calls": state.journal.since(since), "busiest": state.journal.busiest(window)})


@get("/_sandbox/state")
async def whole_state(request: HomeRequest) -> Response[Any]:
    return Response(describe(_state(request)))


@get("/_sandbox/")
async def index(request: HomeRequest, q: FromQuery[str] = "") -> Response[str]:
    return Response(render_index(_state(request), q), media_type=MediaType.HTML, headers=HTML_HEADERS)


@get("/_sandbox/tickets/{ticket_id:int}")
async def conversation(request: HomeRequest, ticket_id: FromPath[int]) -> Response[str]:
    state = _state(request)
    ticket = state.ticket(ticket_id)
    if ticket is None:
        return Response("no such ticket", status_code=404, media_type=MediaType.TEXT)
    return Response(render_conversation(state, ticket), media_type=MediaType.HTML, headers=HTML_HEADERS)


ROUTES = [act, journal, whole_state, index, conversation, *desk.ROUTES]
