"""What looks like a request that is open already, and what does not."""

from __future__ import annotations

import pytest

from portal.service.similar import alike


@pytest.mark.parametrize(
    ("asked", "subject", "text"),
    [
        ("Где моя посылка?", "Посылка не пришла", ""),
        ("Возврат кроссовок", "Хочу вернуть кроссовки", "Возврат по заказу 1007"),
        ("Не пришёл заказ А-1007", "Заказ 1007 не пришел", ""),
        ("Where is my parcel", "Parcels", ""),
        ("Refund for sneakers", "Money back", "I asked for a refund, the sneakers were too small"),
        ("Wrong size delivered", "delivered the WRONG sizes", ""),
    ],
)
def test_the_same_again_is_recognised(asked: str, subject: str, text: str) -> None:
    assert alike(asked, subject, text)


@pytest.mark.parametrize(
    ("asked", "subject", "text"),
    [
        ("Вопрос по заказу", "Вопрос", "Здравствуйте, подскажите, пожалуйста"),
        ("Question", "A question about my order", ""),
        ("Где моя посылка?", "Смена пароля", "Не могу войти"),
        ("Возврат кроссовок", "Размер куртки", "Кроссовки подошли, а куртка нет"),
        ("", "", ""),
        ("???", "!!!", "..."),
        ("Order 1007", "Order 1008", ""),
    ],
)
def test_another_thing_is_not(asked: str, subject: str, text: str) -> None:
    assert not alike(asked, subject, text)


def test_a_megabyte_of_letters_costs_nothing() -> None:
    assert not alike("а" * 10**6, "б " * 10**6, "в" * 10**6)
