"""Closing a request, opening it again, saying how it went: over HTTP, and by the worker into both dialects."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from portal.bitrix import tables
from portal.service import acting
from portal.service.acting import Score
from portal.service.taking import person_of
from portal.store import order_tickets
from tests.service.test_delivery import Shop
from tests.stage import ANNA, BORIS, PREFIX, PUBLIC_URL, stage
from tests.web.test_orders_api import supplied
from tests.web.test_requests import csrf

HOME = {"origin": PUBLIC_URL}
Browser = TestClient[Any]


@pytest.fixture(params=["v1", "v2"])
def shop(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setattr("portal.web.site.BESIDE_SECONDS", 0)  # the tests turn the clock of the database
    with stage(database_url, tmp_path, request.param) as made:
        made.prove(ANNA)
        yield Shop(made)


def act(browser: Browser, ticket: int, name: str, **fields: str) -> Any:
    form = csrf(browser.get(f"{PREFIX}/{ticket}").text)
    return browser.post(f"{PREFIX}/{ticket}/{name}", data={"csrf": form, **fields}, headers=HOME)


def shown(browser: Browser, ticket: int) -> str:
    return str(browser.get(f"{PREFIX}/{ticket}").text)


def is_closed(shop: Shop, ticket: int) -> bool:
    return bool(shop.ticket(ticket).status == "closed")


def test_a_request_is_closed_with_a_reason_and_opened_again(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA, locale="en", cache_seconds=1) as anna:
        answer = act(anna, ticket, "close", reason="solved", words="It <b>came</b>")
        assert answer.status_code == 303 and answer.headers["location"] == f"{PREFIX}/{ticket}#last"
        assert "The request is being closed." in shown(anna, ticket) and not is_closed(shop, ticket)
        shop.work()
        assert is_closed(shop, ticket)
        (note,) = shop.texts(ticket, internal=True)
        assert "вопрос решён" in note and "It &lt;b&gt;came&lt;/b&gt;" in note
        shop.stage.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 1 HOUR")
    with shop.stage.client(ANNA, locale="en", cache_seconds=1) as anna:
        page = shown(anna, ticket)
        assert "The request was closed" in page and "being closed" not in page and "It came" not in page
        act(anna, ticket, "reopen")
        shop.work()
        assert not is_closed(shop, ticket) and len(shop.texts(ticket, internal=True)) == 2


def test_the_same_form_sent_twice_closes_once_and_what_is_closed_already_is_left(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA) as anna:
        form = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        for _ in range(2):
            anna.post(f"{PREFIX}/{ticket}/close", data={"csrf": form, "reason": "other"}, headers=HOME)
        assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_outbox WHERE kind = 'desk.close'") == [(1,)]
        shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
        before = len([e for e in shop.stage.state.journal.entries if e.method in ("PUT", "PATCH")])
        shop.work()
        assert len([e for e in shop.stage.state.journal.entries if e.method in ("PUT", "PATCH")]) == before


def test_an_answer_that_is_lost_closes_it_all_the_same_and_a_reply_before_it_arrives_first(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA) as anna:
        shop.reply(ticket, "One more thing")
        act(anna, ticket, "close", reason="other")
        method = "PATCH" if "/v1" in str(shop.stage.settings.hde_url) else "PUT"
        shop.stage.tell("faults", kind="drop", method=method, path=r"/tickets/\d+/?$", count=1)
        shop.work()
    assert is_closed(shop, ticket) and shop.count(ticket, "One more thing") == 1
    assert shop.stage.execute("SELECT state FROM custom_hde_outbox WHERE kind = 'desk.close'") == [(b"done",)]


def test_what_the_help_desk_does_not_take_is_said_and_a_way_on_with_it(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA, locale="en") as anna:
        act(anna, ticket, "close", reason="other")
        shop.stage.execute(
            "UPDATE custom_hde_outbox SET state = 'dead', finished_at = UTC_TIMESTAMP(6) WHERE kind = 'desk.close'"
        )
        assert "could not be closed from here" in shown(anna, ticket)


def test_a_rating_is_kept_told_to_support_and_changed_for_a_day(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA, locale="en", cache_seconds=1) as anna:
        assert "How did it go?" not in shown(anna, ticket)
        assert "not been kept" in _after(anna, act(anna, ticket, "rate", score="good"))
        shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
        shop.stage.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 1 HOUR")
    with shop.stage.client(ANNA, locale="en") as anna:
        assert "Thank you" in _after(anna, act(anna, ticket, "rate", score="bad", words="Slow"))
        act(anna, ticket, "rate", score="bad", words="Slow")
        act(anna, ticket, "rate", score="good", words="Well, in the end")
        assert "not been kept" in _after(anna, act(anna, ticket, "rate", score="excellent"))
        shop.work()
        notes = shop.texts(ticket, internal=True)
        assert len(notes) == 2 and "плохо" in notes[0] and "Slow" in notes[0] and "хорошо" in notes[1]
        shop.stage.execute("UPDATE custom_hde_rating SET rated_at = rated_at - INTERVAL 25 HOUR")
        shop.stage.execute("UPDATE custom_hde_turn SET at = at - INTERVAL 26 HOUR")
        assert "You rated how it went: good." in shown(anna, ticket)
        form = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        anna.post(f"{PREFIX}/{ticket}/rate", data={"csrf": form, "score": "bad"}, headers=HOME)
    assert shop.stage.execute("SELECT score, words FROM custom_hde_rating") == [(b"good", "Well, in the end")]


def test_who_has_closed_it_again_is_asked_again_and_changing_it_makes_no_new_day(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
    with shop.stage.client(ANNA, locale="en") as anna:
        act(anna, ticket, "rate", score="bad")
        shop.stage.execute("UPDATE custom_hde_turn SET at = at - INTERVAL 3 DAY")
        shop.stage.execute("UPDATE custom_hde_rating SET rated_at = rated_at - INTERVAL 23 HOUR")
        act(anna, ticket, "rate", score="good")
        shop.stage.execute("UPDATE custom_hde_rating SET rated_at = rated_at - INTERVAL 2 HOUR")
    with shop.stage.client(ANNA, locale="en") as anna:
        assert "You rated how it went: good." in shown(anna, ticket)
        shop.stage.execute(
            "INSERT INTO custom_hde_turn (ticket_id, at, closed) VALUES "
            f"({ticket}, UTC_TIMESTAMP(6) - INTERVAL 2 HOUR, 0), ({ticket}, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, 1)"
        )
    with shop.stage.client(ANNA, locale="en") as anna:
        assert "How did it go?" in shown(anna, ticket)


def test_what_support_has_closed_meanwhile_is_said_and_told_to_nobody(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA, locale="en", cache_seconds=1) as anna:
        form = csrf(anna.get(f"{PREFIX}/{ticket}").text)
        shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
        shop.stage.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 1 HOUR")
    with shop.stage.client(ANNA, locale="en") as anna:
        answer = anna.post(f"{PREFIX}/{ticket}/close", data={"csrf": form, "reason": "solved"}, headers=HOME)
        assert "The request is closed already." in _after(anna, answer)
        act(anna, ticket, "reopen")
        act(anna, ticket, "reopen")
    kinds = shop.stage.execute("SELECT kind FROM custom_hde_outbox ORDER BY id")
    assert kinds == [(b"desk.reopen",), (b"desk.note",)], "and what is under way is not begun again"


def _after(browser: Browser, answer: Any) -> str:
    """The page that an answer leads to."""
    return str(browser.get(answer.headers["location"].partition("#")[0]).text)


def test_nobody_acts_on_anothers_request_and_another_site_on_none(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    his = shop.stage.ticket(BORIS)
    shop.stage.prove(BORIS)
    with shop.stage.client(ANNA) as anna, shop.stage.client(BORIS) as boris:
        form = csrf(boris.get(f"{PREFIX}/{his}").text)
        missing = boris.post(f"{PREFIX}/999999/close", data={"csrf": form}, headers=HOME)
        for name in ("close", "reopen", "rate"):
            answer = boris.post(f"{PREFIX}/{ticket}/{name}", data={"csrf": form, "score": "bad"}, headers=HOME)
            assert answer.status_code == 404 and answer.content == missing.content
            own = csrf(anna.get(f"{PREFIX}/{ticket}").text)
            evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
            assert anna.post(f"{PREFIX}/{ticket}/{name}", data={"csrf": own}, headers=evil).status_code == 403
            assert anna.post(f"{PREFIX}/{ticket}/{name}", data={"csrf": form}, headers=HOME).status_code == 403
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_outbox") == [(0,)]
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_rating") == [(0,)]


def test_who_asks_about_an_order_is_told_of_his_open_requests_about_it(database_url: str, tmp_path: Path) -> None:
    with supplied(database_url, tmp_path) as made:
        made.prove(ANNA)
        ticket = made.ticket(ANNA, "Where is it?")
        made.databases.run_here(order_tickets.put, 1007, ticket, ANNA, "А-1007", "portal")
        (name,) = made.execute("SELECT NAME FROM b_sale_basket WHERE ORDER_ID = 1007 ORDER BY ID LIMIT 1")[0]
        with made.client(ANNA, locale="en") as anna, made.client(BORIS, locale="en") as boris:
            page = anna.get(f"{PREFIX}/new", params={"order": "А-1007", "item": name}).text
            assert (
                "You have an open request that may be about the same:" in page and f'href="{PREFIX}/{ticket}"' in page
            )
            assert f'value="{name}"' in page
            assert (
                'value="Anything"' not in anna.get(f"{PREFIX}/new", params={"order": "А-1007", "item": "Anything"}).text
            )
            assert "may be about the same" not in anna.get(f"{PREFIX}/new").text
            foreign = boris.get(f"{PREFIX}/new", params={"order": "А-1007", "item": name}).text
            assert "may be about the same" not in foreign and f'value="{name}"' not in foreign


def test_twenty_fingers_at_once_rate_once(shop: Shop) -> None:
    ticket, stage = shop.stage.ticket(ANNA), shop.stage
    person = stage.databases.read_here(person_of, stage.settings, stage.databases.read_here(tables.inspect), ANNA)
    assert person

    def rate(_: int) -> bool:
        return stage.databases.run_here(acting.rate, person, ticket, Score.GOOD, "Thanks", once="a form")

    with ThreadPoolExecutor(20) as fingers:
        assert all(fingers.map(rate, range(20)))
    assert stage.execute("SELECT COUNT(*) FROM custom_hde_outbox WHERE kind = 'desk.note'") == [(1,)]
