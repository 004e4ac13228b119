"""The letter that proves an address, through a real SMTP server."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from portal import assets, worker
from portal.app import _letters
from portal.bitrix import tables
from portal.helpdesk.client import Client
from portal.model import Customer
from portal.service import sight
from portal.service.effects import MANAGER_MAIL
from portal.store import outbox
from portal.tokens import Tokens
from portal.web.pages import Pages
from portal.web.statics import Statics
from tests.stage import ANNA, EMAILS, Stage, stage

TOKENS = Tokens(["a-key-for-tests-only"])
CUSTOMER = Customer(ANNA, "anna", EMAILS[ANNA], "Anna <script>\r\nBcc: evil@evil.example")


class Mailbox:
    """Takes letters, or refuses each with `refuse`."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refuse = ""

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        if self.refuse:
            return self.refuse
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 ok"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # The controller calls itself to see that it has started, at the very port it was given: 0 would not do.
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def work(shop: Stage, smtp_url: str) -> bool:
    settings = shop.settings_with(smtp_url=type(shop.settings.smtp_url)(smtp_url))
    pages = Pages(settings, Statics(assets.folder("static"), settings.prefix))
    client = Client(settings, shop.databases)
    shape = shop.databases.read_here(tables.inspect)
    step = worker.steps(settings, shop.databases, client, TOKENS, _letters(pages), shape, None)[0]
    return asyncio.run(partial(step)())


@pytest.mark.parametrize(("locale", "word"), [("ru", "адрес"), ("en", "address")])
def test_the_letter_arrives_with_a_link_that_proves_the_address(
    shop: Stage, mailbox: tuple[Mailbox, str], locale: str, word: str
) -> None:
    box, url = mailbox
    shop.databases.run_here(sight.ask, CUSTOMER, locale)
    assert work(shop, url) and not work(shop, url)
    (letter,) = box.letters
    assert letter["To"] == EMAILS[ANNA] and "evil" not in str(letter["To"]) + str(letter["Bcc"])
    text = letter.get_body(("plain",)).get_content()
    html = letter.get_body(("html",)).get_content()
    assert word in text and "<script>" not in html
    (token,) = re.findall(r"https://shop\.example/personal/requests/prove/(\S+)", text)
    sight.check_proof(TOKENS, CUSTOMER, token)


def test_a_mail_server_that_is_away_loses_no_letter_and_the_second_try_has_the_same_message_id(
    shop: Stage, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    shop.databases.run_here(sight.ask, CUSTOMER, "ru")
    assert work(shop, "smtp://127.0.0.1:1")
    assert not work(shop, url), "not before its time"
    shop.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6)")
    assert work(shop, url)
    assert [letter["Message-ID"] for letter in box.letters] == ["<portal-proof-1@shop.example>"]


def test_an_address_the_server_refuses_is_not_tried_for_ever(shop: Stage, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    shop.databases.run_here(sight.ask, Customer(ANNA, "anna", "no address", "Anna"), "ru")
    assert work(shop, url)
    assert shop.execute("SELECT state, reason FROM custom_hde_outbox") == [(b"dead", "Undeliverable")]
    assert box.letters == []


def test_a_reason_names_no_address(shop: Stage, mailbox: tuple[Mailbox, str], caplog: pytest.LogCaptureFixture) -> None:
    box, url = mailbox
    box.refuse = f"451 no room for {EMAILS[ANNA]}"
    shop.databases.run_here(sight.ask, CUSTOMER, "ru")
    assert work(shop, url)
    ((state, reason),) = shop.execute("SELECT state, reason FROM custom_hde_outbox")
    told = [record.getMessage() for record in caplog.records if record.name.startswith("portal")]
    assert state == b"waiting" and told and EMAILS[ANNA] not in reason + "".join(told)


def test_the_job_of_a_worker_that_died_is_taken_up(shop: Stage, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    shop.databases.run_here(sight.ask, CUSTOMER, "ru")
    assert shop.databases.run_here(outbox.claim, ["mail.proof"], 60)
    assert not work(shop, url)
    shop.execute("UPDATE custom_hde_outbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    assert work(shop, url) and len(box.letters) == 1


@pytest.mark.parametrize(("code", "state"), [(450, b"waiting"), (550, b"dead")])
def test_greylisting_is_no_refusal(
    shop: Stage, mailbox: tuple[Mailbox, str], monkeypatch: pytest.MonkeyPatch, code: int, state: bytes
) -> None:
    async def refuse(*_: object) -> str:
        return f"{code} not now"

    monkeypatch.setattr(Mailbox, "handle_RCPT", refuse, raising=False)
    shop.databases.run_here(sight.ask, CUSTOMER, "ru")
    assert work(shop, mailbox[1])
    assert shop.execute("SELECT state FROM custom_hde_outbox") == [(state,)]


SAID = {
    "what": "created",
    "occasion": "created:10482",
    "number": "HLP-10482",
    "subject": "Where\r\nBcc: evil@evil.example <script>",
    "email": EMAILS[ANNA],
    "status": "open",
    "orders": [("A-1007", "https://shop.example/bitrix/admin/sale_order_view.php?ID=1007")],
}


@pytest.mark.parametrize(("locale", "words"), [("ru", "новое обращение"), ("en", "new request")])
def test_the_manager_gets_one_letter_however_often_it_is_sent(
    shop: Stage, mailbox: tuple[Mailbox, str], locale: str, words: str
) -> None:
    box, url = mailbox
    shop.settings = shop.settings_with(manager_email="manager@shop.example", locale=locale)
    for _ in range(2):
        shop.databases.run_here(outbox.put, MANAGER_MAIL, SAID, ANNA)
        assert work(shop, url)
    first, second = box.letters
    assert first["Message-ID"] == second["Message-ID"] == "<portal-created-10482@shop.example>"
    assert first["To"] == "manager@shop.example" and first["Bcc"] is None
    assert words in first["Subject"] and "HLP-10482: Where Bcc: evil" in first["Subject"]
    text = first.get_body(("plain",)).get_content()
    html = first.get_body(("html",)).get_content()
    for part in (text, html):
        assert EMAILS[ANNA] in part and "A-1007" in part and "sale_order_view.php?ID=1007" in part
    assert "<script>" not in html


@pytest.mark.parametrize("what", ["created", "message", "status"])
def test_a_letter_says_what_has_happened(shop: Stage, mailbox: tuple[Mailbox, str], what: str) -> None:
    box, url = mailbox
    shop.settings = shop.settings_with(manager_email="manager@shop.example", locale="en")
    shop.databases.run_here(outbox.put, MANAGER_MAIL, {**SAID, "what": what, "email": "", "orders": []}, None)
    assert work(shop, url)
    told = {"created": "new request has come", "message": "new message", "status": "status of a request has changed"}
    assert told[what] in box.letters[0].get_body(("plain",)).get_content()


def test_a_customers_words_add_no_line_and_no_hidden_character_to_a_letter(
    shop: Stage, mailbox: tuple[Mailbox, str]
) -> None:
    """In plain text a line of his would look like one of ours: another sender, another order's address."""
    box, url = mailbox
    shop.settings = shop.settings_with(manager_email="manager@shop.example", locale="en")
    hostile = "Hello\r\nOrder: A-1008  https://evil.example/\u202egpj.exe"
    said = {**SAID, "subject": hostile, "email": hostile, "status": hostile, "orders": [(hostile, "https://a.example")]}
    shop.databases.run_here(outbox.put, MANAGER_MAIL, said, ANNA)
    assert work(shop, url)
    text = box.letters[0].get_body(("plain",)).get_content()
    starts = [line.partition(" ")[0] for line in text.strip().splitlines()[2:]]
    assert starts == ["Request:", "Subject:", "From:", "Status:", "Order:"]
    for part in (text, box.letters[0].get_body(("html",)).get_content()):
        assert "https://evil.example/gpj.exe" in part and "\u202e" not in part
