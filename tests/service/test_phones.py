"""What people type becomes a number that can be called, or nothing."""

from __future__ import annotations

import pytest

from portal.service.phones import e164


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("8 (900) 123-45-67 доб. 5", "+79001234567"),
        ("+7 900 123 45 67", "+79001234567"),
        ("9001234567", "+79001234567"),
        ("+375 29 123-45-67", "+375291234567"),
        ("+371 29123456", "+37129123456"),
        ("8 (900) 123-45", ""),
        ("+7 900 123 45 67, +7 901 222 33 44", ""),
        ("позвоните вечером", ""),
        ("0" * 300, ""),
        ("", ""),
    ],
)
def test_a_number_that_can_be_called_or_none(typed: str, number: str) -> None:
    assert e164(typed) == number
