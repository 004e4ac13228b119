"""The doors of the operator's panel: a link opens it once, its handle keeps it open for a while, nobody else frames it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from portal import worker
from portal.config import Settings
from portal.environment import load
from portal.errors import DatabaseAway, WrongSettings
from portal.service import panel_doors
from portal.store import panel as store
from tests.conftest import MariaDB
from tests.panel_stub import (
    BEARER,
    DESK,
    DONE,
    SECRET,
    TOKENS,
    Door,
    StubPanel,
    act,
    doors,
    handle_of,
    link,
    ref_of,
    said,
    spend,
)
from tests.stage import ANNA, PREFIX, PUBLIC_URL, Stage, stage

LINKS = "/api/panel/links"


@pytest.fixture(scope="module")
def shop(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    mariadb.execute("CREATE DATABASE panel CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    with stage(mariadb.url("panel"), tmp_path_factory.mktemp("sessions")) as made:
        yield made
    mariadb.execute("DROP DATABASE panel")


@pytest.fixture(scope="module")
def served(shop: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with doors(shop, tmp_path_factory.mktemp("templates")) as client:
        yield client


@pytest.fixture
def door(shop: Stage, served: Door) -> Door:
    """The portal, with no panel open and nothing counted."""
    shop.execute("DELETE FROM custom_hde_panel_handle")
    shop.execute("DELETE FROM custom_hde_panel_audit")
    shop.execute("DELETE FROM custom_hde_cursor WHERE name LIKE 'limit:%'")
    return served


def opened(door: Door, operator: str = "ivan", **about: int) -> str:
    """The page of a panel that has just been opened."""
    answer = spend(door, link(door, operator, **about))
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def panels(shop: Stage) -> int:
    return int(shop.execute("SELECT COUNT(*) FROM custom_hde_panel_handle")[0][0])


def audited(shop: Stage) -> list[tuple[Any, ...]]:
    return shop.execute(
        "SELECT operator, act, ticket_id, order_id, whom, whom_id FROM custom_hde_panel_audit ORDER BY id"
    )


# Links


def test_a_link_costs_no_call_and_says_how_long_it_is_good(shop: Stage, door: Door) -> None:
    calls, before = shop.calls(), time.time()
    told = door.post(LINKS, json={"ticket_id": 10, "operator": "ivan"}, headers=BEARER).json()
    assert set(told) == {"url", "token", "expires_at"}
    assert told["url"] == f"{PUBLIC_URL}{PREFIX}/panel/{told['token']}"
    assert 298 <= datetime.fromisoformat(told["expires_at"]).timestamp() - before <= 300
    assert shop.calls() == calls and panels(shop) == 0


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "[]", "null", "1", '"x"', "{", "\x00", '{"ticket_id": 10}', '{"operator": "ivan"}',
        '{"ticket_id": 10, "order_id": 5, "operator": "ivan"}', '{"ticket_id": 10, "operator": "ivan", "user_id": 7}',
        '{"user_id": 7, "operator": "ivan"}', '{"ticket_id": 10, "ticket_id": 11, "operator": "ivan"}',
        '{"ticket_id": "10", "operator": "ivan"}', '{"ticket_id": 10.0, "operator": "ivan"}',
        '{"ticket_id": true, "operator": "ivan"}', '{"ticket_id": 0, "operator": "ivan"}',
        '{"ticket_id": -1, "operator": "ivan"}', '{"ticket_id": 9223372036854775808, "operator": "ivan"}',
        '{"ticket_id": null, "operator": "ivan"}', '{"ticket_id": NaN, "operator": "ivan"}',
        '{"ticket_id": 10, "operator": ""}', '{"ticket_id": 10, "operator": " "}', '{"ticket_id": 10, "operator": 7}',
        '{"ticket_id": 10, "operator": null}', '{"ticket_id": 10, "operator": "a\\u0000b"}',
        '{"ticket_id": 10, "operator": "a\\nb"}', '{"ticket_id": 10, "operator": "a\\ud800"}',
        '{"ticket_id": 10, "operator": "' + "a" * 101 + '"}', "[" * 3000,
    ],
)  # fmt: skip
def test_anything_but_a_ticket_or_an_order_and_an_operator_is_a_bad_request(door: Door, body: str) -> None:
    answer = door.post(LINKS, content=body.encode(), headers=BEARER)
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("the body must be JSON") and "token" not in answer.json()


@pytest.mark.parametrize("operator", ["7", "ivan", "Иван Петров", "ivan@shop.example", "李", "я" * 100])
def test_an_operator_is_called_what_the_help_desk_calls_him(shop: Stage, door: Door, operator: str) -> None:
    opened(door, operator)
    assert audited(shop)[0][0].decode() == operator


@pytest.mark.parametrize("operator", ["ivan ", "ivan\u200b", "iv\u00adan", "ivan\u202e", "ivan\u2028"])
def test_who_looks_like_an_operator_is_him(shop: Stage, door: Door, operator: str) -> None:
    spend(door, link(door, operator))
    assert audited(shop)[0][0] == b"ivan"


def test_a_link_is_for_holders_of_the_secret_alone(door: Door) -> None:
    told = {"ticket_id": 10, "operator": "ivan"}
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": f"Basic {SECRET}"}, {"authorization": f"Bearer {SECRET[:-1]}"}):  # fmt: skip
        answer = door.post(LINKS, json=told, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert door.post(f"{LINKS}?token={SECRET}", json=told).status_code == 401
    assert door.post(LINKS, json=told, headers=BEARER).status_code == 201
    assert door.post(LINKS, content=b"x" * 5000, headers=BEARER).status_code == 413
    assert door.get(LINKS, headers=BEARER).status_code == 405


# Opening


@pytest.mark.parametrize("by", ["form", "path"])
def test_a_link_opens_a_panel_once(shop: Stage, door: Door, by: str) -> None:
    token = link(door, ticket_id=4711)

    def use() -> Any:
        return spend(door, token) if by == "form" else door.get(f"{PREFIX}/panel/{token}")

    page = use()
    assert page.status_code == 200 and said(page.text, "sheet").startswith("Subject(ticket_id=4711, order_id=None")
    assert token not in page.text, "it does not stand in the page, which may be saved or printed"
    for again in (use(), spend(door, token), door.get(f"{PREFIX}/panel/{token}")):
        assert again.status_code == 403 and 'name="handle"' not in again.text
    assert panels(shop) == 1 and [row[1] for row in audited(shop)].count(b"open") == 1


def test_a_link_of_an_order_opens_its_panel(door: Door) -> None:
    assert "ticket_id=None, order_id=5" in said(opened(door, order_id=5), "sheet")


def test_fifty_at_once_open_one_panel(shop: Stage, door: Door) -> None:
    token = link(door)
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: spend(door, token), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 49
    assert panels(shop) == 1 and [row[1] for row in audited(shop)].count(b"open") == 1


def test_without_the_key_on_it_the_same_link_would_open_fifty(shop: Stage, door: Door) -> None:
    """The control: it is the unique key that makes it once."""
    shop.execute("ALTER TABLE custom_hde_panel_handle DROP KEY ux_jti")
    try:
        token = link(door)
        assert [spend(door, token).status_code for _ in range(3)] == [200] * 3
    finally:
        shop.execute("DELETE FROM custom_hde_panel_handle")
        shop.execute("ALTER TABLE custom_hde_panel_handle ADD UNIQUE KEY ux_jti (jti)")


@pytest.mark.parametrize(
    "headers",
    [
        {"purpose": "prefetch"},
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
        {"x-purpose": "preview"},
        {"x-moz": "prefetch"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "cors"},
        {"user-agent": "TelegramBot (like TwitterBot)"},
        {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"user-agent": "WhatsApp/2.23.20.0"},
    ],
)
def test_what_nobody_has_followed_yet_spends_nothing(shop: Stage, door: Door, headers: dict[str, str]) -> None:
    token = link(door)
    assert door.get(f"{PREFIX}/panel/{token}", headers=headers).status_code == 403
    assert door.head(f"{PREFIX}/panel/{token}").status_code == 405 and panels(shop) == 0
    followed = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}
    assert door.get(f"{PREFIX}/panel/{token}", headers=followed).status_code == 200


@pytest.mark.parametrize("origin", [DESK, PUBLIC_URL, "null", "https://evil.example", None])
def test_the_first_proof_is_the_token_whoever_sends_it(door: Door, origin: str | None) -> None:
    headers = {"origin": origin, "sec-fetch-site": "cross-site"} if origin else {}
    answer = door.post(f"{PREFIX}/panel", data={"token": link(door)}, headers=headers)
    assert answer.status_code == 200


# The handle


def age(shop: Stage, column: str, seconds: int) -> None:
    shop.execute(f"UPDATE custom_hde_panel_handle SET {column} = {column} - INTERVAL {seconds} SECOND")


def test_a_handle_is_long_random_and_kept_nowhere(shop: Stage, door: Door) -> None:
    first, second = handle_of(opened(door)), handle_of(opened(door))
    assert first != second and len(first) == len(second) == 43
    kept = repr(shop.execute("SELECT * FROM custom_hde_panel_handle")) + repr(audited(shop))
    assert first not in kept and second not in kept
    assert {row[0] for row in shop.execute("SELECT handle FROM custom_hde_panel_handle")} == {
        store.digest(first),
        store.digest(second),
    }


def test_it_ends_with_half_an_hour_of_nothing_and_says_how_to_go_on(shop: Stage, door: Door) -> None:
    handle = handle_of(opened(door))
    age(shop, "seen_at", store.IDLE_SECONDS - 60)
    assert act(door, "show", handle=handle).status_code == 200, "used in time, it begins anew"
    age(shop, "seen_at", store.IDLE_SECONDS - 60)
    assert act(door, "show", handle=handle).status_code == 200
    age(shop, "seen_at", store.IDLE_SECONDS)
    ended = act(door, "show", handle=handle)
    assert ended.status_code == 410 and "Панель закрыта" in ended.text and "data-again" in ended.text
    assert 'name="handle"' not in ended.text and act(door, "show", handle=handle).status_code == 410, "for good"


def test_it_ends_after_a_working_day_whatever_is_done(shop: Stage, door: Door) -> None:
    handle = handle_of(opened(door))
    age(shop, "opened_at", store.LIFE_SECONDS - 60)
    assert act(door, "show", handle=handle).status_code == 200
    age(shop, "opened_at", 60)
    assert act(door, "show", handle=handle).status_code == 410


def test_a_panel_that_is_left_alone_gives_way_to_the_page_that_says_so(door: Door) -> None:
    page = spend(door, link(door))
    assert page.headers["refresh"] == f"{store.IDLE_SECONDS}; url={PREFIX}/panel"
    left = door.get(f"{PREFIX}/panel")
    assert left.status_code == 410 and "Панель закрыта" in left.text and "refresh" not in left.headers


def test_a_handle_is_for_one_ticket_and_one_operator(shop: Stage, door: Door) -> None:
    """Whatever else a form says: who and what it is about is known here alone."""
    handle = handle_of(opened(door, "ivan", ticket_id=10))
    more = {"operator": "olga", "ticket_id": "11", "order_id": "5", "user_id": "8"}
    assert "ticket_id=10, order_id=None, user_id=None" in said(act(door, "show", handle=handle, **more).text, "sheet")
    assert {(row[0], *row[2:4]) for row in audited(shop)} == {(b"ivan", 10, None)}


@pytest.mark.parametrize("bad", ["", "x", "A" * 43, "A" * 42, "A" * 44, "\x00" * 43, "é" * 43])
def test_what_is_no_handle_is_a_panel_that_has_ended(door: Door, bad: str) -> None:
    opened(door)
    answer, left = act(door, "show", handle=bad), door.get(f"{PREFIX}/panel")
    assert answer.status_code == 410
    assert answer.content.replace(nonce(answer), b"") == left.content.replace(nonce(left), b"")


def nonce(answer: Any) -> bytes:
    found = re.search(rb'nonce="([^"]+)"', answer.content)
    assert found
    return found[1]


# Names


def test_a_person_is_named_by_what_this_panel_calls_him(shop: Stage, door: Door) -> None:
    page, other = opened(door), opened(door, "olga", ticket_id=11)
    handle = handle_of(page)
    shown = act(door, "person", handle=handle, ref=ref_of(page, "account", ANNA))
    assert "user_id=7" in said(shown.text, "sheet"), "the control"
    contact = act(door, "person", handle=handle, ref=ref_of(page, "contact", 7))
    assert "user_id=None, contact_id=7" in said(contact.text, "sheet"), "a contact of that number is somebody else"
    kept = re.search(r'name="view" value="([^"]+)"', shown.text)
    assert kept
    found = act(door, "find", handle=handle, view=kept[1], q="anna")
    assert "user_id=7" in said(found.text, "sheet") and said(found.text, "found") == "found for anna"
    wrong = {
        "a bare id": "7",
        "of another panel": ref_of(other, "account", ANNA),
        "an order": ref_of(page, "order", 5),
        "a word": ref_of(page, "word", 3),
        "padded": ref_of(page, "account", ANNA) + "=",
        "for a customer": TOKENS.sign("orders", "7"),
        "for nobody": TOKENS.sign("panel-ref", "", ["account", 7]),
        "of another key": panel_doors.ref(
            type(TOKENS)(["another-key-altogether"]), store.Handle(store.digest(handle), "", 1, None), "account", 7
        ),
        "a link": link(door),
        "nothing": "",
    }
    for name, bad in wrong.items():
        for fields in ({"ref": bad}, {"ref": ref_of(page, "account", ANNA), "view": bad}):
            answer = act(door, "person", handle=handle, **fields)
            if fields["ref"] == bad:
                assert answer.status_code == 404 and handle_of(answer.text) == handle, name
                assert f'action="{PREFIX}/panel/show"' in answer.text, "there is a way back"
    assert {row[5] for row in audited(shop) if row[1] == b"person"} == {ANNA}


def test_the_pages_of_a_sheet_are_asked_for_by_their_number(door: Door) -> None:
    handle = handle_of(opened(door))
    assert said(act(door, "show", handle=handle, page="3").text, "sheet").endswith(") 3")
    for bad in ("", "0", "-1", "01", "1.0", "٣", "1" * 7, "x"):
        assert act(door, "show", handle=handle, page=bad).status_code == 404, bad


def test_a_name_is_no_link_and_a_link_no_name(door: Door) -> None:
    page = opened(door)
    assert spend(door, ref_of(page, "account", ANNA)).status_code == 403
    assert spend(door, handle_of(page)).status_code == 403


# What is done beside looking


def test_what_an_operator_says_is_said_in_his_name_and_of_this_ticket(shop: Stage, door: Door) -> None:
    page, told = opened(door, "ivan", ticket_id=10), DONE.told
    told.clear()
    handle = handle_of(page)
    anna, contact, order, word = (
        ref_of(page, *whom) for whom in (("account", 7), ("contact", 7), ("order", 5), ("word", 3))
    )
    lies = {"operator": "olga", "ticket_id": "11"}
    for name, fields in (
        ("same", {"left": anna, "right": contact}),
        ("not-same", {"left": anna, "right": contact}),
        ("undo", {"word": word}),
        ("link", {"order": order}),
        ("unlink", {"order": order}),
        ("undo-link", {"order": order}),
    ):
        answer = act(door, name, handle=handle, **fields, **lies)
        assert answer.status_code == 200 and said(answer.text, "said") == name
    pair = (("account", 7), ("contact", 7))
    assert told == [("say", "ivan", *pair, True), ("say", "ivan", *pair, False), ("undo", "ivan", 3),
                    ("link", "ivan", 10, 5), ("unlink", "ivan", 10, 5), ("undo", "ivan", 10, 5)]  # fmt: skip
    assert DONE.followed[-3:] == [10, 10, 10], "the orders of the panel's ticket follow who is who"
    rows = [row[1:] for row in audited(shop) if row[1] in (b"same", b"link")]
    assert rows == [
        (b"same", 10, None, b"account", 7),
        (b"same", 10, None, b"contact", 7),
        (b"link", 10, None, b"order", 5),
    ]


def test_what_cannot_be_done_is_neither_done_nor_written_down(shop: Stage, door: Door) -> None:
    page, of_order = opened(door), opened(door, order_id=5)
    DONE.told.clear()
    before = audited(shop)
    anna, order = ref_of(page, "account", 7), ref_of(page, "order", 5)
    for name, fields in (
        ("same", {"left": anna, "right": anna}),
        ("same", {"left": anna}),
        ("same", {"left": anna, "right": order}),
        ("undo", {"word": ref_of(page, "word", 101)}),
        ("undo", {"word": "3"}),
        ("link", {"order": "5"}),
        ("link", {"order": order, "view": "7"}),
        ("link", {"order": order, "page": "x"}),
        ("link", {"order": anna}),
    ):
        assert act(door, name, handle=handle_of(page), **fields).status_code == 404, (name, fields)
    named = ref_of(of_order, "order", 5)
    assert act(door, "link", handle=handle_of(of_order), order=named).status_code == 404, "it has no ticket"
    assert DONE.told == [] and audited(shop) == before


# Searching


def test_searching_is_counted_by_operator_and_goes_on_later(shop: Stage, door: Door) -> None:
    first, second = handle_of(opened(door)), handle_of(opened(door))
    allowed = panel_doors.SEARCHES[0][0]
    for number in range(allowed):
        assert act(door, "find", handle=(first, second)[number % 2], q="anna").status_code == 200
    refused = act(door, "find", handle=second, q="anna")
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    assert "Поиск снова заработает через 1 минуту" in refused.text and handle_of(refused.text) == second
    assert act(door, "show", handle=second).status_code == 200, "the rest of the panel goes on"
    assert act(door, "find", handle=handle_of(opened(door, "olga")), q="anna").status_code == 200
    shop.execute("UPDATE custom_hde_cursor SET until = until - INTERVAL 61 SECOND WHERE name LIKE 'limit:panel:60:%'")
    assert act(door, "find", handle=first, q="anna").status_code == 200
    assert sum(row[1] == b"find" for row in audited(shop)) == allowed + 2, "what is refused looks nobody up"


def test_operators_who_are_made_up_search_no_more_than_all_of_them_may(
    shop: Stage, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who an operator is, is what a holder of the secret says."""
    monkeypatch.setattr(panel_doors, "SEARCHES_OF_ALL", ((6, 60), (10, 3600)))
    handles = [handle_of(opened(door, f"operator {number}")) for number in range(12)]
    told = [act(door, "find", handle=handle, q="anna") for handle in handles]
    assert [answer.status_code for answer in told] == [200] * 6 + [429] * 6
    assert 0 < int(told[-1].headers["retry-after"]) <= 60 and handle_of(told[-1].text) == handles[-1]
    shop.execute("UPDATE custom_hde_cursor SET until = until - INTERVAL 61 SECOND WHERE name LIKE 'limit:panel:60:%'")
    assert [act(door, "find", handle=handle, q="anna").status_code for handle in handles[6:]] == [200] * 4 + [429] * 2
    assert sum(row[1] == b"find" for row in audited(shop)) == 10, "what is refused looks nobody up"
    assert act(door, "show", handle=handles[-1]).status_code == 200, "the rest of the panel goes on"


# The page and its frame


REFUSALS = [
    ("GET", "/panel", {}, 410),
    ("GET", "/panel/nothing", {}, 403),
    ("POST", "/panel", {"token": "x"}, 403),
    ("POST", "/panel", {"a": "1", "b": "%"}, 403),
    ("POST", "/panel/show", {"handle": "x"}, 410),
    ("POST", "/panel/nothing", {"handle": "x"}, 404),
    ("GET", "/panel/no/such", {}, 404),
    ("PUT", "/panel", {}, 405),
    ("DELETE", "/panel/find", {}, 405),
    ("POST", "/panel", {"token": "x" * 2**20}, 413),
    ("POST", "/panel/find", {"q": "x" * 2**20}, 413),
]


def policy(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def must_be_framed_by_the_desk_alone(answer: Any) -> None:
    told = policy(answer)
    assert told["frame-ancestors"] == DESK and told["form-action"] == "'self'" and told["default-src"] == "'none'"
    assert told["base-uri"] == "'none'" and told["script-src"] == f"'nonce-{nonce(answer).decode()}'"
    assert "x-frame-options" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize(("method", "path", "form", "status"), REFUSALS)
def test_a_page_that_refuses_is_small_framed_and_in_the_browsers_language(
    door: Door, method: str, path: str, form: dict[str, str], status: int, language: str
) -> None:
    answer = door.request(method, f"{PREFIX}{path}", data=form or None, headers={"accept-language": language})
    assert answer.status_code == status
    must_be_framed_by_the_desk_alone(answer)
    assert f'<html lang="{language}">' in answer.text and len(answer.content) < 4096
    assert bool(re.search("[а-яё]", answer.text)) is (language == "ru")
    assert "app.js" not in answer.text and "app.css" not in answer.text


def test_an_open_panel_is_framed_by_the_desk_alone_too(door: Door) -> None:
    page = spend(door, link(door))
    must_be_framed_by_the_desk_alone(page)
    must_be_framed_by_the_desk_alone(act(door, "find", handle=handle_of(page.text), q="anna"))
    # The control: nobody frames the customers' pages.
    mine = door.get(f"{PREFIX}/prove")
    assert mine.headers["x-frame-options"] == "DENY" and policy(mine)["frame-ancestors"] == "'none'"


def test_a_form_twice_or_none_is_told_so(door: Door) -> None:
    page = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"handle=a&handle=b", b"q=%ff", b"\xff", b"&".join(b"a%d=" % n for n in range(30))):
        answer = door.post(f"{PREFIX}/panel/show", content=body, headers=page)
        assert answer.status_code == 400
        must_be_framed_by_the_desk_alone(answer)


def test_who_is_away_leaves_the_panel_open(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(StubPanel, "away", True)
    page = spend(door, link(door))
    assert page.status_code == 503 and "refresh" in page.headers
    must_be_framed_by_the_desk_alone(page)
    monkeypatch.setattr(StubPanel, "away", False)
    handle = handle_of(page.text)
    with monkeypatch.context() as away, caplog.at_level(logging.WARNING):
        away.setattr(panel_doors, "enter", Mock(side_effect=DatabaseAway("error 2006")))
        page = act(door, "find", handle=handle, q="canary")
        assert page.status_code == 503 and handle_of(page.text) == handle and page.headers["retry-after"] == "5"
    assert "panel: open answered with 503: HelpdeskUnreachable" in caplog.text
    assert "panel: find answered with 503: DatabaseAway: error 2006" in caplog.text
    assert "canary" not in caplog.text and handle not in caplog.text
    assert act(door, "show", handle=handle).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": DESK},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": PUBLIC_URL, "sec-fetch-site": "same-site"},
        {"origin": PUBLIC_URL, "sec-fetch-site": "none"},
        {"origin": ""},
    ],
)
def test_an_act_comes_from_the_panel_itself(shop: Stage, door: Door, headers: dict[str, str]) -> None:
    handle = handle_of(opened(door))
    before = audited(shop)
    answer = door.post(f"{PREFIX}/panel/find", data={"handle": handle, "q": "x"}, headers=headers)
    assert answer.status_code == 403 and audited(shop) == before
    must_be_framed_by_the_desk_alone(answer)
    for fine in ({}, {"origin": PUBLIC_URL}, {"origin": "null"}, {"origin": "null", "sec-fetch-site": "same-origin"}):
        assert door.post(f"{PREFIX}/panel/find", data={"handle": handle, "q": "x"}, headers=fine).status_code == 200


def test_a_cookie_changes_nothing_and_none_is_set(shop: Stage, door: Door) -> None:
    cookie = {"cookie": f"{shop.sign_in(ANNA)}; portal_lang=en; BITRIX_SM_LANG=en; portal_flash=x"}

    def fixed(answer: Any) -> bytes:
        assert "set-cookie" not in answer.headers
        return re.sub(rb'nonce="[^"]+"|value="[^"]{20,}"', b"", answer.content)

    pages = []
    for headers in ({}, cookie):
        first = spend(door, link(door), **headers)
        handle = handle_of(first.text)
        later = door.post(f"{PREFIX}/panel/find?lang=en", data={"handle": handle, "q": "x"}, headers=headers)
        left = [door.get(f"{PREFIX}{path}", headers=headers) for path in ("/panel?lang=en", "/panel/x")]
        pages.append([fixed(answer) for answer in (first, later, *left)])
    assert pages[0] == pages[1] and b'lang="ru"' in pages[0][0]


def test_a_token_that_was_not_spent_is_in_no_log(
    shop: Stage, door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = link(door)
    for error, status in ((DatabaseAway("away"), 503), (RuntimeError("a defect"), 500)):
        monkeypatch.setattr(panel_doors, "open_panel", Mock(side_effect=error))
        with caplog.at_level(logging.DEBUG):
            answer = door.get(f"{PREFIX}/panel/{token}")
        assert answer.status_code == status
        must_be_framed_by_the_desk_alone(answer)
    told = "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.records if record.name != "httpx")
    assert f"'{PREFIX}/panel/…' answered with 503" in told and f"failed: GET '{PREFIX}/panel/…'" in told
    assert token not in told


# Off


@pytest.mark.parametrize("off", [{"hde_origin": ""}, {"panel_secrets": ()}])
def test_without_its_settings_there_is_no_panel_and_it_is_said(
    shop: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture, off: dict[str, object]
) -> None:
    with caplog.at_level(logging.WARNING), doors(shop, tmp_path / "t", **off) as door:
        token, _until = panel_doors.mint(TOKENS, panel_doors.Link("ivan", 10))
        for answer in (
            spend(door, token),
            door.get(f"{PREFIX}/panel/{token}"),
            door.get(f"{PREFIX}/panel"),
            act(door, "show", handle="x"),
        ):
            assert answer.status_code == 404 and answer.headers["x-frame-options"] == "DENY"
            assert policy(answer)["frame-ancestors"] == "'none'"
        asked = door.post(LINKS, json={"ticket_id": 10, "operator": "ivan"}, headers=BEARER)
        assert asked.status_code == (401 if "panel_secrets" in off else 404)
    assert "the operators' panel is off (PORTAL_PANEL_SECRETS, PORTAL_HDE_ORIGIN)" in caplog.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://x.helpdeskeddy.com", "https://x.helpdeskeddy.com"),
        ("https://X.HelpDeskEddy.com:443/", "https://x.helpdeskeddy.com"),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("", ""),
        *[(bad, None) for bad in ("x.helpdeskeddy.com", "https://*.helpdeskeddy.com", "https://a.example https://b.example", "https://a.example;", "https://a.example/desk", "*", "'self'", "https://a.example,https://b.example", "data:", "https://u:p@a.example")],
    ],
)  # fmt: skip
def test_who_may_frame_it_is_one_origin(monkeypatch: pytest.MonkeyPatch, given: str, kept: str | None) -> None:
    needed = {"DATABASE_URL": "mysql+pymysql://u@h/d", "PUBLIC_URL": PUBLIC_URL, "SECRET_KEYS": "a-key-for-tests-only",
              "SESSIONS": "database:", "HDE_URL": "https://x.example/api/v2", "HDE_TOKEN": "t"}  # fmt: skip
    for name, value in {**needed, "HDE_ORIGIN": given}.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    if kept is None:
        with pytest.raises(WrongSettings, match="PORTAL_HDE_ORIGIN must be one origin"):
            load(Settings)
    else:
        assert load(Settings).hde_origin == kept


# What is kept


def test_who_looked_up_whom_is_kept_as_numbers(shop: Stage, door: Door) -> None:
    page = opened(door, "ivan", ticket_id=10)
    handle = handle_of(page)
    act(door, "find", handle=handle, q="anna@shop.example canary")
    act(door, "person", handle=handle, ref=ref_of(page, "account", 8))
    shown = [(b"contact", 70), (b"account", 7), (b"account", 8)]
    rows = [(act, whom, number) for _who, act, _ticket, _order, whom, number in audited(shop)]
    assert rows[:3] == [(b"open", b"", None), (b"shown", b"account", 7), (b"shown", b"contact", 70)]
    assert rows[3] == (b"find", b"", None) and {row[1:] for row in rows[4:7]} == set(shown)
    assert rows[7:] == [(b"person", b"account", 8), (b"shown", b"account", 8), (b"shown", b"contact", 70)]
    kept = repr(shop.execute("SELECT * FROM custom_hde_panel_audit")) + repr(
        shop.execute("SELECT * FROM custom_hde_cursor")
    )
    assert "canary" not in kept and "anna" not in kept


def test_old_lines_and_panels_that_have_ended_are_swept(shop: Stage, door: Door) -> None:
    handles = [handle_of(opened(door, f"operator {number}")) for number in range(3)]
    shop.execute("UPDATE custom_hde_panel_handle SET seen_at = seen_at - INTERVAL 31 MINUTE WHERE operator LIKE '%1'")
    shop.execute(
        "UPDATE custom_hde_panel_audit SET at = at - INTERVAL 366 DAY WHERE operator LIKE '%2' AND act = 'open'"
    )
    assert asyncio.run(worker._sweep(shop.databases)), "the worker does it"
    assert [act(door, "show", handle=handle).status_code for handle in handles] == [200, 410, 200]
    assert b"operator 2" not in {row[0] for row in audited(shop) if row[1] == b"open"}
    assert shop.databases.run_here(store.sweep) == 0
    assert panels(shop) == 2
