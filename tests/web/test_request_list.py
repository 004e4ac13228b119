"""The list narrowed down, searched and sorted: what is found, what is said, and that nobody else's words ever are."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from portal.bitrix import tables
from portal.bitrix.tables import Shape
from portal.database import Unit
from portal.helpdesk import forgetting
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import Event
from portal.service import finding, inbound, rules
from portal.service.effects import Effects
from portal.service.finding import Finder, Wish
from portal.service.inbound import Bell
from portal.service.indexer import Indexer
from portal.service.listing import Desk
from portal.service.taking import person_of
from portal.store import inbox, index_wants, order_tickets
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, Stage
from tests.web.test_orders_api import supplied

Browser = TestClient[Any]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with supplied(database_url, tmp_path) as made:
        made.prove(ANNA)
        made.prove(BORIS)
        yield made


def page(browser: Browser, query: str = "") -> str:
    answer = browser.get(f"{PREFIX}/{query}")
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def subjects(html: str) -> list[str]:
    rows = re.findall(r'<h2><a href="[^"]+">(?:<span.*?</span> )*<bdi>(.*?)</bdi>', html)
    return [unescape(subject) for subject in rows]


def index(shop: Stage) -> int:
    """The worker reads what is wanted, until nothing is; how many steps it took."""

    async def read() -> int:
        client = Client(shop.settings, shop.databases)
        try:
            indexer, steps = Indexer(shop.databases, Cache(client, shop.databases, 60)), 0
            while await indexer.step():
                steps += 1
            return steps
        finally:
            await client.close()

    return asyncio.run(read())


def many(shop: Stage, number: int) -> list[int]:
    return [shop.ticket(ANNA, f"Request number n{each}x") for each in range(number)]


def test_what_stands_in_a_message_a_file_or_a_subject_is_found_and_shown_where(shop: Stage) -> None:
    where = shop.ticket(ANNA, "Где посылка?", "Здравствуйте! Курьер не приехал, а ПОДЪЕЗД был открыт ещё с утра.")
    shop.ticket(ANNA, "Другое", "Совсем о другом")
    with shop.client(ANNA, locale="ru") as anna:
        page(anna, "?q=курьера")
        assert index(shop) > 0
        for words in ("курьера", "подъезды", "ПОСЫЛКИ", "еще", "ещё", f"№{where}", "посылка курьер"):
            assert subjects(page(anna, f"?q={words}")) == ["Где посылка?"], words
        found = page(anna, "?q=подъезд")
        assert "а <mark>ПОДЪЕЗД</mark> был открыт" in found and "Нашлось 1 обращение" in found
        assert "Ничего не нашлось" in page(anna, "?q=курьер+другое")
        assert subjects(page(anna, "?q=%25")) == [] and subjects(page(anna, "?q=_")) == []


def test_goods_and_numbers_of_her_orders_find_the_request_about_them(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Wrong size")
    shop.databases.run_here(order_tickets.put, 1007, ticket, ANNA, "А-1007", "portal")
    (name,) = shop.execute("SELECT NAME FROM b_sale_basket WHERE ORDER_ID = 1007 ORDER BY ID LIMIT 1")[0]
    with shop.client(ANNA) as anna:
        page(anna)
        found = page(anna, f"?q={name.split()[0].lower()}")
        assert subjects(found) == ["Wrong size"] and name in unescape(found)
        assert subjects(page(anna, "?q=а-1007")) == ["Wrong size"]
        assert subjects(page(anna, "?order=А-1007")) == ["Wrong size"]
        assert subjects(page(anna, "?order=А-1008")) == []


def test_an_order_that_only_an_operator_has_linked_finds_nothing_for_her(shop: Stage) -> None:
    """`kin`: the order is not the requester's."""
    ticket = shop.ticket(ANNA, "Wrong size")
    shop.databases.run_here(order_tickets.put, 1007, ticket, ANNA, "А-1007", "operator", kin=False)
    with shop.client(ANNA) as anna:
        page(anna)
        assert subjects(page(anna, "?q=а-1007")) == []


def test_nobody_elses_words_are_ever_found(shop: Stage) -> None:
    shop.ticket(BORIS, "The secret of Boris", "Nobody knows the canary")
    shop.ticket(ANNA, "Something of hers")
    with shop.client(BORIS) as boris, shop.client(ANNA) as anna:
        page(boris, "?q=canary")
        page(anna, "?q=canary")
        index(shop)
        assert subjects(page(boris, "?q=canary")) == ["The secret of Boris"], "the control: it is in the index"
        for query in ("?q=canary", "?q=secret", "?state=open", "?sort=created", "?q=s"):
            assert "Boris" not in page(anna, query) and "canary</mark>" not in page(anna, query)


def test_a_ticket_that_moves_to_another_requester_is_found_by_him_alone(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Handed over")
    with shop.client(ANNA, cache_seconds=1) as anna, shop.client(BORIS, cache_seconds=1) as boris:
        assert subjects(page(anna, "?state=open")) == ["Handed over"]
        shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
        time.sleep(1.1)
        assert subjects(page(boris, "?state=open")) == ["Handed over"]
        assert subjects(page(anna, "?state=open")) == []


@pytest.mark.parametrize("way", ["event", "sweep"])
def test_a_ticket_that_moved_is_found_no_more_though_nobody_has_opened_it_since(shop: Stage, way: str) -> None:
    ticket = shop.ticket(ANNA, "Handed over", "a canary")
    with shop.client(ANNA) as anna:
        page(anna, f"{ticket}"), page(anna)
    with shop.client(ANNA) as anna:
        assert subjects(page(anna, "?q=canary")) == ["Handed over"]
        shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
        his = shop.state.tickets[ticket].user_id
        if way == "sweep":
            shop.databases.run_here(forgetting.forget, ticket, his)
        else:
            act_upon(shop, ticket)
        assert subjects(page(anna, "?q=canary")) == []
        assert anna.get(f"{PREFIX}/badge").json() == {"unread": 0, "waiting": 0}


def act_upon(shop: Stage, ticket: int) -> None:
    """The worker acts upon an event that names nobody."""

    async def acted() -> None:
        client = Client(shop.settings, shop.databases)
        shape = shop.databases.read_here(tables.inspect)
        bell = Bell(client, shop.databases, Effects(shop.settings, shape, rules.of(shop.settings)))
        shop.databases.run_here(inbox.put, Event("ticket.status_changed", ticket, None, None, None, b"moved"))
        assert await inbound.step(shop.databases, bell)
        await client.close()

    asyncio.run(acted())


def test_filters_sort_and_counts(shop: Stage) -> None:
    first, second = shop.ticket(ANNA, "First"), shop.ticket(ANNA, "Second")
    many(shop, 5)
    shop.tell("operator/reply", ticket_id=first, text="Well?")
    shop.tell("operator/status", ticket_id=second, status="closed")
    with shop.client(ANNA, locale="en") as anna:
        plain = page(anna)
        for tab, number in (("All", 7), ("Open", 6), ("Waiting for you", 1), ("Closed", 1)):
            assert re.search(rf'>{tab} <span class="number">{number}</span>', plain), tab
        assert subjects(page(anna, "?state=closed")) == ["Second"]
        assert subjects(page(anna, "?turn=mine")) == ["First"]
        assert len(subjects(page(anna, "?turn=shop"))) == 5
        assert subjects(page(anna, "?sort=created"))[-2:] == ["Second", "First"]
        assert [subjects(page(anna, "?sort=state"))[place] for place in (0, -1)] == ["First", "Second"]
        assert len(subjects(page(anna, "?channel=email"))) == 7 and subjects(page(anna, "?channel=phone")) == []
        assert len(subjects(page(anna, "?days=7"))) == 7


@pytest.mark.parametrize(
    "query",
    [
        "?state=x&turn=&days=-1&sort=drop+table&channel=%F0%9F%98%80",
        "?q=" + "%F0%9F%98%80" * 900,
        "?q=%00%E2%80%AE",
        "?q=\\&order='",
    ],
)
def test_whatever_is_asked_is_answered(shop: Stage, query: str) -> None:
    shop.ticket(ANNA, "Hers")
    with shop.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{query}").status_code == 200


def test_a_page_that_nobody_has_is_not_there(shop: Stage) -> None:
    with shop.client(ANNA) as anna:
        for number in ("10001", "9" * 18):
            assert anna.get(f"{PREFIX}/?q=x&page={number}").status_code == 404
            assert anna.get(f"{PREFIX}/?page={number}").status_code == 404


def test_a_hostile_text_is_a_text_in_a_snippet_too(shop: Stage) -> None:
    shop.ticket(ANNA, "Hostile", "<b>canary</b> &lt;img src=x onerror=alert(1)&gt; \u202egnp.exe")
    with shop.client(ANNA) as anna:
        page(anna, "?q=canary")
        index(shop)
        found = page(anna, "?q=canary")
        assert "<mark>canary</mark>" in found and "<img" not in found and "\u202e" not in found
        typed = page(anna, "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        assert "<script>alert" not in typed


def test_the_way_back_from_a_request_leads_to_what_was_found(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Hers")
    with shop.client(ANNA) as anna:
        page(anna, "?q=hers&sort=created")
        back = f'href="{PREFIX}/?q=hers&amp;sort=created"'
        assert back in page(anna, str(ticket))
        page(anna)
        assert back not in page(anna, str(ticket)) and f'href="{PREFIX}/"' in page(anna, str(ticket))
        anna.cookies.set("portal_list", "%22%3E%3Cscript%3E=1&q=%ff", path=PREFIX)
        assert "<script>=" not in page(anna, str(ticket))


def test_what_nobody_has_read_is_said_and_read_by_the_worker(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("finding", "indexer"):
        monkeypatch.setattr(f"portal.service.{module}.MESSAGES_READ", 2)
    many(shop, 70)
    with shop.client(ANNA, locale="en") as anna:
        first = page(anna, "?q=number+3")
        assert "So far" in first and "of 70 have been looked through" in first
        index(shop)
        assert len(subjects(page(anna, "?q=number+n33x"))) == 1
        assert "So far" not in page(anna, "?q=number+n33x")
        assert (
            len(subjects(page(anna, "?sort=created"))) == 30 and len(subjects(page(anna, "?sort=created&page=3"))) == 10
        )
        assert anna.get(f"{PREFIX}/?sort=created&page=4").status_code == 404
        assert re.search(r'>All <span class="number">70</span>', page(anna)), "the tabs of a long list are of our index"


def test_what_was_read_through_is_not_read_again_for_an_hour(shop: Stage) -> None:
    shop.ticket(ANNA, "Hers")
    with shop.client(ANNA) as anna:
        page(anna, "?q=hers")
        assert index(shop) > 0
        contact = shop.execute("SELECT contact_id FROM custom_hde_index_want")[0][0]
        shop.databases.run_here(index_wants.put, [contact], 3600)
        assert index(shop) == 0


def test_with_a_deleted_account_goes_what_the_index_has_of_it(shop: Stage) -> None:
    shop.ticket(ANNA, "Hers")
    with shop.client(ANNA) as anna:
        page(anna, "?q=hers")
    (contact,) = shop.execute("SELECT DISTINCT contact_id FROM custom_hde_ticket")[0]
    shop.databases.run_here(forgetting.erase, [contact], [], [])
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_ticket")[0][0] == 0
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_index_want")[0][0] == 0


def test_who_searches_much_keeps_nobody_from_the_database(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    going: Counter[int] = Counter()
    most: Counter[str] = Counter()
    look = finding._look

    def slowly(unit: Unit, shape: Shape, user_id: int, *told: Any, **more: Any) -> Any:
        going[user_id] += 1
        most["anna"], most["all"] = max(most["anna"], going[ANNA]), max(most["all"], going.total())
        try:
            time.sleep(0.02)
            return look(unit, shape, user_id, *told, **more)
        finally:
            going[user_id] -= 1

    monkeypatch.setattr(finding, "_look", slowly)
    shop.ticket(ANNA)
    shop.ticket(BORIS)

    async def search() -> None:
        client = Client(shop.settings, shop.databases)
        try:
            shape = shop.databases.read_here(tables.inspect)
            finder = Finder(shape, Desk(Cache(client, shop.databases, 60), shop.databases))
            people = [shop.databases.read_here(person_of, shop.settings, shape, user) for user in (ANNA, BORIS)]
            wanted = [people[0]] * 12 + [people[1]] * 2
            await asyncio.gather(*(finder.find(person, Wish("parcel"), 1) for person in wanted if person))
        finally:
            await client.close()

    asyncio.run(search())
    assert most["anna"] == 1 and 1 <= most["all"] <= finding.SEARCHES_AT_ONCE and not going.total()
