"""/_sandbox/desk/: a ticket as an operator's browser shows it, with a plugin in its slot, which has window.HDE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State as AppState
from litestar.params import FromPath

from portal.sandbox.helpdesk.page import ENVIRONMENT
from portal.sandbox.helpdesk.plugin import NotAllowed
from portal.sandbox.helpdesk.state import State

DeskRequest = Request[Any, Any, AppState]
HDE = Path(__file__).parent / "pages/hde.js"
SHOWN = 50


def _state(request: DeskRequest) -> State:
    state: State = request.app.state.helpdesk
    return state


@get("/_sandbox/desk/")
async def newest(request: DeskRequest) -> Response[None]:
    """The ticket that was changed last."""
    state = _state(request)
    with state.lock:
        last = max((t for t in state.tickets.values() if not t.merged_into), key=lambda t: t.updated, default=None)
    return Response(None, status_code=303, headers={"location": f"/_sandbox/desk/{last.id}" if last else "/_sandbox/"})


@get("/_sandbox/desk/{ticket_id:int}")
async def ticket(request: DeskRequest, ticket_id: FromPath[int]) -> Response[str]:
    """The ticket, others to go to without a new page, and the plugin's slot."""
    state = _state(request)
    with state.lock:
        if state.ticket(ticket_id) is None:
            return Response("no such ticket", status_code=404, media_type=MediaType.TEXT)
        newest = sorted((t for t in state.tickets.values() if not t.merged_into), key=lambda t: -t.updated)
        about = {
            one.id: {
                "number": one.number,
                "subject": one.subject,
                "text": one.messages[-1].html if one.messages else "",
            }
            for one in newest
            if one.id == ticket_id or one in newest[:SHOWN]
        }
        who = state.operators()[0]
    page = ENVIRONMENT.get_template("desk.html").render(
        title="Help desk", ticket_id=ticket_id, about=about, operator={"userId": who.id, "name": who.full_name}
    )
    return Response(page, media_type=MediaType.HTML)


@get("/_sandbox/desk/plugin")
async def plugin(request: DeskRequest) -> Response[str]:
    """The plugin's file as it is, after what gives it window.HDE; on the help desk's own origin, as in the real one."""
    state = _state(request)
    if not state.plugin.html:
        return Response("no plugin", status_code=404, media_type=MediaType.TEXT)
    shown = json.dumps(state.plugin.shown).replace("<", "\\u003c")
    head = f"<script>window.HDE_VARS = {shown};\n{HDE.read_text('utf-8')}</script>\n"
    doctype, found, rest = state.plugin.html.partition("<!doctype html>")
    return Response(f"{doctype}{found}{head}{rest}", media_type=MediaType.HTML)


@post("/_sandbox/desk/request", status_code=200)
async def request(request: DeskRequest) -> Response[Any]:
    """What HDE.request asks for, with the secrets put in here."""
    try:
        told = json.loads(await request.body())
        status, data = await _state(request).plugin.request(told)
    except (ValueError, AttributeError, NotAllowed):
        return Response({"error": "a request that this plugin may not make"}, status_code=400)
    return Response({"status": status, "data": data})


ROUTES = [newest, ticket, plugin, request]
