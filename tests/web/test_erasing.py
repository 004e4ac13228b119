"""The copies go: table by table, and the receipt says what; he stays a customer, and nothing of anybody else's goes."""

from __future__ import annotations

import asyncio
import re
import time
from importlib import resources
from typing import Any

import pytest
from sqlalchemy import text

from portal.helpdesk import forgetting, indexing
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import Customer
from portal.service import indexer, writing
from portal.service.sight import Person, Sight
from portal.service.writing import Draft
from portal.store import erasing, index_wants, shop_events, snapshots
from portal.store.erasing import GOES, STAYS
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, Stage
from tests.web import states
from tests.web.states import every_state, make_pages
from tests.web.test_taking import EXPORT, ask, shop

__all__ = ["shop"]

ERASE, RECEIPT = f"{EXPORT}/erase", f"{EXPORT}/receipt"
TABLES = [
    "user_map",
    "ticket_owner",
    "order_ticket",
    "order_word",
    "profile",
    "pushed",
    "visit",
    "outbox",
    "export",
    "receipt",
]


def every_table() -> set[str]:
    folder = resources.files("portal.store") / "migrations"
    scripts = "".join(file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql"))
    return {*re.findall(r"CREATE TABLE IF NOT EXISTS (custom_hde_\w+)", scripts), shop_events.TABLE}


def test_of_every_table_it_is_said_whether_it_goes_or_why_it_stays() -> None:
    assert every_table() == GOES.keys() | STAYS.keys()
    assert {*GOES.values(), *STAYS.values()} == {
        "copies", "ratings", "seen", "delivered", "profile", "exports", "proof", "under_way", "orders", "support", "shop", "numbers"
    }  # fmt: skip


def test_the_receipt_has_words_for_everything() -> None:
    template, shown = every_state("en")["erase-receipt"]
    page = make_pages()[0].render(template, locale="en", **shown).decode()
    goes, stays = page.split("This stays here")[0], page.split("This stays here")[1].split("This stays with support")[0]
    assert goes.count("<li>") == len(set(GOES.values())) and stays.count("<li>") == len(set(STAYS.values()))


def test_a_link_alone_deletes_nothing(shop: Stage) -> None:
    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        before = copies(shop)
        assert before and anna.get(ERASE).status_code == 200
        assert anna.post(ERASE, headers={"sec-fetch-site": "same-origin"}).status_code == 403
        assert copies(shop) == before
        assert anna.get(RECEIPT).status_code == 404


def copies(shop: Stage) -> set[tuple[bytes, bytes]]:
    return set(shop.execute("SELECT kind, id FROM custom_hde_snapshot WHERE body IS NOT NULL OR brief <> ''"))


def draft(shop: Stage, who: int, once: str, ticket: int | None = None) -> int:
    person = Person(Customer(who, "", EMAILS[who], ""), Sight.PROVEN)
    if ticket is None:
        return int(shop.databases.run_here(writing.open_request, person, Draft("canary words", once, "S"), None).id)
    return int(shop.databases.run_here(writing.reply, person, ticket, 1, Draft("canary words", once)).id)


def fill(shop: Stage, who: int, ticket: int) -> None:
    """Something of his in every table that is by account."""
    for number, state in enumerate(("done", "waiting", "aside", "dead", "discarded")):
        job = draft(shop, who, f"form-{who}-{number}")
        queue = f"its own {who}" if state == "waiting" else "new"
        shop.execute(
            f"UPDATE custom_hde_outbox SET queue = '{queue}', state = '{state}', finished_at = UTC_TIMESTAMP(6) WHERE id = {job}"
        )
        shop.execute(f"INSERT INTO custom_hde_blob VALUES ({job}, 0, 0, 'canary file')")
    told = '{"subject": "canary words"}'
    shop.execute(
        "INSERT INTO custom_hde_outbox (kind, user_id, payload, state, once, run_at, created_at, finished_at) VALUES "
        f"('mail.manager', {who}, '{told}', 'done', 'mail:{who}', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
    )
    shop.execute(f"INSERT INTO custom_hde_rating VALUES ({who}, {ticket}, 'bad', 'canary words', UTC_TIMESTAMP(6))")
    shop.execute(
        "INSERT INTO custom_hde_profile (contact_id, email, name, phone, user_id, created_at) VALUES "
        f"({900 + who}, '{EMAILS[who]}', 'canary name', '+7', {who}, UTC_TIMESTAMP(6))"
    )
    shop.execute(
        "INSERT INTO custom_hde_order_ticket (order_id, ticket_id, user_id, number, evidence, created_at) VALUES "
        f"({ticket}, {ticket}, {who}, 'A-1', 'portal', UTC_TIMESTAMP(6))"
    )
    shop.execute(
        f"INSERT INTO custom_hde_ticket_owner VALUES ({ticket + 5000}, {who}, 1, 'portal', NULL, UTC_TIMESTAMP(6))"
    )


def of(shop: Stage, who: int) -> dict[str, int]:
    found = {
        name: shop.execute(f"SELECT COUNT(*) FROM custom_hde_{name} WHERE user_id = {who}")[0][0] for name in TABLES
    }
    found["blob"] = shop.execute(
        f"SELECT COUNT(*) FROM custom_hde_blob WHERE job_id IN (SELECT id FROM custom_hde_outbox WHERE user_id = {who})"
    )[0][0]
    found["part"] = shop.execute(
        f"SELECT COUNT(*) FROM custom_hde_export_part WHERE export_id IN (SELECT id FROM custom_hde_export WHERE user_id = {who})"
    )[0][0]
    return {name: int(count) for name, count in found.items()}


def test_what_goes_goes_and_what_stays_stays_and_the_receipt_is_exact(shop: Stage) -> None:
    tickets = {who: shop.ticket(who, f"canary of {who}", "canary text") for who in (ANNA, BORIS)}
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        for who, browser in ((ANNA, anna), (BORIS, boris)):
            browser.get(f"{PREFIX}/")
            browser.get(f"{PREFIX}/{tickets[who]}")
            fill(shop, who, tickets[who])
            ask(browser, EXPORT, who)
            shop.execute(
                "INSERT INTO custom_hde_export_part (export_id, place, name, content) "
                f"SELECT id, 0, 'a', 'canary' FROM custom_hde_export WHERE user_id = {who}"
            )
        hers, his, kept = of(shop, ANNA), of(shop, BORIS), copies(shop)
        index = shop.execute(f"SELECT COUNT(*) FROM custom_hde_ticket WHERE email = '{EMAILS[ANNA]}'")[0][0]
        assert (
            hers == his
            and min(hers[name] for name in hers if name not in ("order_word", "pushed", "receipt")) > 0
            and index == 1
        )
        answer = ask(anna, ERASE)
        assert (answer.status_code, answer.headers["location"]) == (303, RECEIPT)
        after = of(shop, ANNA)
        page = anna.get(RECEIPT, headers={"accept-language": "en"}).text
        assert of(shop, BORIS) == his
        still = boris.get(f"{PREFIX}/{tickets[BORIS]}").text
    goes = {"visit": 0, "profile": 0, "export": 0, "part": 0}
    # Done and discarded went; waiting, aside and dead stay, and the number of a letter that was sent; with it no words.
    assert after == {**hers, **goes, "outbox": 4, "blob": 3, "receipt": 1}
    assert shop.execute(f"SELECT payload FROM custom_hde_outbox WHERE once = 'mail:{ANNA}'") == [(b"{}",)]
    assert shop.execute(f"SELECT score, words FROM custom_hde_rating WHERE user_id = {ANNA}") == [(b"bad", "")]
    # Her contact's address, lists and conversation, whose lists it is in, and its row of the index.
    gone = kept - copies(shop)
    assert {kind for kind, _ in gone} == {b"contacts", b"tickets", b"conversation", b"listed"}
    assert not any(EMAILS[BORIS].encode() in key or key == str(tickets[BORIS]).encode() for _, key in gone)
    counts = shop.databases.read_here(erasing.receipt, ANNA)
    assert counts and counts.counts == {
        "copies": len(gone) + index, "seen": hers["visit"], "delivered": 2, "profile": 1, "ratings": 1, "exports": 1, "under_way": 3
    }  # fmt: skip
    for number in (len(gone) + index, hers["visit"]):
        assert f"<strong>{number}</strong>" in page
    assert "<time" in page and "This stays with support" in page and "canary text" in still
    everything = repr(
        [
            shop.execute(f"SELECT * FROM {table}")
            for table in sorted(every_table() - {"custom_hde_outbox", "custom_hde_blob"})
        ]
    )
    assert f"canary of {ANNA}" not in everything and f"canary of {BORIS}" in everything


def test_the_next_visit_fetches_anew_in_every_process(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna, shop.client(ANNA) as other:
        for browser in (anna, other):
            browser.get(f"{PREFIX}/{ticket}")
        asked = shop.calls()
        for browser in (anna, other):
            assert browser.get(f"{PREFIX}/{ticket}").status_code == 200
        assert shop.calls() == asked, "the control: both have it in memory"
        ask(anna, ERASE)
        deadline = time.monotonic() + 5
        while shop.calls() == asked:  # the other process hears of it in a moment
            assert other.get(f"{PREFIX}/{ticket}").status_code == 200 and time.monotonic() < deadline
        shop.databases.run_here(lambda unit: unit.state.execute(text("DELETE FROM custom_hde_snapshot")).rowcount)
        asked = shop.calls()
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 200
        assert shop.calls() > asked, "and this one at once"


def test_who_is_fetching_at_that_moment_keeps_nothing(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = shop.ticket(ANNA)
    fetch = Client.list_messages

    async def slowly(self: Client, *args: Any) -> Any:
        found = await fetch(self, *args)
        with shop.client(ANNA) as anna:
            assert (await asyncio.to_thread(ask, anna, ERASE)).status_code == 303
        return found

    async def run() -> None:
        client = Client(shop.settings, shop.databases)
        cache = Cache(client, shop.databases, 60)
        with monkeypatch.context() as patched:
            patched.setattr(Client, "list_messages", slowly)
            copy = await cache.conversation(ticket, asyncio.get_running_loop().time() + 20)
        assert copy.value.ticket.id == ticket, "he who asked is answered"
        await cache.close()
        await client.close()

    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        shop.execute(f"INSERT INTO custom_hde_visit VALUES ({ANNA}, {ticket}, UTC_TIMESTAMP(6))")
        asyncio.run(run())
    assert shop.databases.read_here(snapshots.load, "conversation", str(ticket)) is None
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_ticket") == [(0,)]


def test_the_emptied_rows_are_swept_and_nobody_renews_them(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/{ticket}")
        ask(anna, ERASE)
    assert shop.databases.read_here(snapshots.overdue, 10) == []
    shop.databases.run_here(snapshots.sweep)
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_snapshot") == [(0,)]


def test_who_has_proven_nothing_deletes_nobodys_copies(shop: Stage) -> None:
    """His address may be another's."""
    shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
    kept = copies(shop)
    shop.execute(f"DELETE FROM custom_hde_user_map WHERE user_id = {BORIS}")
    shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    with shop.client(BORIS) as boris:
        assert ask(boris, ERASE, BORIS).status_code == 303
    assert copies(shop) == kept


def test_so_often_a_day(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        answers = [ask(anna, ERASE).status_code for _ in range(11)]
    assert answers == [303] * 10 + [429]


def test_a_receipt_is_its_owners_and_is_forgotten(shop: Stage) -> None:
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        ask(anna, ERASE)
        assert (anna.get(RECEIPT).status_code, boris.get(RECEIPT).status_code) == (200, 404)
        shop.execute("UPDATE custom_hde_receipt SET erased_at = erased_at - INTERVAL 31 DAY")
        assert anna.get(RECEIPT).status_code == 404
    assert shop.databases.run_here(erasing.sweep) == 1


def test_a_reply_under_way_keeps_what_tells_it_from_those_before_it(shop: Stage) -> None:
    """Of a queue that is not done the earlier numbers are needed: an answer that was lost is looked for by them."""
    ticket = shop.ticket(ANNA)
    first, _second = draft(shop, ANNA, "one", ticket), draft(shop, ANNA, "two", ticket)
    shop.execute(
        f"UPDATE custom_hde_outbox SET state = 'done', finished_at = UTC_TIMESTAMP(6), result_id = 77 WHERE id = {first}"
    )
    with shop.client(ANNA) as anna:
        ask(anna, ERASE)
        assert shop.execute(f"SELECT COUNT(*) FROM custom_hde_outbox WHERE id = {first}") == [(1,)]
        shop.execute("UPDATE custom_hde_outbox SET state = 'done', finished_at = UTC_TIMESTAMP(6)")
        ask(anna, ERASE)
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_outbox") == [(0,)]


def test_whoever_reads_him_into_the_index_at_that_moment_puts_nothing_back(shop: Stage) -> None:
    contact, rows = 41, [indexing.listed([states.ticket(1)])[0]]
    shop.databases.run_here(index_wants.put, [contact], 60)
    assert shop.databases.run_here(index_wants.claim, 60) == (contact, 1)
    shop.databases.run_here(forgetting.wipe, [contact], [], [])
    shop.databases.run_here(indexer._read, contact, rows, 2)
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_ticket") == [(0,)]
    shop.databases.run_here(index_wants.put, [contact], 60)
    shop.databases.run_here(indexer._read, contact, rows, 2)
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_ticket") == [(1,)], "the control"
