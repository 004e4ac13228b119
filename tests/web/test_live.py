"""The stream of an open page and the number in the shop's menu, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from portal.app import create_app
from portal.service.live import Streams
from portal.web import live
from tests.stage import ANNA, BORIS, PREFIX, Stage, stage
from tests.web.test_nginx import behind_nginx, echo, serving

BADGE, EVENTS = f"{PREFIX}/badge", f"{PREFIX}/events"


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        made.prove(ANNA)
        made.prove(BORIS)
        yield made


def test_the_badge_counts_what_is_new_to_her_and_never_asks_the_help_desk(shop: Stage) -> None:
    ticket, _ = shop.ticket(ANNA), shop.ticket(BORIS, "His")
    shop.tell("operator/reply", ticket_id=ticket, text="Well?")
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        before = shop.calls()
        assert anna.get(BADGE).json() == {"unread": 0, "waiting": 0} and shop.calls() == before
        anna.get(f"{PREFIX}/"), boris.get(f"{PREFIX}/")
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:  # their first visit has written down who they are
        before = shop.calls()
        assert anna.get(BADGE).json() == {"unread": 1, "waiting": 1} and boris.get(BADGE).json()["unread"] == 0
        assert shop.calls() == before
        anna.get(f"{PREFIX}/{ticket}")
        answer = anna.get(BADGE)
        assert answer.json() == {"unread": 0, "waiting": 1}, "she has seen it"
        assert "no-store" in answer.headers["cache-control"]


def test_who_is_not_signed_in_gets_401_and_another_site_nothing(shop: Stage) -> None:
    with shop.client() as nobody, shop.client(ANNA) as anna:
        for path in (BADGE, EVENTS):
            assert nobody.get(path).status_code == 401
            assert anna.get(path, headers={"sec-fetch-site": "cross-site"}).status_code == 404
            assert anna.get(path, headers={"sec-fetch-site": "same-site"}).status_code == 404


def lines_of(shop: Stage, address: str, cookie: str, heard: list[str]) -> threading.Thread:
    """Listen until the stream ends."""

    def listen() -> None:
        headers = {"cookie": cookie}
        with (
            suppress(httpx.TransportError),
            httpx.stream("GET", f"http://{address}{EVENTS}", headers=headers, timeout=20, trust_env=False) as answer,
        ):
            heard.append(f"status {answer.status_code} {answer.headers['content-type']}")
            heard.extend(line for line in answer.iter_lines() if line)

    thread = threading.Thread(target=listen)
    thread.start()
    return thread


def until(heard: list[str], wanted: str) -> None:
    deadline = time.monotonic() + 10
    while wanted not in heard:
        assert time.monotonic() < deadline, heard
        time.sleep(0.02)


def test_a_stream_says_that_something_changed_and_nothing_else_and_ends_with_the_session(
    shop: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.5)
    shop.ticket(ANNA, "The canary")
    anna, boris = shop.sign_in(ANNA), shop.sign_in(BORIS)
    with serving(create_app(shop.settings, run_worker=False), "on") as address:
        for cookie in (anna, boris):
            httpx.get(f"http://{address}{PREFIX}/", headers={"cookie": cookie}, trust_env=False)
        hers: list[str] = []
        his: list[str] = []
        threads = [lines_of(shop, address, anna, hers), lines_of(shop, address, boris, his)]
        until(hers, "retry: 3000"), until(his, "retry: 3000")
        contact = shop.execute("SELECT contact_id FROM custom_hde_user_map WHERE user_id = 7 AND contact_id <> 0")[0][0]
        shop.execute(f"UPDATE custom_hde_snapshot SET forgotten_at = UTC_TIMESTAMP(6) WHERE id = '{contact}:1'")
        until(hers, "event: changed")
        until(hers, ":"), until(his, ":")
        for session in shop.sessions.iterdir():
            session.unlink()
        until(hers, "event: ended")
        for thread in threads:
            thread.join(timeout=10)
    assert "event: changed" not in his, "the control: hers was told"
    assert set(hers) == {
        "status 200 text/event-stream; charset=utf-8",
        "retry: 3000",
        "event: changed",
        "data:",
        ":",
        "event: ended",
    }
    assert "canary" not in "".join(hers)


def test_a_process_with_streams_enough_says_when_to_come_again(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.app.Streams", lambda: Streams(most=0))
    with shop.client(ANNA) as anna:
        answer = anna.get(EVENTS)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "60"


def test_through_nginx_it_is_heard_at_once(shop: Stage, tmp_path: Path) -> None:
    shop.ticket(ANNA)
    anna, folder = shop.sign_in(ANNA), tmp_path / "nginx"
    folder.mkdir()
    with (
        serving(create_app(shop.settings, run_worker=False), "on") as portal,
        serving(echo("bitrix")) as bitrix,
        behind_nginx(folder, portal, bitrix) as nginx,
    ):
        address = f"127.0.0.1:{nginx.port}"
        httpx.get(f"http://{address}{PREFIX}/", headers={"cookie": anna}, trust_env=False)
        heard: list[str] = []
        thread = lines_of(shop, address, anna, heard)
        until(heard, "retry: 3000")
        shop.execute("UPDATE custom_hde_snapshot SET forgotten_at = UTC_TIMESTAMP(6) WHERE kind = 'tickets'")
        began = time.monotonic()
        until(heard, "event: changed")
        assert time.monotonic() - began < 5
    thread.join(timeout=15)


@pytest.mark.parametrize("how", ["ended", "closing"])
def test_who_is_to_end_just_when_something_has_changed_ends_at_once(
    shop: Stage, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """And not with the next beat: the process that ends would wait for it."""
    monkeypatch.setattr(live, "CALM_SECONDS", 0.3)
    streams, anna = Streams(), shop.sign_in(ANNA)
    monkeypatch.setattr("portal.app.Streams", lambda: streams)
    with serving(create_app(shop.settings, run_worker=False), "on") as address:
        httpx.get(f"http://{address}{PREFIX}/", headers={"cookie": anna}, trust_env=False)
        heard: list[str] = []
        thread = lines_of(shop, address, anna, heard)
        until(heard, "retry: 3000")
        (stream,) = streams._of[ANNA]
        stream.changed.set()
        time.sleep(0.1)
        began = time.monotonic()
        stream.end() if how == "ended" else streams.close()
        thread.join(timeout=15)
        assert time.monotonic() - began < 3
