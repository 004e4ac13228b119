"""What is logged: each step of an event by the event's id, and nobody's words, addresses or secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from portal import logs, mail, worker
from portal.app import create_app
from portal.model import Customer
from portal.service import sight, writing
from portal.service.sight import Person, Sight
from portal.service.writing import Draft
from tests.stage import ANNA, PUBLIC_URL, Stage, stage

WAIT_SECONDS = 20
CANARIES = ("canary", "anna@", "boris@", "demo-token", "00000000-0000-4000-8000-000000000000", "a-key-for-tests-only")
"""Words, addresses and secrets of this test and of the stage."""

ADDRESS = "canary@shop.example"
FAULTS: Any = [("drop", {}), ("cut", {}), ("status", {"value": 502}), ("status", {"value": 400})]
"""Answers that are lost, cut, and two that say no."""

PERSON = Person(Customer(ANNA, "canary", ADDRESS, "Canary"), Sight.PROVEN)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Every line of every logger, as our own handler writes it, from DEBUG on; the sandbox's own apart."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("portal.sandbox", "mail.log")):
                told.append(self.format(record))

    handler, root = Keep(), logging.getLogger()
    handler.setFormatter(logging.Formatter(logs.FORMAT))
    handler.addFilter(logs.mark)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield told
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        yield made


def leaks(lines: list[str]) -> list[str]:
    return [line for line in lines if any(canary in line.lower() for canary in CANARIES)]


def about(lines: list[str], event: str) -> list[str]:
    """The lines that carry this event's id in its place."""
    return [line for line in lines if f" {event} " in line]


def tell(client: TestClient[Any], number: int, ticket: int, event: str = "message.created") -> int:
    words = {"id": 9, "body": "canary-body", "author": {"email": ADDRESS, "name": "canary"}}
    body = {
        "id": f"e-{number}",
        "event": event,
        "ticket": {"id": ticket, "user_email": ADDRESS, "subject": "canary"},
        "message": words,
    }
    return client.post(
        "/api/hde-webhook", content=json.dumps(body), headers={"authorization": "Bearer canary-webhook-secret"}
    ).status_code


def wait_for(shop: Stage, table: str, state: str, count: int) -> None:
    query = f"SELECT COUNT(*) FROM custom_hde_{table} WHERE state = '{state}'"
    wait_until(lambda: shop.execute(query)[0][0] >= count)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_message_and_an_event_leave_ids_and_nothing_of_anybody(
    shop: Stage, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    monkeypatch.setattr(mail, "send", lambda _url, message: sent.append(message))
    secrets = {"webhook_secrets": (SecretStr("canary-webhook-secret"),), "webhook_auth": frozenset({"bearer"})}
    shop.execute(f"UPDATE b_user SET EMAIL = '{ADDRESS}', NAME = 'canary' WHERE ID = {ANNA}")
    ticket = int(shop.tell("customer/email", email=ADDRESS, subject="canary-subject", text="canary-text")["ticket_id"])
    contact = shop.state.tickets[ticket].user_id
    draft = Draft("canary-words", "form-1", "canary-subject")
    with TestClient(create_app(shop.settings_with(**secrets)), base_url=PUBLIC_URL) as client:
        reply = shop.databases.run_here(writing.reply, PERSON, ticket, contact, draft).id
        request = shop.databases.run_here(writing.open_request, PERSON, Draft("canary", "form-2", "canary"), None).id
        shop.databases.run_here(sight.ask, PERSON.customer, "ru")
        assert [tell(client, 1, ticket), tell(client, 1, ticket), tell(client, 2, ticket, "contact.merged")] == [
            202,
            200,
            202,
        ]
        wait_for(shop, "outbox", "done", 3)
        wait_for(shop, "inbox", "done", 1)
        time.sleep(0.2)
    assert sent
    for event, said in ((f"out:{reply}", f"outbox {reply}: desk.reply delivered"),
                        (f"out:{request}", f"outbox {request}: desk.request became request"),
                        ("out:3", "outbox 3: mail.proof sent"),
                        ("in:1", "inbox 1: message.created of ticket")):  # fmt: skip
        assert any(said in line for line in about(lines, event)), (said, lines)
    assert any("inbox 1: message.created of ticket" in line and "recorded" in line for line in lines)
    assert any("inbox 2: unknown event contact.merged" in line or "inbox 3: unknown" in line for line in lines)
    assert leaks(lines) == []


def test_what_fails_is_told_by_its_id_and_without_anybody(
    shop: Stage, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A help desk that refuses and quotes, answers that are cut or lost, and a mail server that names whom it refuses."""

    def refuse(_url: str, _message: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({ADDRESS: (550, f"<{ADDRESS}> canary".encode())})

    monkeypatch.setattr(mail, "send", refuse)
    ticket = int(shop.tell("customer/email", email=ADDRESS, subject="canary-subject", text="canary-text")["ticket_id"])
    contact = shop.state.tickets[ticket].user_id
    with TestClient(create_app(shop.settings), base_url=PUBLIC_URL):
        shop.databases.run_here(writing.reply, PERSON, ticket, contact, Draft("canary-words", "form-1"))
        shop.databases.run_here(sight.ask, PERSON.customer, "ru")
        for kind, more in FAULTS:
            before = len(about(lines, "out:1"))
            shop.tell("faults", kind=kind, count=1, path="/(messages|posts)/?$", method="POST", **more)
            shop.execute(
                "UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6), sent_at = NULL WHERE state = 'waiting'"
            )
            wait_until(lambda before=before: len(about(lines, "out:1")) > before)
        wait_for(shop, "outbox", "dead", 1)
    assert all("outbox 1: " in line or "help desk: " in line for line in about(lines, "out:1"))
    assert any("outbox 2: mail.proof failed at attempt 1" in line for line in about(lines, "out:2"))
    assert leaks(lines) == []


def test_what_is_called_on_the_way_carries_the_id_too(lines: list[str]) -> None:
    async def below() -> None:
        logging.getLogger("portal.helpdesk").warning("somewhere below")

    async def story() -> None:
        logs.about("in:1")
        await asyncio.gather(below(), asyncio.create_task(below()))

    asyncio.run(story())
    assert len([line for line in about(lines, "in:1") if "somewhere below" in line]) == 2


def test_a_leak_would_be_found(lines: list[str]) -> None:
    """The control."""
    logging.getLogger("portal.web").info("%s wrote", ADDRESS)
    try:
        raise ValueError("canary-words")
    except ValueError:
        logging.getLogger("anything").debug("failed", exc_info=True)
    assert len(leaks(lines)) == 2


def test_the_next_step_is_about_nothing_of_the_last(lines: list[str]) -> None:
    async def step() -> bool:
        logging.getLogger("portal").info("begun")
        logs.about("out:9")
        return True

    async def story() -> None:
        for _ in range(2):
            assert await worker._take(step)

    asyncio.run(story())
    assert [line.rpartition(" portal ")[2] for line in lines if "begun" in line] == ["- begun", "- begun"]


def test_our_own_handler_writes_the_event() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from portal import logs; import logging; logs.start(); logs.start(); logs.about('in:7'); "
                               "logging.getLogger('other').info('hello')"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert told.endswith(" INFO other in:7 hello\n") and told.count("\n") == 1
