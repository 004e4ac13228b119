"""Anna closes a request, opens it again and says how it went; she narrows her list down and finds her way back to it."""

from __future__ import annotations

import base64
import re
from time import monotonic

import pytest
from playwright.sync_api import expect

from portal.sandbox.people import ANNA
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab
from tests.web.test_taking import PNG

pytestmark = pytest.mark.browser


def press(tab: Tab, name: str) -> None:
    tab.follow(tab.page.get_by_role("button", name=name, exact=True))


def reload_until(tab: Tab, said: str) -> None:
    """The worker does it, and what it has done is read anew."""
    deadline = monotonic() + 15
    while said not in tab.text():
        assert monotonic() < deadline, tab.text()
        tab.page.wait_for_timeout(200)
        tab.page.reload()


def test_a_request_is_closed_rated_and_opened_again(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.page.get_by_text("Закрыть обращение").first.click()
    tab.page.get_by_label("Больше не нужно").check()
    tab.page.get_by_label("Хотите что-то добавить").fill("Нашлось само")
    tab.inspect("about to close")
    press(tab, "Закрыть обращение")
    assert "закры" in tab.text().lower()
    tab.inspect("closing")
    reload_until(tab, "Как всё прошло?")
    tab.page.get_by_label("Хорошо", exact=True).check()
    tab.inspect("to rate")
    press(tab, "Отправить оценку")
    assert tab.page.get_by_label("Хорошо", exact=True).is_checked()
    tab.page.get_by_label("Плохо", exact=True).check()
    press(tab, "Изменить оценку")
    assert tab.page.get_by_label("Плохо", exact=True).is_checked()
    tab.inspect("rated")
    press(tab, "Открыть снова")
    reload_until(tab, "Закрыть обращение")
    assert origin.state.tickets[ticket].status != "closed"


def listed(tab: Tab) -> list[str]:
    return [re.sub(r"\W+", " ", subject).strip() for subject in tab.subjects()]


def with_a_long_list(tab: Tab, origin: Origin) -> None:
    for name in ("доставка", "возврат", "размер", "оплата", "купон", "чек", "гарантия"):
        origin.ticket(ANNA.login, f"Вопрос: {name}")
    origin.tell("operator/status", ticket_id=origin.ticket(ANNA.login, "Давно решено"), status="closed")
    tab.enter(ANNA)


def test_a_list_is_narrowed_down_and_found_again(tab: Tab, origin: Origin) -> None:
    with_a_long_list(tab, origin)
    assert len(listed(tab)) == 8
    tab.follow(tab.page.get_by_role("link", name=re.compile("^Закрыто")))
    assert listed(tab) == ["Давно решено"]
    tab.follow(tab.page.get_by_role("link", name=re.compile("^Снять: Закрыто")))
    assert len(listed(tab)) == 8
    tab.page.get_by_label("Поиск по обращениям").fill("вопросы возврат")
    press(tab, "Найти")
    assert listed(tab) == ["Вопрос возврат"]
    tab.inspect("found")
    tab.follow(tab.page.get_by_role("link", name="Вопрос: возврат"))
    tab.follow(tab.page.get_by_role("link", name="Найденные обращения"))
    assert listed(tab) == ["Вопрос возврат"], "the way back leads to what was found"
    tab.page.get_by_text("Фильтры").click()
    tab.page.get_by_label("Как обратились").select_option("email")
    tab.page.get_by_label("Период").select_option("30")
    tab.page.get_by_label("Сначала").select_option("created")
    press(tab, "Применить")
    assert listed(tab) == ["Вопрос возврат"]
    tab.inspect("narrowed down")
    tab.follow(tab.page.get_by_role("link", name=re.compile("Показать все")))
    assert len(listed(tab)) == 8


def test_a_picture_opens_in_place_and_what_only_calls_itself_one_is_saved(tab: Tab, origin: Origin) -> None:
    files = [
        {"name": name, "type": "image/png", "base64": base64.b64encode(content).decode()}
        for name, content in (("фото.png", PNG), ("evil.png", b"<svg onload=alert(1)>"))
    ]
    ticket = origin.ticket(ANNA.login, files=files)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    picture = tab.page.locator(".files img")
    if not tab.scripted:
        with tab.page.context.expect_page() as opened:
            tab.page.get_by_role("link", name="фото.png").first.click()
        assert opened.value.locator("img").evaluate("each => each.naturalWidth") == 1
        return
    link = tab.page.get_by_role("link", name="фото.png").first
    link.click()
    expect(picture).to_have_js_property("naturalWidth", 1)
    assert link.get_attribute("aria-expanded") == "true" and picture.get_attribute("alt") == "фото.png"
    tab.inspect("with a picture")
    link.click()
    assert not picture.count() and link.get_attribute("aria-expanded") == "false"
    with tab.page.expect_download() as coming:
        tab.page.get_by_role("link", name="evil.png").first.click()
    assert coming.value.suggested_filename == "evil.png" and not picture.count()
    assert tab.page.get_by_role("link", name="evil.png").first.get_attribute("aria-expanded") == "false"
    assert tab.page.url == f"{origin.requests}{ticket}"
