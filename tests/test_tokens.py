"""A token is good for one purpose, one audience, a while, and under keys we still hold."""

from __future__ import annotations

import pytest

from portal.tokens import Tokens

OLD, NEW = "old-key-old-key-old", "new-key-new-key-new"


def test_a_token_gives_back_what_it_carries() -> None:
    tokens = Tokens([NEW])
    assert tokens.read("email-proof", "7", tokens.sign("email-proof", "7", "anna@shop.example"), 60) == (
        "anna@shop.example",
    )


def test_a_token_is_worthless_for_another_purpose_audience_or_key() -> None:
    token = Tokens([NEW]).sign("email-proof", "7", "anna@shop.example")
    assert Tokens([NEW]).read("form", "7", token, 60) is None
    assert Tokens([NEW]).read("email-proof", "77", token, 60) is None
    assert Tokens([OLD]).read("email-proof", "7", token, 60) is None


def test_a_token_tells_whose_it_is_to_a_door_that_asks() -> None:
    token = Tokens([NEW]).sign("orders", "7", {"a": 1})
    assert Tokens([NEW]).open("orders", token, 60) == ("7", {"a": 1})
    assert Tokens([NEW]).open("orders", token, -1) is None
    assert Tokens([NEW]).open("widget", token, 60) is None
    assert Tokens([OLD]).open("orders", token, 60) is None


def test_keys_rotate_the_newest_signs_and_all_verify() -> None:
    token = Tokens([OLD]).sign("form", "7", 1)
    assert Tokens([NEW, OLD]).read("form", "7", token, 60) == (1,)
    assert Tokens([OLD]).read("form", "7", Tokens([NEW, OLD]).sign("form", "7", 1), 60) is None


def test_a_token_expires() -> None:
    tokens = Tokens([NEW])
    assert tokens.read("form", "7", tokens.sign("form", "7"), -1) is None


@pytest.mark.parametrize("broken", ["", ".", "a.b.c", "x" * 1_000_000, "é", "\x00", "e30.Zg.AAAA"])
def test_what_is_no_token_is_refused(broken: str) -> None:
    assert Tokens([NEW]).read("form", "7", broken, 60) is None
    assert Tokens([NEW]).open("form", broken, 60) is None


@pytest.mark.parametrize("around", ["{}=", " {}", "{} ", "{}\n", "{}.", "{}%20"])
def test_a_token_has_no_padding(around: str) -> None:
    tokens = Tokens([NEW])
    token = tokens.sign("orders", "7")
    assert tokens.read("orders", "7", token, 60) == (None,)
    assert tokens.read("orders", "7", around.format(token), 60) is None


def test_a_changed_letter_is_refused() -> None:
    tokens = Tokens([NEW])
    token = tokens.sign("form", "7", {"a": 1})
    for place in range(0, len(token) - 1):
        other = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert tokens.read("form", "7", other, 60) is None, place
