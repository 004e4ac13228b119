"""Boris has not proven his address yet: he asks for the link, it comes by mail, and his requests appear."""

import re
import time

import pytest

from portal.sandbox.people import ANNA, BORIS
from tests.browser.origin import PREFIX, Origin
from tests.browser.watch import Tab

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 15


def letter(origin: Origin) -> str:
    """The text of the letter that is on its way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (letters := origin.letters()):
        assert time.monotonic() < deadline, "no letter came"
        time.sleep(0.05)
    assert letters[0].to == BORIS.login
    return letters[0].text


def test_boris_proves_his_address_and_his_requests_appear(tab: Tab, origin: Origin) -> None:
    origin.ticket(BORIS.login, "Возврат чайника")
    tab.enter(BORIS)
    assert "Возврат чайника" not in tab.page.content() and "b…@shop.example" in tab.text()
    tab.inspect("unproven")
    tab.follow(tab.page.get_by_role("button", name="Отправить ссылку"))
    assert "Загляните в почту" in tab.text() and "b…@shop.example" in tab.text()
    tab.inspect("asked")

    link = re.search(rf"{origin.requests}prove/\S+", letter(origin))
    assert link
    tab.page.goto(link[0])
    assert "Возврат чайника" not in tab.page.content(), "to follow the link proves nothing yet"
    tab.inspect("followed")
    tab.follow(tab.page.get_by_role("button", name="Да, это мой адрес"))
    assert tab.page.url == origin.requests
    assert "адрес подтверждён" in tab.text()
    assert tab.subjects() == ["Возврат чайника"], tab.text()
    tab.inspect("proven")
    tab.page.reload()
    assert tab.subjects() == ["Возврат чайника"] and "адрес подтверждён" not in tab.text()


def test_annas_link_is_worth_nothing_to_boris(tab: Tab, origin: Origin) -> None:
    origin.ticket(BORIS.login, "Возврат чайника")
    origin.execute("DELETE FROM custom_hde_user_map")
    tab.enter(BORIS)
    tab.follow(tab.page.get_by_role("button", name="Отправить ссылку"))
    link = re.search(rf"{origin.requests}prove/\S+", letter(origin))
    assert link
    tab.page.context.clear_cookies()
    tab.enter(ANNA)
    tab.page.goto(link[0])
    assert tab.page.get_by_role("button", name="Да, это мой адрес").count() == 0
    assert "больше не действует" in tab.text()
    tab.inspect("expired")


def test_who_asks_too_often_is_told_when_to_come_again(tab: Tab, origin: Origin) -> None:
    tab.enter(BORIS)
    for _ in range(3):
        tab.open(f"{PREFIX}/prove")
        tab.follow(tab.page.get_by_role("button", name="Отправить ссылку"))
        assert tab.page.url == f"{origin.requests}prove?sent"
    tab.open(f"{PREFIX}/prove")
    tab.inspect("ask")
    tab.follow(tab.page.get_by_role("button", name="Отправить ссылку"))
    tab.expect_complaint("429")
    assert re.search("через (1 час|60 минут|59 минут)", tab.text())
    tab.inspect("too often")


@pytest.mark.parametrize(
    ("email", "told"),
    [("", "нет адреса"), (ANNA.login, "двух учётных записях"), ("new@shop.example", "n…@shop.example")],
)
def test_an_account_that_cannot_see_is_told_why(tab: Tab, origin: Origin, email: str, told: str) -> None:
    origin.ticket(ANNA.login, "Секрет Анны")
    origin.execute(f"UPDATE b_user SET EMAIL = '{email}' WHERE ID = {BORIS.id}")
    tab.enter(BORIS)
    assert told in tab.text() and "Секрет" not in tab.page.content()
    tab.inspect(told)


def test_who_never_wrote_is_told_what_will_appear_here(tab: Tab, origin: Origin) -> None:
    tab.enter(ANNA)
    assert "Обращений пока нет" in tab.text()
    tab.inspect("empty")
