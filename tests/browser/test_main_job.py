"""Anna signs in to the shop and reads her requests, in a real browser."""

import pytest

from portal.sandbox.helpdesk import seed_demo
from portal.sandbox.people import ANNA, BORIS, Account
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.4 a waybill"
NOWHERE = 999_999_999


def test_anna_signs_in_and_comes_back_to_where_she_was_going(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Где моя посылка?", "<p>Заказ A-1007.</p>")
    tab.open(f"{PREFIX}/{ticket}?lang")
    assert tab.page.url == f"{origin.address}/auth/?backurl=%2Fpersonal%2Frequests%2F{ticket}%3Flang"
    tab.inspect("sign-in")
    tab.sign_in(ANNA)
    assert tab.page.url == f"{origin.address}{PREFIX}/{ticket}?lang"
    assert "Где моя посылка?" in tab.text() and "Заказ A-1007." in tab.text()


def test_a_wrong_password_lets_nobody_in(tab: Tab, origin: Origin) -> None:
    tab.open(f"{PREFIX}/")
    tab.sign_in(Account(ANNA.id, ANNA.login, "boris", "", ""))
    tab.expect_complaint("403")
    assert "не подошли" in tab.text()
    tab.inspect("wrong password")
    tab.open(f"{PREFIX}/")
    assert "/auth/?backurl=" in tab.page.url


def test_anna_finds_all_her_requests_and_opens_one(tab: Tab, origin: Origin) -> None:
    seed_demo(origin.state)
    tab.enter(ANNA)
    assert len(tab.subjects()) == 12 and "Все 12" in tab.text()
    assert tab.subjects()[0] == "Можно ли изменить адрес доставки?" and "Возврат чайника" not in tab.subjects()
    assert "Принято Обновлено:" in tab.text() and "с сайта" in tab.text()
    tab.inspect("list")
    tab.follow(tab.page.get_by_role("link", name="Где моя посылка?"))
    assert "Поддержка, Мария" in tab.text() and "второй пакет уже в пути" in tab.text()
    assert "Компенсация" not in tab.page.content(), "an internal note"
    tab.inspect("conversation")
    tab.follow(tab.page.get_by_role("link", name="Все обращения"))
    assert tab.page.url == origin.requests


def test_boris_sees_nothing_of_hers(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login, "Секрет Анны")
    tab.enter(BORIS)
    assert "Секрет" not in tab.page.content()
    answers = []
    for number in (ticket, NOWHERE):
        answer = tab.page.goto(f"{origin.requests}{number}")
        assert answer and answer.status == 404
        answers.append(answer.body())
        tab.expect_complaint("404")
    assert answers[0] == answers[1] and "Такой страницы нет" in tab.text()
    tab.inspect("not found")


def test_a_foreign_id_answers_like_a_missing_one_to_who_has_requests(tab: Tab, origin: Origin) -> None:
    origin.ticket(ANNA.login)
    his = origin.ticket(BORIS.login, "Секрет Бориса")
    tab.enter(ANNA)
    for number in (his, NOWHERE):
        assert tab.open(f"{PREFIX}/{number}") == 404
        tab.expect_complaint("404")
        assert "Секрет" not in tab.page.content()
    tab.follow(tab.page.get_by_role("link", name="К моим обращениям"))
    assert tab.page.url == origin.requests


def test_an_attachment_is_saved_and_never_shown(tab: Tab, origin: Origin) -> None:
    files = [
        {"name": "накладная A-1007.pdf", "type": "application/pdf", "base64": "JVBERi0xLjQgYSB3YXliaWxs"},
        {"name": "page.html", "type": "text/html", "base64": "PHNjcmlwdD5QKCk8L3NjcmlwdD4="},
    ]
    ticket = origin.ticket(ANNA.login, files=files)
    tab.enter(ANNA, f"{PREFIX}/{ticket}")
    with tab.page.expect_download() as saving:
        tab.page.get_by_role("link", name="накладная A-1007.pdf").click()
    assert saving.value.suggested_filename == "накладная A-1007.pdf"
    assert saving.value.path().read_bytes() == PDF
    page = tab.page.get_by_role("link", name="page.html")
    page.evaluate("link => link.removeAttribute('download')")  # the header alone must do
    with tab.page.expect_download() as saving:
        page.click()
    assert saving.value.suggested_filename == "page.html"
    assert saving.value.url.startswith(f"{origin.requests}{ticket}/files/")
    assert tab.page.url == f"{origin.requests}{ticket}"


def test_thirty_five_requests_take_two_pages(tab: Tab, origin: Origin) -> None:
    for number in range(1, 36):
        origin.ticket(ANNA.login, f"Вопрос {number}")
    tab.enter(ANNA)
    first = tab.subjects()
    assert "35 обращений" in tab.text()
    tab.inspect("first page")
    tab.follow(tab.page.get_by_role("link", name="Раньше"))
    assert tab.page.url == f"{origin.requests}?page=2"
    second = tab.subjects()
    tab.inspect("second page")
    assert sorted(first + second) == sorted(f"Вопрос {number}" for number in range(1, 36))
    tab.follow(tab.page.get_by_role("link", name="Новее"))
    assert tab.page.url == origin.requests and tab.subjects() == first
    tab.follow(tab.page.get_by_role("link", name="Страница 2"))
    assert tab.subjects() == second


def test_signed_out_she_is_asked_to_sign_in_again(tab: Tab, origin: Origin) -> None:
    ticket = origin.ticket(ANNA.login)
    tab.enter(ANNA)
    assert len(tab.subjects()) == 1
    tab.open("/")
    tab.follow(tab.page.get_by_role("button", name="Выйти"))
    for path in (f"{PREFIX}/", f"{PREFIX}/{ticket}"):
        tab.open(path)
        assert "/auth/?backurl=" in tab.page.url and "parcel" not in tab.page.content()


def test_the_language_is_switched_and_stays(tab: Tab, origin: Origin) -> None:
    for number in range(30):
        origin.ticket(ANNA.login, f"Question {number}")
    tab.enter(ANNA, f"{PREFIX}/?page=2")
    assert tab.page.locator("html").get_attribute("lang") == "ru"
    tab.follow(tab.page.get_by_role("link", name="English"))
    assert tab.page.url == f"{origin.requests}?page=2"
    assert tab.page.locator("html").get_attribute("lang") == "en"
    assert "My requests New request All 30" in tab.text()
    tab.inspect("list in English")
    tab.follow(tab.page.locator(".requests a").first)
    assert tab.page.locator("html").get_attribute("lang") == "en" and "opened" in tab.text()
    tab.inspect("conversation in English")
    tab.follow(tab.page.get_by_role("link", name="Русский"))
    assert "открыто" in tab.text()


def focused(tab: Tab) -> str:
    return str(tab.page.evaluate("document.activeElement.textContent.trim()"))


def test_everything_is_done_with_the_keyboard_alone(tab: Tab, origin: Origin) -> None:
    origin.ticket(ANNA.login, "Первое")
    last = origin.ticket(ANNA.login, "Второе")
    tab.open(f"{PREFIX}/")
    keys = tab.page.keyboard
    for _ in range(10):
        if tab.page.evaluate("document.activeElement.id") != "login":
            keys.press("Tab")
    keys.type(ANNA.login)
    keys.press("Tab")
    keys.type(ANNA.password)
    with tab.page.expect_navigation():
        keys.press("Enter")
    assert tab.page.url == origin.requests
    keys.press("Tab")
    assert focused(tab) == "К содержанию"
    assert tab.page.locator(".skip").bounding_box()["y"] >= 0, "it shows itself"  # type: ignore[index]
    keys.press("Enter")
    keys.press("Tab")
    assert focused(tab) == "Новое обращение"
    keys.press("Tab")
    assert focused(tab) == "Второе"
    outline = "getComputedStyle(document.activeElement, '::after').outlineStyle"
    assert tab.page.evaluate(outline) == "solid"
    with tab.page.expect_navigation():
        keys.press("Enter")
    assert tab.page.url == f"{origin.requests}{last}"
    keys.press("Tab")
    keys.press("Tab")
    assert focused(tab) == "Все обращения"
    with tab.page.expect_navigation():
        keys.press("Enter")
    assert tab.page.url == origin.requests
