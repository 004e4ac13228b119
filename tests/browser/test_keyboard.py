"""Whoever has no mouse gets everywhere by keys alone, and sees where he is. Signing in: test_main_job.py."""

from __future__ import annotations

import re

import pytest

from portal.sandbox.people import ANNA, BORIS
from tests.browser.origin import PREFIX, Origin
from tests.browser.test_acting import listed, reload_until, with_a_long_list
from tests.browser.test_proof import letter
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser


def test_a_list_is_narrowed_down(tab: Tab, origin: Origin) -> None:
    with_a_long_list(tab, origin)
    tab.walk_to("Поиск по обращениям")
    tab.page.keyboard.type("вопрос")
    tab.press("Enter")
    assert len(listed(tab)) == 7
    tab.walk_to("Фильтры")
    tab.page.keyboard.press("Enter")
    tab.walk_to("Сначала")
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("ArrowDown")
    tab.walk_to("Применить")
    tab.press("Enter")
    assert "sort=state" in tab.page.url and len(listed(tab)) == 7
    tab.walk_to("Снять: «вопрос»")
    tab.press("Enter")
    assert len(listed(tab)) == 8


def test_an_address_is_proven(tab: Tab, origin: Origin) -> None:
    origin.ticket(BORIS.login, "Возврат чайника")
    tab.enter(BORIS)
    tab.walk_to("Отправить ссылку")
    tab.press("Enter")
    link = re.search(rf"{origin.requests}prove/\S+", letter(origin))
    assert link
    tab.page.goto(link[0])
    tab.walk_to("Да, это мой адрес")
    tab.press("Space")
    assert tab.subjects() == ["Возврат чайника"]


def test_a_request_is_written_and_asked_again(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?")
    tab.enter(ANNA)
    tab.walk_to("Новое обращение")
    tab.press("Enter")
    tab.walk_to("О чём обращение?")
    tab.page.keyboard.type("Посылка")
    tab.walk_to("Сообщение")
    tab.page.keyboard.type("Когда её ждать?")
    tab.walk_to("Отправить")
    tab.press("Enter")
    tab.expect_complaint("409")
    # In a field, Enter presses the form's own button and not one of those that lead elsewhere.
    tab.walk_to("О чём обращение?")
    tab.press("Enter")
    assert tab.page.url not in (f"{origin.requests}new", f"{origin.requests}{ticket}") and "Посылка" in tab.text()
    tab.open(f"{PREFIX}/{ticket}")
    tab.walk_to("Сообщение")
    tab.page.keyboard.type("И ещё одно.")
    tab.walk_to("Отправить")
    tab.press("Enter")
    assert "И ещё одно." in tab.page.locator("#last").inner_text()


def test_a_request_is_closed_and_rated(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.walk_to("Закрыть обращение")
    tab.page.keyboard.press("Enter")
    tab.walk_to("Вопрос решён")
    tab.page.keyboard.press("ArrowDown")
    tab.walk_to("Закрыть обращение")
    tab.press("Enter")
    reload_until(tab, "Как всё прошло?")
    tab.walk_to("Хорошо")
    tab.page.keyboard.press("Space")
    tab.walk_to("Отправить оценку")
    tab.press("Enter")
    assert tab.page.get_by_label("Хорошо", exact=True).is_checked()


def test_everything_is_taken_away_and_deleted(tab: Tab, origin: Origin) -> None:
    origin.ticket(ANNA.login)
    tab.enter(ANNA)
    tab.walk_to("Забрать или удалить")
    tab.press("Enter")
    tab.walk_to("Сделать архив")
    tab.press("Enter")
    reload_until(tab, "Скачать архив")
    tab.walk_to("Скачать архив")
    with tab.page.expect_download() as coming:
        tab.page.keyboard.press("Enter")
    assert coming.value.suggested_filename.endswith(".zip")
    tab.walk_to("Что будет удалено")
    tab.press("Enter")
    tab.walk_to("Удалить копии")
    tab.press("Enter")
    assert tab.page.url.endswith("/export/receipt")
