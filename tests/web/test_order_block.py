"""What the shop's page of an order is told: to the order's own customer, about his own requests, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from portal.store import order_tickets
from tests.stage import ANNA, BORIS, PREFIX, Stage
from tests.web.test_orders_api import supplied

HERS = "А-1007"
Browser = TestClient[Any]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with supplied(database_url, tmp_path) as made:
        yield made


def linked(shop: Stage, user: int, subject: str = "Where is it?", order: int = 1007) -> int:
    ticket = shop.ticket(user, subject)
    shop.databases.run_here(order_tickets.put, order, ticket, user, HERS, "text")
    return ticket


def about(browser: Browser, number: str = HERS, **headers: str) -> Any:
    return browser.get(f"{PREFIX}/order", params={"number": number}, headers=headers)


def same(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    return answer.status_code, answer.content, [(k, v) for k, v in answer.headers.multi_items() if k != "date"]


def test_her_open_requests_about_her_order_and_a_way_to_ask(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket, other = linked(shop, ANNA, "Where\u202e is it?"), shop.ticket(ANNA, "About nothing bought")
    with shop.client(ANNA, locale="ru") as anna:
        answer = about(anna)
    assert answer.json() == {
        "title": "Ваши обращения по этому заказу",
        "requests": [{"subject": "Where is it?", "status": "Принято", "url": f"{PREFIX}/{ticket}"}],
        "ask": {"text": "Спросить об этом заказе", "url": f"{PREFIX}/new?order=%D0%90-1007"},
    }
    assert str(other) not in answer.text


def test_no_cache_keeps_it_and_no_cookie_is_set(shop: Stage) -> None:
    with shop.client(ANNA) as anna, shop.client() as nobody:
        for answer in (about(anna), about(anna, "none"), about(nobody)):
            assert answer.headers["cache-control"] == "private, no-store" and "Cookie" in answer.headers["vary"]
            assert not [n for n in answer.headers if n == "set-cookie" or n.startswith("access-control")]


def test_somebody_elses_order_and_none_answer_alike(shop: Stage) -> None:
    shop.prove(ANNA)
    linked(shop, ANNA)
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        missing = same(about(boris, "A-999999"))
        assert missing[0] == 404 and b"999999" not in missing[1]
        for number in (
            HERS,
            HERS.lower(),
            "1007",
            "",
            " ",
            f"{HERS} ",
            "%",
            "' OR 1=1 --",
            "\x00",
            "А" * 5000,
            "..",
            "1/2",
        ):
            assert same(about(boris, number)) == missing, number
        assert same(boris.get(f"{PREFIX}/order")) == missing
        assert same(boris.get(f"{PREFIX}/order?number={HERS}&number=1")) == missing
        assert about(anna).status_code == 200, "the control"


def test_nobody_is_told_401_and_another_site_what_a_stranger_is_told(shop: Stage) -> None:
    with shop.client() as nobody, shop.client(ANNA) as anna:
        assert {about(nobody, number).content for number in (HERS, "none")} == {about(nobody).content}
        assert about(nobody).status_code == 401
        for said in ("cross-site", "same-site"):
            assert same(about(anna, **{"sec-fetch-site": said})) == same(about(anna, "none"))
        assert about(anna, **{"sec-fetch-site": "same-origin"}).status_code == 200


def test_what_our_list_says_grants_nothing(shop: Stage) -> None:
    """Boris' ticket was once written down as being about her order; and hers are hers once her address is proven."""
    shop.prove(BORIS)
    his, hers = linked(shop, BORIS, "canary of Boris"), linked(shop, ANNA, "canary of Anna")
    with shop.client(ANNA) as anna:
        assert about(anna).json()["requests"] == [], "not proven: nothing but the way to ask"
    shop.prove(ANNA)
    with shop.client(ANNA) as anna:
        told = about(anna)
    assert [one["url"] for one in told.json()["requests"]] == [f"{PREFIX}/{hers}"]
    assert "Boris" not in told.text and str(his) not in told.text


def test_what_strangers_write_of_her_order_crowds_out_none_of_her_requests(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket = linked(shop, ANNA)
    for number in range(order_tickets.OPEN_SHOWN):
        shop.databases.run_here(
            order_tickets.put, 1007, 10_000 + number, ANNA, HERS, "text", state=order_tickets.FOREIGN, kin=False
        )
    with shop.client(ANNA) as anna:
        assert [one["url"] for one in about(anna).json()["requests"]] == [f"{PREFIX}/{ticket}"]


def test_a_request_that_an_operator_has_taken_away_from_the_order_is_not_shown(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket = linked(shop, ANNA)
    with shop.client(ANNA) as anna:
        assert about(anna).json()["requests"], "the control"
        shop.databases.run_here(
            order_tickets.turn, ticket, 1007, state=order_tickets.REMOVED, evidence="operator", author="ivan"
        )
        assert about(anna).json()["requests"] == []


def test_a_closed_request_is_not_shown(shop: Stage) -> None:
    shop.prove(ANNA)
    ticket = linked(shop, ANNA)
    shop.databases.run_here(order_tickets.tell, ticket, str(ticket), (ANNA,), closed=True)
    with shop.client(ANNA) as anna:
        assert about(anna).json()["requests"] == []


def test_a_help_desk_that_is_away_takes_nothing_but_the_requests(shop: Stage) -> None:
    shop.prove(ANNA)
    linked(shop, ANNA)
    shop.tell("faults", kind="status", value="503")
    with shop.client(ANNA) as anna:
        answer = about(anna)
    assert (answer.status_code, answer.json()["requests"]) == (200, []) and answer.json()["ask"]["url"]


def test_an_order_without_requests_costs_the_help_desk_nothing(shop: Stage) -> None:
    shop.prove(ANNA)
    before = shop.calls()
    with shop.client(ANNA) as anna:
        assert about(anna).json()["requests"] == []
    assert shop.calls() == before


def test_the_script_is_the_same_for_everybody_and_kept_by_browsers(shop: Stage) -> None:
    with shop.client(ANNA) as anna, shop.client() as nobody:
        hers, nobodys = anna.get(f"{PREFIX}/order.js"), nobody.get(f"{PREFIX}/order.js")
        assert hers.content == nobodys.content and "innerHTML" not in hers.text
        assert hers.headers["cache-control"].startswith("public")
        assert nobody.get(f"{PREFIX}/order.js", headers={"if-none-match": hers.headers["etag"]}).status_code == 304
