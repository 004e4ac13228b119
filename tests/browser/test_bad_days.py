"""The help desk is away, or slow: what the customer sees then."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.sandbox.people import ANNA
from portal.service import requests as service
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 15


@pytest.mark.parametrize("settings", [{"cache_seconds": 1}], ids=["short cache"])
def test_while_the_help_desk_is_away_the_old_copy_shows_its_age(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?", "<p>Заказ A-1007.</p>")
    tab.enter(ANNA)
    tab.open(f"{PREFIX}/{ticket}")
    origin.tell("faults", kind="status", value="503")
    origin.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 1 HOUR")
    hour_ago = datetime.now(ZoneInfo("Europe/Moscow")) - timedelta(hours=1)
    possible = {f"{hour_ago - timedelta(minutes=minutes):%H:%M}" for minutes in (0, 1)}
    for path, shown in ((f"{PREFIX}/", "Где моя посылка?"), (f"{PREFIX}/{ticket}", "Заказ A-1007.")):
        deadline = time.monotonic() + PATIENCE_SECONDS
        tab.open(path)
        while not (note := tab.page.locator(".note.warn")).count():
            assert time.monotonic() < deadline
            time.sleep(0.2)
            tab.page.reload()
        # In the first hour of a day it was yesterday, and the day stands before the clock.
        assert note.locator("time").inner_text()[-5:] in possible and "не отвечает" in note.inner_text()
        assert shown in tab.text()
        tab.inspect(f"{path}, old copy")


def test_while_the_help_desk_is_away_and_there_is_no_copy_the_page_says_so(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    origin.tell("faults", kind="status", value="503")
    tab.enter(ANNA)
    for path in (f"{PREFIX}/", f"{PREFIX}/{ticket}"):
        assert tab.open(path) == 200
        assert "Служба поддержки сейчас не отвечает" in tab.text() and "Обращений пока нет" not in tab.text()
        tab.inspect(f"{path}, away")


def test_a_list_being_fetched_shows_itself_when_it_is_there(
    tab: Tab, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.3)
    origin.ticket(ANNA.login, "Где моя посылка?")
    # Every call: the worker's sweep asks for tickets, too, and would take the one.
    origin.tell("faults", kind="stall", value="2.5", path="/tickets")
    tab.enter(ANNA)
    assert "Загружаем ваши обращения" in tab.text()
    origin.tell("mend")
    tab.page.wait_for_selector(".requests", timeout=PATIENCE_SECONDS * 1000)
    assert tab.subjects() == ["Где моя посылка?"]


def test_a_conversation_being_fetched_shows_itself_when_it_is_there(
    tab: Tab, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?", "<p>Заказ A-1007.</p>")
    tab.enter(ANNA)
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.3)
    origin.tell("faults", kind="stall", value="2.5", path="/messages")
    tab.open(f"{PREFIX}/{ticket}")
    assert "Загружаем переписку" in tab.text()
    origin.tell("mend")
    tab.inspect("conversation being fetched")
    tab.page.wait_for_selector(".messages article", timeout=PATIENCE_SECONDS * 1000)
    assert "Заказ A-1007." in tab.text()


@pytest.mark.parametrize("settings", [{"cache_seconds": 1}], ids=["short cache"])
def test_what_is_written_while_the_help_desk_is_away_waits_and_arrives_once(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?")
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    origin.tell("faults", kind="status", value="503")
    for words in ("Сначала это", "Потом то"):
        tab.page.fill("#text", words)
        tab.follow(tab.page.get_by_role("button", name="Отправить", exact=True))
        assert words in tab.page.locator("#last").inner_text()
    assert "Отправляется" in tab.text()
    origin.execute("UPDATE custom_hde_outbox SET created_at = created_at - INTERVAL 5 MINUTE")
    tab.page.reload()
    assert "Будет отправлено" in tab.text() and "отправится само" in tab.text()
    tab.inspect("waiting for the help desk")
    origin.tell("mend")
    deadline = time.monotonic() + 60
    while len(said := [m.html for m in origin.state.tickets[ticket].messages[1:]]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert ["Сначала это" in said[0], "Потом то" in said[1]] == [True, True]
    while "Будет отправлено" in tab.text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
        tab.page.reload()
    assert tab.text().count("Сначала это") == tab.text().count("Потом то") == 1
    tab.inspect("arrived")
    assert len(origin.state.tickets[ticket].messages) == 3
