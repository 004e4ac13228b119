"""The vendor's widget as a site's pages see it: a script for anybody, and a door that believes whatever is typed."""

from __future__ import annotations

import json
from pathlib import Path

from portal.sandbox.helpdesk.director import direct
from portal.sandbox.helpdesk.state import State
from portal.sandbox.helpdesk.wire import Answer, json_answer

SCRIPTS = ("/js/contact-widget.js", "/js/modules/chat_widget/hde.js")
TICKETS = "/widget/tickets"
SCRIPT = Path(__file__).parent / "pages/contact-widget.js"
FOR_ANY_SITE = {"access-control-allow-origin": "*"}


def answer(state: State, method: str, path: str, body: bytes) -> Answer | None:
    """None for an address that is not the widget's. A ticket is {email, name, text, subject?, custom_fields?}."""
    if method == "GET" and path in SCRIPTS:
        return Answer(200, SCRIPT.read_bytes(), {"content-type": "text/javascript; charset=utf-8"})
    if method != "POST" or path != TICKETS:
        return None
    try:
        told = json.loads(body)
        allowed = {key: told[key] for key in ("email", "name", "text", "subject", "custom_fields") if told.get(key)}
        done = direct(state, "customer/widget", {"subject": str(told["text"])[:60], **allowed})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return json_answer(400, {"error": "email and text are required"}, FOR_ANY_SITE)
    number = state.tickets[done["ticket_id"]].number
    return json_answer(200, {"ticket_id": done["ticket_id"], "number": number}, FOR_ANY_SITE)
