"""Anna writes, in a real browser: with the script and without it, with the keyboard, and when things go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.sandbox.people import ANNA, BORIS
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser

TEXT = "Курьер так и не приехал.\n<b>Когда</b> ждать?"
MB = 2**20


def attach(tab: Tab, *files: tuple[str, int]) -> None:
    tab.page.set_input_files(
        "#files", [{"name": name, "mimeType": "image/png", "buffer": b"x" * size} for name, size in files]
    )


def press(tab: Tab, name: str = "Отправить") -> None:
    tab.follow(tab.page.get_by_role("button", name=name, exact=True))


def field(tab: Tab, name: str = "text") -> str:
    return tab.page.locator(f"[name={name}]").input_value()


def test_a_reply_with_a_file_shows_at_once(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.inspect("form")
    tab.page.fill("#text", TEXT)
    attach(tab, ("фото.png", 1000))
    tab.inspect("filled in")
    press(tab)
    assert tab.page.url == f"{origin.requests}{ticket}#last"
    last = tab.page.locator("#last")
    assert "Когда</b> ждать?" in last.inner_text() and "фото.png" in last.inner_text()
    assert re.search("Отправл(яется|ено)", last.inner_text())
    assert last.evaluate("e => e.getBoundingClientRect().bottom <= innerHeight"), "it is on the screen"
    assert field(tab) == ""
    tab.inspect("written")
    tab.page.reload()
    assert "ждать?" in tab.page.locator("#last").inner_text()
    tab.open(f"{PREFIX}/{ticket}")
    assert field(tab) == ""


def test_a_new_request_is_seen_on_its_way(tab: Tab, origin: Origin) -> None:
    tab.enter(BORIS)
    tab.follow(tab.page.get_by_role("link", name="Новое обращение"))
    tab.inspect("new request")
    tab.page.fill("#subject", "Пришла не та пиала")
    tab.page.fill("#text", TEXT)
    press(tab)
    assert "Пришла не та пиала" in tab.text() and "ждать?" in tab.text()
    tab.inspect("on its way")
    tab.follow(tab.page.get_by_role("link", name="Все обращения"))
    assert tab.subjects() == ["Пришла не та пиала"]
    tab.inspect("list with one on its way")


def test_an_expired_session_gives_the_text_back_to_be_sent_again(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.page.fill("#text", TEXT)
    attach(tab, ("фото.png", 1000))
    tab.page.context.clear_cookies()
    press(tab)
    tab.expect_complaint("401")
    assert field(tab) == TEXT and "фото.png" in tab.text() and "ничего не потеряно" in tab.text()
    tab.inspect("signed out")
    with tab.page.context.expect_page() as opened:
        tab.page.get_by_role("link", name="Войдите в новой вкладке").click()
    other = opened.value
    other.fill("#login", ANNA.login)
    other.fill("#password", ANNA.password)
    other.get_by_role("button", name="Войти").click()
    other.wait_for_url(origin.requests)
    other.close()
    press(tab, "Продолжить")
    tab.expect_complaint("403")
    assert field(tab) == TEXT and "осталось его отправить" in tab.text() and "фото.png" in tab.text()
    tab.inspect("signed in again")
    press(tab)
    assert tab.page.url == f"{origin.requests}{ticket}#last" and "ждать?" in tab.page.locator("#last").inner_text()


def test_files_that_will_not_do_are_said(tab: Tab, origin: Origin, tmp_path: Path) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    assert "до 10 файлов, до 10 МБ каждый" in tab.text(), "before the upload"
    tab.page.fill("#text", TEXT)
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(10 * MB + 1))
    tab.page.set_input_files("#files", big)
    if not tab.scripted:
        press(tab)
        tab.expect_complaint("422")
        assert "слишком большой" in tab.text() and "big.bin" in tab.text() and field(tab) == TEXT
        tab.inspect("too large a file")
        attach(tab, *[(f"{number}.png", 10) for number in range(11)])
        press(tab)
        tab.expect_complaint("422")
        assert "Файлов слишком много" in tab.text() and field(tab) == TEXT
        return
    assert "слишком большой" in tab.text()
    tab.inspect("too large a file, told before the upload")
    tab.page.get_by_role("button", name="Отправить", exact=True).click()
    assert tab.page.url == f"{origin.requests}{ticket}", "it is not sent"
    tab.page.get_by_role("button", name="Убрать big.bin").click()
    assert "слишком большой" not in tab.text() and tab.page.locator(".chosen li").count() == 0
    attach(tab, *[(f"{number}.png", 10) for number in range(6)])
    attach(tab, *[(f"{number}.png", 20) for number in range(5)])
    assert tab.page.locator(".chosen li").count() == 11 and "Файлов слишком много" in tab.text()
    tab.page.get_by_role("button", name="Убрать 5.png").press("Enter")
    assert "Файлов слишком много" not in tab.text()
    tab.inspect("ten files")
    press(tab)
    assert tab.page.locator("#last .files li").count() == 10


def test_an_empty_form_says_what_is_missing(tab: Tab, origin: Origin) -> None:
    tab.enter(ANNA, f"{PREFIX}/new")
    tab.page.fill("#subject", "Тема")
    tab.page.evaluate("document.querySelectorAll('[required]').forEach(field => field.required = false)")
    press(tab)
    tab.expect_complaint("422")
    assert "сейчас оно пустое" in tab.text() and field(tab, "subject") == "Тема"
    tab.inspect("nothing written")


def test_it_is_all_done_with_the_keyboard_alone(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    keys = tab.page.keyboard

    def go_to(wanted: str) -> None:
        for _ in range(15):
            keys.press("Tab")
            if tab.page.evaluate("document.activeElement.id || document.activeElement.type") == wanted:
                return
        raise AssertionError(wanted)

    go_to("text")
    keys.type("Спасибо")
    go_to("files")
    outlined = "getComputedStyle(document.querySelector('.scripted label') ?? document.activeElement).outlineStyle"
    assert tab.page.evaluate(outlined) != "none"
    go_to("submit")
    with tab.page.expect_navigation():
        keys.press("Enter")
    assert "Спасибо" in tab.page.locator("#last").inner_text()


def test_a_request_that_is_not_hers_takes_nothing(tab: Tab, origin: Origin) -> None:
    his = origin.ticket(BORIS.login, "Секрет Бориса")
    mine = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{mine}")
    tab.page.fill("#text", TEXT)
    tab.page.evaluate(f"document.querySelector('form.write').action = '{PREFIX}/{his}/reply'")
    press(tab)
    tab.expect_complaint("404")
    assert "Такой страницы нет" in tab.text() and "ждать?" in tab.text(), "and her words are there"
    tab.inspect("not hers")


# What the script adds.

SCRIPTED = pytest.mark.parametrize("tab", ["script"], indirect=True)


@SCRIPTED
def test_a_draft_survives_the_way_back_and_goes_once_it_is_sent(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.page.fill("#text", TEXT)
    tab.open(f"{PREFIX}/")
    tab.open(f"{PREFIX}/{ticket}")
    assert field(tab) == TEXT
    press(tab)
    tab.open(f"{PREFIX}/{ticket}")
    assert field(tab) == "" and [key for key in kept_here(tab) if not key.startswith("sent:")] == []


def kept_here(tab: Tab) -> list[str]:
    """The names of what the tab keeps."""
    found: list[str] = tab.page.evaluate("Object.keys(sessionStorage)")
    return found


@SCRIPTED
def test_an_order_that_is_asked_for_wins_over_a_draft(tab: Tab, origin: Origin) -> None:
    tab.enter(ANNA, f"{PREFIX}/new")
    numbers = tab.page.locator("#order option").evaluate_all("all => all.map(one => one.value)")
    one, other = numbers[1:3]
    tab.page.select_option("#order", one)
    tab.page.fill("#text", TEXT)
    tab.open(f"{PREFIX}/new?order={other}")
    assert field(tab) == "" and field(tab, "order") == other
    tab.page.fill("#text", "и ещё")
    tab.page.select_option("#order", one)
    tab.follow(tab.page.get_by_role("link", name="English"))
    assert tab.page.url.endswith(f"/new?order={other}")
    assert field(tab) == "и ещё" and field(tab, "order") == other
    tab.open(f"{PREFIX}/new")
    assert field(tab) == TEXT and field(tab, "order") == one, "the other draft is there"
    tab.page.fill("#subject", "Тема")
    press(tab, "Send")
    assert all(key.startswith("sent:") for key in kept_here(tab)), "one is sent: none is kept"


@SCRIPTED
@pytest.mark.parametrize("path", ["new", "reply"])
def test_a_way_back_does_not_fill_in_what_was_sent(tab: Tab, origin: Origin, path: str) -> None:
    address = f"{PREFIX}/new" if path == "new" else f"{PREFIX}/{origin.ticket(ANNA.login)}"
    tab.enter(ANNA, address)
    if path == "new":
        tab.page.fill("#subject", "Тема")
    tab.page.fill("#text", TEXT)
    press(tab)
    tab.page.go_back()
    tab.page.wait_for_load_state("load")
    assert tab.page.url.endswith(address) and field(tab) == ""
    tab.page.fill("#text", "не отправлено")
    tab.open(f"{PREFIX}/")
    tab.page.go_back()
    assert field(tab) == "не отправлено"


@SCRIPTED
def test_a_way_back_from_where_nothing_was_sent_loses_nothing(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    tab.page.fill("#text", TEXT)
    tab.page.route("**/reply", lambda route: route.fulfill(status=502, body="<title>gateway</title>away"))
    press(tab)
    tab.expect_complaint("502")
    tab.page.unroute("**/reply")
    tab.page.go_back()
    assert field(tab) == TEXT


@SCRIPTED
def test_a_draft_is_its_writers_alone(tab: Tab, origin: Origin) -> None:
    tab.enter(ANNA, f"{PREFIX}/new")
    tab.page.fill("#text", "canary")
    tab.page.context.clear_cookies()
    tab.enter(BORIS, f"{PREFIX}/new")
    assert field(tab) == ""


@SCRIPTED
def test_the_state_is_drawn_anew_while_she_types_the_next(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    origin.tell("faults", kind="stall", value="30")
    tab.page.fill("#text", TEXT)
    press(tab)
    tab.page.fill("#text", "и ещё")
    origin.execute("UPDATE custom_hde_outbox SET state = 'aside', finished_at = UTC_TIMESTAMP(6)")
    tab.page.get_by_text("Поддержка об этом знает").wait_for()
    assert field(tab) == "и ещё"


def test_the_same_again_goes_into_the_request_that_is_there(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?")
    tab.enter(ANNA)
    tab.open(f"{PREFIX}/new")
    tab.page.fill("#subject", "Посылка")
    tab.page.fill("#text", TEXT)
    press(tab)
    tab.expect_complaint("409")
    assert "вы уже спрашивали" in tab.text() and field(tab) == TEXT
    tab.inspect("asked again")
    press(tab, "Где моя посылка?")
    assert tab.page.url == f"{origin.requests}{ticket}#last"
    assert "ждать?" in tab.page.locator("#last").inner_text()
    tab.open(f"{PREFIX}/new")
    assert field(tab) == "" and field(tab, "subject") == "", "what was sent there is no draft any more"
