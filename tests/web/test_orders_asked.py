"""What a client of the order pull relies on: only what has changed, only when it has changed, pages, and a known pace."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from litestar.testing import TestClient
from sqlalchemy import Engine, event

from portal.service.permits import Pace
from portal.web import orders_api
from tests.stage import ANNA, BORIS, Stage
from tests.web.test_orders_api import BEARER, HERS, OLDER, SECRET, ask, opened, supplied, token

Door = TestClient[Any]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with supplied(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def door(shop: Stage) -> Iterator[Door]:
    with opened(shop, SECRET, OLDER) as client:
        yield client


def numbers(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["total"] == len(told["orders"])
    return [order["number"] for order in told["orders"]]


def since(door: Door, moment: str) -> Any:
    return ask(door, f"{HERS}&updated_since={quote(moment)}", BEARER)


def changed(shop: Stage, order: int, at: str) -> None:
    shop.execute(f"UPDATE b_sale_order SET DATE_UPDATE = '{at}' WHERE ID = {order}")


def test_only_what_the_shop_has_changed_since(shop: Stage, door: Door) -> None:
    every = numbers(ask(door, headers=BEARER))
    changed(shop, 1007, "2026-11-24 15:00:00")  # noon in UTC
    assert numbers(since(door, "2026-11-24T12:00:00Z")) == ["А-1007"], "at that very second, too"
    assert numbers(since(door, "2026-11-24T15:00:00+03:00")) == ["А-1007"]
    assert numbers(since(door, "2026-11-24T12:00:00.999999999Z")) == ["А-1007"], "the shop writes whole seconds"
    assert numbers(since(door, "2026-11-24T12:00:01Z")) == []
    assert numbers(since(door, "1970-01-01T00:00:00Z")) == every
    told = since(door, "2026-11-24T12:00:00Z").json()
    assert (told["pages"], told["customer"]["orders"]) == (1, len(every))


def test_only_of_the_tickets_customer_and_for_his_token(shop: Stage, door: Door) -> None:
    ticket = shop.ticket(ANNA)
    changed(shop, 1007, "2026-11-24 15:00:00")
    late = "updated_since=2026-11-24T12:00:00Z"
    assert numbers(ask(door, f"ticket_id={ticket}&{late}", BEARER)) == ["А-1007"]
    assert numbers(ask(door, f"{HERS}&{late}&token={token()}")) == ["А-1007"]
    assert ask(door, f"{HERS}&{late}&token={token(BORIS)}").status_code == 404


def test_nothing_is_missed_when_the_clock_is_set_back(shop: Stage) -> None:
    """In Berlin 02:00 to 03:00 comes twice on 25 October 2026; the shop's table does not say which of them it means."""
    changed(shop, 1007, "2026-10-25 02:10:00")
    with opened(shop, SECRET, timezone=ZoneInfo("Europe/Berlin")) as door:
        assert "А-1007" in numbers(since(door, "2026-10-25T00:50:00Z")), "02:50; the second 02:10 is yet to come"
        assert "А-1007" in numbers(since(door, "2026-10-25T01:05:00Z"))
        assert "А-1007" not in numbers(since(door, "2026-10-25T01:11:00Z"))


@pytest.mark.parametrize(
    "moment",
    ["", "now", "yesterday", "1795600000", "2026-11-24", "2026-11-24T12:00:00", "2026-11-24 12:00:00Z", "2026-11-24t12:00:00z",
     "2026-11-24T12:00Z", "2026-11-24T12:00:00+0300", "2026-11-24T12:00:00+03", "2026-11-24T12:00:00 03:00", "2026-11-31T12:00:00Z",
     "2026-13-01T12:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T12:00:60Z", "2026-11-24T12:00:00+24:00", "2026-W48-2T12:00:00Z",
     "20261124T120000Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "2026-11-24T12:00:00,5Z",
     "2026-11-24T12:00:00.Z", "２０26-11-24T12:00:00Z", "2026-11-24T12:00:00Z ", " 2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z\n",
     "-2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z" * 1000, "' OR 1=1 --"],
)  # fmt: skip
def test_a_time_has_one_way_of_writing(door: Door, moment: str) -> None:
    answer = since(door, moment)
    assert answer.status_code == 400 and answer.json()["detail"].startswith("updated_since ")
    assert len(answer.content) < 250, "what was asked is not said again"


def test_a_plus_that_was_not_escaped_is_told_as_such(door: Door) -> None:
    answer = ask(door, f"{HERS}&updated_since=2026-11-24T15:00:00+03:00", BEARER)
    assert answer.status_code == 400 and "%2B" in answer.json()["detail"]
    twice = "updated_since=2026-11-24T15:00:00Z"
    assert ask(door, f"{HERS}&{twice}&{twice}", BEARER).status_code == 400


def test_an_answer_that_is_known_is_not_sent_again(shop: Stage, door: Door) -> None:
    first = ask(door, headers=BEARER)
    tag = first.headers["etag"]
    assert tag.startswith('"') and ask(door, headers=BEARER).headers["etag"] == tag
    for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        known = ask(door, headers={**BEARER, "if-none-match": said})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
        assert "no-store" in known.headers["cache-control"]
    for said in ('"other"', tag.strip('"'), tag[:-1], "", f'"{tag}'):
        assert ask(door, headers={**BEARER, "if-none-match": said}).status_code == 200, said
    changed(shop, 1007, "2026-11-24 15:00:00")
    anew = ask(door, headers={**BEARER, "if-none-match": tag})
    assert anew.status_code == 200 and anew.headers["etag"] != tag


def test_who_may_not_ask_learns_nothing_by_a_tag(door: Door) -> None:
    tag = ask(door, headers=BEARER).headers["etag"]
    for said in (tag, "*"):
        assert ask(door, headers={"if-none-match": said}).status_code == 401
        assert ask(door, f"{HERS}&token={token(BORIS)}", {"if-none-match": said}).status_code == 404
        assert ask(door, "user_id=999", {**BEARER, "if-none-match": said}).status_code == 404


def test_the_head_is_the_answer_without_its_body(door: Door) -> None:
    whole = ask(door, headers=BEARER)
    head = door.head(f"/api/orders/?{HERS}", headers=BEARER)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
    assert head.headers["content-length"] == str(len(whole.content))
    assert door.head(f"/api/orders/?{HERS}").status_code == 401
    assert door.head("/api/orders/?user_id=999", headers=BEARER).status_code == 404


def test_a_client_goes_through_the_pages_by_their_links(shop: Stage, door: Door) -> None:
    for id in range(40):
        shop.execute(
            "INSERT INTO b_sale_order (LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE) "
            f"VALUES ('s1', 1, 'N', NOW(), {id}, 'RUB', {ANNA}, NOW(), '2026-11-24 15:00:00')"
        )
    seen: list[int] = []
    address = f"/api/orders/?{HERS}&updated_since=2026-11-24T15:00:00%2B03:00"
    while address:
        answer = door.get(address, headers=BEARER)
        seen += [order["id"] for order in answer.json()["orders"]]
        address = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == 40
    assert answer.links["prev"]["url"].endswith("&page=1")
    far = ask(door, f"{HERS}&page=999", BEARER)
    assert far.links["prev"]["url"].endswith("&page=3") and "next" not in far.links
    assert "link" not in ask(door, "user_id=8", BEARER).headers
    carried = ask(door, f"{HERS}&token={token()}")
    assert token()[:10] not in carried.headers["link"], "a token stands in no header"


def test_who_asks_too_often_is_told_when_to_come_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_api, "BY_SECRET", Pace(allowed=6, seconds=60, lease=3))
    monkeypatch.setattr(orders_api, "BY_TOKEN", Pace(allowed=4, seconds=60, lease=2))
    assert [ask(door, headers=BEARER).status_code for _ in range(8)] == [200] * 6 + [429] * 2
    late = ask(door, headers=BEARER)
    assert late.headers["content-type"] == "application/problem+json" and late.json()["status"] == 429
    assert 1 <= int(late.headers["retry-after"]) <= 61
    assert ask(door, "user_id=999", BEARER).status_code == 429, "nobody learns more by asking too often"
    assert ask(door, "", BEARER).status_code == 400, "what is no question is not counted"
    older = {"authorization": f"Bearer {OLDER}"}
    assert ask(door, headers=older).status_code == 200, "each secret by itself"
    assert [ask(door, f"{HERS}&token={token()}").status_code for _ in range(5)] == [200] * 4 + [429]
    assert ask(door, f"user_id={BORIS}&token={token(BORIS)}").status_code == 200, "and each customer"
    assert ask(door).status_code == 401


def test_no_secret_and_no_hash_of_one_is_kept_by_the_count(shop: Stage, door: Door) -> None:
    ask(door, headers=BEARER)
    kept = str(shop.execute("SELECT name, value FROM custom_hde_cursor"))
    assert "orders:secret:" in kept, "the control"
    for told in (SECRET, *(hashlib.new(kind, SECRET.encode()).hexdigest()[:24] for kind in ("md5", "sha1", "sha256"))):
        assert told not in kept


def test_who_was_refused_at_the_door_costs_no_count(shop: Stage, door: Door) -> None:
    for _ in range(3):
        ask(door, headers={"authorization": f"Bearer {SECRET}x"}), ask(door), ask(door, f"{HERS}&token=x")
    assert shop.execute("SELECT COUNT(*) FROM custom_hde_cursor WHERE name LIKE 'limit:orders%'") == [(0,)]


@pytest.mark.parametrize("orders", [0, 60])
def test_a_tickets_question_takes_eight_queries_at_most_whatever_it_asks(shop: Stage, door: Door, orders: int) -> None:
    for id in range(orders):
        shop.execute(
            "INSERT INTO b_sale_order (LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE) "
            f"VALUES ('s1', 1, 'N', NOW(), {id}, 'RUB', {ANNA}, NOW(), '2026-11-24 15:00:00')"
        )
    query = f"ticket_id={shop.ticket(ANNA)}&updated_since=1970-01-01T00:00:00Z"
    ask(door, query, BEARER)
    asked: list[str] = []

    def listener(*told: Any) -> None:
        asked.append(told[2])

    event.listen(Engine, "before_cursor_execute", listener)
    try:
        assert ask(door, query, BEARER).status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", listener)
    about_it = [
        each for each in asked if "b_" in each or "order_ticket" in each or "user_map" in each or "owner" in each
    ]
    assert 4 <= len(about_it) <= 8, about_it
