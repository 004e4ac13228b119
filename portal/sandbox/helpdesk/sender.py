"""Sends what outgoing.py has waiting, from a thread of its own: nothing in the help desk waits for its receiver."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from portal.sandbox.helpdesk import v1, v2_shapes
from portal.sandbox.helpdesk.outgoing import Delivery, Rules
from portal.sandbox.helpdesk.state import State
from portal.sandbox.helpdesk.wire import Call

SECONDS = 5.0
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@contextlib.contextmanager
def sending(state: State) -> Iterator[None]:
    """Send for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_send_all, args=(state, stop), name="sandbox-sender", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with state.outgoing.changed:
            state.outgoing.changed.notify_all()
        thread.join()


def _send_all(state: State, stop: threading.Event) -> None:
    outgoing = state.outgoing
    while not stop.is_set():
        with outgoing.changed:
            delivery, left = outgoing.next()
            if delivery is None:
                if not stop.is_set():
                    outgoing.changed.wait(left)
                continue
        if not delivery.content:
            delivery.content = _content(state, delivery)
        outgoing.answered(delivery, _post(outgoing.rules, delivery))


def _post(rules: Rules, delivery: Delivery) -> int:
    """The status of the answer; 0 for none."""
    url = urlsplit(rules.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=SECONDS)
    try:
        headers = {"content-type": FORM if rules.body == "v2-form" else JSON, **_proof(rules, delivery)}
        connection.request("POST", url.path, delivery.content, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _proof(rules: Rules, delivery: Delivery) -> dict[str, str]:
    secret = rules.secret.encode()
    match rules.proof:
        case "hmac":
            return {"X-HDE-Signature": "sha256=" + hmac.new(secret, delivery.content, hashlib.sha256).hexdigest()}
        case "standard":
            return _standard(base64.b64decode(rules.secret.removeprefix("whsec_")), delivery)
        case "bearer":
            return {"Authorization": f"Bearer {rules.secret}"}
        case "secret":
            return {"X-Webhook-Secret": rules.secret}
        case "basic":
            return {"Authorization": "Basic " + base64.b64encode(b"helpdesk:" + secret).decode()}
    return {}


def _standard(key: bytes, delivery: Delivery) -> dict[str, str]:
    """The time is that of the try, the id that of the event."""
    name, stamp = _name(delivery), str(int(time.time()))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + delivery.content, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}


def _name(delivery: Delivery) -> str:
    """Unlike that of another day's sandbox, whose count began at one, too."""
    return f"evt_{int(delivery.at * 1000)}_{delivery.n}"


def _content(state: State, delivery: Delivery) -> bytes:
    with state.lock:
        if state.outgoing.rules.body == "v1":
            return json.dumps(_document(state, delivery), ensure_ascii=False).encode()
        told = _dispatched(state, delivery)
    return urlencode(told).encode() if state.outgoing.rules.body == "v2-form" else json.dumps(told).encode()


def _document(state: State, delivery: Delivery) -> dict[str, Any]:
    """The document's body, texts and all; a receiver should not need them."""
    ticket = state.tickets[delivery.ticket_id]
    message = next((one for one in ticket.messages if one.id == delivery.message_id), None)
    shown = {"message": v1.show_message(state, Call("", "", {}), ticket, message)} if message else {}
    head = {"id": _name(delivery), "event": delivery.event, "created_at": v1.iso(delivery.at)}
    return {**head, "ticket": v1.show_ticket(state, ticket), **shown}


def _dispatched(state: State, delivery: Delivery) -> dict[str, str]:
    """The dispatcher's template with its tags filled in: texts, all of them."""
    ticket = state.tickets[delivery.ticket_id]
    posts = [message.id for message in ticket.messages if not message.internal]
    return {
        "event": delivery.event,
        "ticket_id": str(ticket.id),
        "user_id": str(ticket.user_id),
        "last_post_id": str(posts[-1]) if posts else "",
        "status": ticket.status,
        "updated": v2_shapes.show_date(state, ticket.updated),
    }
