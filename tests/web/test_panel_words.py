"""What the panel says of an order, to the operator in his language and to the customer in hers."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.model import OrderStatus, Shipment
from portal.web.panel_words import PanelWords
from portal.web.words import Words
from tests.web.hostile import HOSTILE
from tests.web.panel_states import TRACK, order, panel_states
from tests.web.states import NOW, make_pages

ALL = {locale: Words(locale, ZoneInfo("Europe/Moscow")) for locale in ("ru", "en")}
RUSSIAN, ENGLISH = (PanelWords(ALL[locale], ALL, "ru") for locale in ("ru", "en"))
PAGES, _ = make_pages()


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_the_sentence_speaks_the_customer_s_language_whatever_the_operator_s() -> None:
    for panel in (RUSSIAN, ENGLISH):
        assert (
            plain(panel.sentence(order(), "ru", NOW))
            == f"Заказ A-1007 от 15 ноября, 4 590 ₽, передан курьеру, трек {TRACK}"
        )
        assert (
            plain(panel.sentence(order(), "en", NOW))
            == f"Order A-1007 of 15 November, 4,590 ₽, handed to the courier, track {TRACK}"
        )
        assert (
            panel.sentence(order(), "de", NOW) == panel.sentence(order(), "", NOW) == panel.sentence(order(), "ru", NOW)
        )


@pytest.mark.parametrize(
    ("changes", "ru", "en"),
    [
        ({"canceled": True}, "отменён", "cancelled"),
        ({"status": OrderStatus("F", "Готово")}, "выполнен", "completed"),
        ({"shipments": (Shipment("Почта", OrderStatus("DF", ""), "", shipped=True),)}, "передан в доставку", "handed over for delivery"),
        ({"shipments": (Shipment("Курьер", OrderStatus("DF", ""), TRACK, shipped=True), Shipment("Курьер", OrderStatus("DN", ""), "", shipped=False))}, "частично передан в доставку", "partly handed over for delivery"),
        ({"shipments": ()}, "собирается", "being prepared"),
        ({"shipments": (), "status": OrderStatus("W", "W"), "paid": False}, "принят", "accepted"),
        ({"shipments": (), "status": OrderStatus("W", "Ждёт поставки")}, "ждёт поставки", "being prepared"),
    ],
)  # fmt: skip
def test_the_state_is_told_by_what_has_happened(changes: dict[str, Any], ru: str, en: str) -> None:
    changes.setdefault("status", OrderStatus("P", "Собирается"))
    assert f", {ru}" in RUSSIAN.sentence(order(**changes), "ru", NOW)
    assert f", {en}" in RUSSIAN.sentence(order(**changes), "en", NOW)


def test_a_cancelled_order_tells_no_track() -> None:
    assert TRACK not in RUSSIAN.sentence(order(canceled=True), "ru", NOW)


def test_what_is_left_to_pay_is_told() -> None:
    part = order(paid=False, paid_sum=Decimal(1000))
    assert plain(RUSSIAN.pay(part)) == "оплачено 1 000 ₽, осталось 3 590 ₽"
    assert RUSSIAN.pay(replace(part, paid_sum=Decimal(0))) == "не оплачен"


@pytest.mark.parametrize("locale", ["ru", "en"])
def test_no_text_of_others_is_markup_anywhere_in_the_panel(locale: str) -> None:
    template, given = panel_states(locale)["panel-hostile"]
    page = PAGES.render(template, locale=locale, nonce="n", **given).decode()
    assert "<img src=x" not in page and page.count("</script>") == 2 and "\u202e" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize("hostile", HOSTILE[:10])
def test_a_hostile_name_and_track_stay_texts(hostile: Any) -> None:
    text = hostile if isinstance(hostile, str) else str(hostile)
    template, given = panel_states("ru")["panel"]
    bad = order(shipments=(Shipment(text, OrderStatus("D", text), text, shipped=True),), status=OrderStatus("P", text))
    sheet = replace(given["sheet"], about=(replace(given["sheet"].about[0], order=bad),))
    usual = PAGES.render(template, locale="ru", nonce="n", **given).decode()
    page = PAGES.render(template, locale="ru", nonce="n", **given | {"sheet": sheet}).decode()
    for mark in ("<script", "<img", "<iframe", "<svg", "<a ", "<form", "<style"):
        assert page.count(mark) <= usual.count(mark) + 0, mark


def test_without_the_script_the_number_the_track_and_the_sentence_are_texts_to_select() -> None:
    template, given = panel_states("en")["panel"]
    page = PAGES.render(template, locale="en", nonce="n", **given).decode()
    assert f'<span data-copy="{TRACK}">{TRACK}</span>' in page and '<span data-copy="A-1007">№ A-1007</span>' in page
    assert '<p lang="en">Order A-1007 of 15 November' in page


def test_somebody_else_s_order_shows_its_number_and_a_warning_and_nothing_else() -> None:
    template, given = panel_states("en")["panel-foreign"]
    page = PAGES.render(template, locale="en", nonce="n", **given).decode()
    assert "belongs to somebody else" in page and "ID=2002" not in page
