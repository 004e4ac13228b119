"""What happened to an order, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.bitrix.changes import RULES
from portal.model import Change
from portal.web import history

AT = datetime(2026, 11, 20, tzinfo=UTC)


def told(type: str, value: str = "", undone: bool = False) -> str:
    return history.told(Change(AT, type, value, undone), "en")


@pytest.mark.parametrize("locale", ["ru", "en"])
def test_every_change_that_may_be_told_has_its_words(locale: str) -> None:
    assert set(history._sentences(locale)) == set(RULES)


@pytest.mark.parametrize("type", RULES)
def test_it_is_a_sentence_with_and_without_its_details(type: str) -> None:
    for said in (told(type), told(type, "100%"), told(type, "", True), told(type, "%(value)s: {}", True)):
        assert said and type not in said
        assert not said.endswith(":")
    assert "%(" not in told(type) + told(type, "", True)


def test_details_and_their_withdrawal() -> None:
    assert told("ORDER_STATUS_CHANGED", "Done: all") == "Status: Done: all"
    assert told("ORDER_PAYED") == "Paid"
    assert told("PAYMENT_PAID", "Card", True) == "Payment taken back: Card"
    assert told("ORDER_CANCELED", undone=True) == "Cancellation withdrawn"


def test_a_type_without_words_is_told_by_its_code() -> None:
    assert told("SOMETHING_NEW", "x") == "SOMETHING_NEW"
