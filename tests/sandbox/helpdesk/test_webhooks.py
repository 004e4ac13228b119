"""The help desk's own webhooks: what it sends, with which proof, and on request late, twice and out of order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.sandbox.helpdesk.conftest import Desk

SECRET = "a-secret-of-the-receiver"
PATIENCE_SECONDS = 10


@dataclass
class Arrived:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Receiver:
    """Takes what comes, answers with `status`."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.status = 202
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.arrived.append(Arrived(self.path, headers, body, time.time()))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_told: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/hde-webhook"

    def wait(self, count: int) -> list[Arrived]:
        until(lambda: len(self.arrived) >= count)
        return self.arrived


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def on(desk: Desk, receiver: Receiver, **rules: Any) -> None:
    desk.tell("webhooks", url=receiver.url, secret=SECRET, **rules)


def journal(desk: Desk) -> list[dict[str, Any]]:
    return desk.tell("webhooks")["deliveries"]  # type: ignore[no-any-return]


def test_what_happens_is_sent_in_the_documents_words(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver)
    new = desk.tell("customer/email", email="anna@shop.example", subject="Where?", text="Hello")
    desk.tell("operator/note", ticket_id=new["ticket_id"], text="not for her")
    reply = desk.tell("operator/reply", ticket_id=new["ticket_id"], text="Here")
    desk.tell("operator/status", ticket_id=new["ticket_id"], status="closed")
    told = [json.loads(one.body) for one in receiver.wait(3)]
    assert [one["event"] for one in told] == ["ticket.created", "message.created", "ticket.status_changed"]
    assert {one["ticket"]["id"] for one in told} == {new["ticket_id"]}
    assert told[1]["message"]["id"] == reply["message_id"]
    assert told[1]["ticket"]["user_id"] == new["user_id"]
    assert "message" not in told[2]
    assert len({one["id"] for one in told}) == 3
    assert "not for her" not in str(told)
    for one in receiver.arrived:
        right = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-hde-signature"] == f"sha256={right}"
        assert one.headers["content-type"] == "application/json"


def test_what_the_api_does_is_sent_too(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver)
    ticket = desk.v1("GET", "/tickets", params={"user_id": desk.cast.anna}).json()["data"][0]
    message = {"author_id": ticket["user_id"], "body": "by the API"}
    desk.v1("POST", f"/tickets/{ticket['id']}/messages", json=message)
    assert json.loads(receiver.wait(1)[0].body)["event"] == "message.created"


def test_standard_webhooks(desk: Desk, receiver: Receiver) -> None:
    key = b"a-signing-secret-of-the-receiver"
    desk.tell("webhooks", url=receiver.url, proof="standard", secret="whsec_" + base64.b64encode(key).decode())
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    one = receiver.wait(1)[0]
    content = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    right = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{right}"
    assert abs(int(one.headers["webhook-timestamp"]) - time.time()) < 5


@pytest.mark.parametrize("body", ["v2", "v2-form"])
def test_the_dispatchers_rule(desk: Desk, receiver: Receiver, body: str) -> None:
    on(desk, receiver, body=body, proof="bearer")
    new = desk.tell("customer/email", email="anna@shop.example", text="Hello")
    one = receiver.wait(1)[0]
    told = json.loads(one.body) if body == "v2" else {k: v[0] for k, v in parse_qs(one.body.decode()).items()}
    updated = told.pop("updated")
    assert told == {
        "event": "ticket.created",
        "ticket_id": str(new["ticket_id"]),
        "user_id": str(new["user_id"]),
        "last_post_id": str(new["message_id"]),
        "status": "open",
    }
    assert len(updated) == len("2026-11-20 13:00:00")
    assert one.headers["authorization"] == f"Bearer {SECRET}"
    assert "x-hde-signature" not in one.headers


def test_late_and_twice(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver, delay=0.4, times=2)
    began = time.time()
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    first, second = receiver.wait(2)
    assert first.at - began >= 0.4
    assert first.body == second.body


def test_out_of_order(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver, hold=True)
    tickets = [desk.tell("customer/email", email="anna@shop.example", text=str(n))["ticket_id"] for n in range(4)]
    time.sleep(0.1)
    assert receiver.arrived == []
    desk.tell("webhooks", hold=False)
    assert [json.loads(one.body)["ticket"]["id"] for one in receiver.wait(4)] == tickets[::-1]


def test_what_is_not_taken_is_repeated_and_the_journal_tells(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver, repeat_seconds=0.05)
    receiver.status = 503
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    receiver.wait(2)
    receiver.status = 202
    until(lambda: journal(desk)[0]["done"])
    statuses = [status for _, status in journal(desk)[0]["answers"]]
    assert statuses[:2] == [503, 503] and statuses[-1] == 202
    assert len({one.body for one in receiver.arrived}) == 1, "byte for byte the same"


def test_it_gives_up_after_three_repeats(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver, repeat_seconds=0.01)
    receiver.status = 500
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    until(lambda: journal(desk)[0]["done"])
    assert len(receiver.arrived) == 4


def test_a_receiver_that_is_not_there_disturbs_nothing(desk: Desk) -> None:
    desk.tell("webhooks", url="http://127.0.0.1:1/api/hde-webhook", secret=SECRET, repeat_seconds=0.01)
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    until(lambda: journal(desk)[0]["done"])
    assert [status for _, status in journal(desk)[0]["answers"]] == [0] * 4


def test_it_is_off_until_told_and_after_a_reset(desk: Desk, receiver: Receiver) -> None:
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    assert journal(desk) == []
    on(desk, receiver)
    desk.tell("reset")
    desk.tell("customer/email", email="anna@shop.example", text="Hello")
    assert journal(desk) == []


@pytest.mark.parametrize("rules", [{"proof": "magic"}, {"body": "xml"}, {"speed": 1}, {"times": "often"}])
def test_nonsense_is_refused(desk: Desk, rules: dict[str, Any]) -> None:
    assert desk.http.post("/_sandbox/webhooks", json=rules).status_code == 400


def test_the_first_page_switches_it(desk: Desk, receiver: Receiver) -> None:
    on(desk, receiver)
    form = {"delay": "1", "times": "2", "hold": "yes"}
    answer = desk.http.post("/_sandbox/webhooks", data=form)
    assert answer.status_code == 303
    rules = desk.state.outgoing.rules
    assert (rules.delay, rules.times, rules.hold, rules.url) == (1.0, 2, True, receiver.url)
    assert receiver.url in desk.http.get("/_sandbox/").text
