"""/_sandbox/: the director's addresses, for tests and for the curious newcomer of the demo."""

from __future__ import annotations

import json
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import State as AppState

from portal.sandbox.helpdesk.acts import Impossible
from portal.sandbox.helpdesk.director import ACTS, describe, direct
from portal.sandbox.helpdesk.state import State


def _state(request: Request[Any, Any, AppState]) -> State:
    state: State = request.app.state.helpdesk
    return state


@post("/_sandbox/{name:path}", status_code=200)
async def act(request: Request[Any, Any, AppState], name: str) -> Response[Any]:
    """JSON is answered with JSON, a form with the page it came from."""
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    told = await _arguments(request, is_form)
    wanted = name.strip("/")
    if wanted not in ACTS:
        return Response({"error": f"no such act; there are {', '.join(ACTS)}"}, status_code=404)
    try:
        done = direct(_state(request), wanted, told)
    except Impossible as problem:
        return Response({"error": str(problem)}, status_code=400)
    if is_form:
        back = f"/_sandbox/tickets/{done['ticket_id']}" if done.get("ticket_id") else "/_sandbox/"
        return Response(None, status_code=303, headers={"location": back})
    return Response(done)


async def _arguments(request: Request[Any, Any, AppState], is_form: bool) -> dict[str, Any]:
    if is_form:
        return {key: value for key, value in (await request.form()).items() if value not in ("", None)}
    body = await request.body()
    told = json.loads(body) if body else {}
    return told if isinstance(told, dict) else {}


@get("/_sandbox/journal")
async def journal(request: Request[Any, Any, AppState], since: float = 0.0) -> Response[Any]:
    """Calls that arrived after `since` (epoch seconds), oldest first."""
    state = _state(request)
    with state.lock:
        return Response({"calls": state.journal.since(since)})


@get("/_sandbox/state")
async def whole_state(request: Request[Any, Any, AppState]) -> Response[Any]:
    return Response(describe(_state(request)))


ROUTES = [act, journal, whole_state]
