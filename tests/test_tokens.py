"""A token is good for one purpose, one audience, a while, and under keys we still hold."""

from __future__ import annotations

import base64
import hmac
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from portal.tokens import Purpose, Tokens

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


def test_the_readme_names_every_purpose_and_no_other() -> None:
    """Whoever looks after the keys reads there what they sign."""
    table = (
        (Path(__file__).parent.parent / "README.md")
        .read_text("utf-8")
        .partition("## What is signed")[2]
        .partition("\n## ")[0]
    )
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(get_args(Purpose))


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


@pytest.mark.parametrize("spoil", ["{}=", "{}==", " {}", "{}\n", "{}é", "{}%3D", "{}."])
def test_a_padded_token_is_refused(spoil: str) -> None:
    tokens = Tokens([NEW])
    token = tokens.sign("form", "7", [1])
    assert tokens.read("form", "7", token, 60) == ([1],) and tokens.open_dated("form", token)
    assert tokens.read("form", "7", spoil.format(token), 60) is None
    assert tokens.open_dated("form", spoil.format(token)) is None


def test_a_long_value_is_compressed_and_still_read() -> None:
    tokens = Tokens([NEW])
    token = tokens.sign("form", "7", "a" * 1000)
    assert token.startswith(".") and tokens.read("form", "7", token, 60) == ("a" * 1000,)


def test_a_dated_token_says_when_it_was_signed_and_is_bound_like_any_other() -> None:
    tokens = Tokens([NEW, OLD])
    before = datetime.now(UTC).replace(microsecond=0)
    found = tokens.open_dated("widget", tokens.sign("widget", "7", "x"))
    assert found and found[:2] == ("7", "x") and before <= found[2] <= datetime.now(UTC)
    assert tokens.open_dated("widget", Tokens([OLD]).sign("widget", "7", 1))
    for other in (tokens.sign("form", "7", 1), Tokens(["x" * 16]).sign("widget", "7")):
        assert tokens.open_dated("widget", other) is None


def test_a_derived_key_is_the_newest_keys_own_for_one_purpose() -> None:
    key = Tokens([NEW, OLD]).derived_key("widget")
    assert key == hmac.digest(NEW.encode(), b"portal.widget", "sha256")
    assert key not in {Tokens([NEW]).derived_key("form"), Tokens([OLD]).derived_key("widget")}


def test_whoever_holds_a_derived_key_signs_for_its_purpose_and_nothing_else() -> None:
    key = Tokens([NEW]).derived_key("widget")

    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    signed = part(b'["7","x"]') + b"." + part(int(time.time()).to_bytes(4, "big"))
    token = (signed + b"." + part(hmac.digest(key, signed, "sha256"))).decode()
    assert Tokens([NEW]).read("widget", "7", token, 60) == ("x",)
    assert Tokens([NEW]).read("form", "7", token, 60) is None
