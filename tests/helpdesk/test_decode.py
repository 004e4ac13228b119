"""Every oddity of the help desk's values."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.errors import HelpdeskGarbled
from portal.helpdesk import decode
from portal.model import Channel

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize("empty", [[], {}, None, "", False])
def test_an_empty_list_is_empty_however_it_is_written(empty: Any) -> None:
    assert decode.rows(empty) == []


def test_a_list_may_be_a_map_and_keeps_the_order_of_the_text() -> None:
    assert [row["id"] for row in decode.rows({"10": {"id": 10}, "9": {"id": 9}, "11": {"id": 11}})] == [10, 9, 11]
    assert decode.rows([{"id": 1}, "noise", None]) == [{"id": 1}]


@pytest.mark.parametrize("wrong", ["a page", 7, True])
def test_a_list_that_is_none_is_garbled(wrong: Any) -> None:
    with pytest.raises(HelpdeskGarbled):
        decode.rows(wrong)


def test_one_object_may_come_in_an_array_or_under_its_id() -> None:
    assert decode.one([{"id": 1}]) == decode.one({"id": 1}) == {"id": 1}
    assert decode.one({"1": {"id": 1}}) == decode.one([{"1": {"id": 1}}]) == {"id": 1}
    for wrong in ([], [{}, {}], {"1": "text"}, {"error": []}, "text", None):
        with pytest.raises(HelpdeskGarbled):
            decode.one(wrong)


def test_a_row_that_makes_no_sense_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert decode.each([{"id": "1"}, {"id": "secret"}, {}], lambda row: decode.number(row["id"]), "tickets") == (1,)
    assert "2 tickets" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20 13:05:00", "2026-11-20 10:05"),
        ("13:05:00 20.11.2026", "2026-11-20 10:05"),
        ("20.11.2026 13:05", "2026-11-20 10:05"),
        ("2026-11-20T13:05:00Z", "2026-11-20 13:05"),
        ("2026-11-20T13:05:00+05:00", "2026-11-20 08:05"),
    ],
)
def test_three_formats_are_in_the_accounts_zone_and_iso_in_its_own(text: str, utc: str) -> None:
    assert decode.moment(text, MOSCOW) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "nothing", [None, "", "null", "soon", "0000-00-00 00:00:00", "99:99:99 20.11.2026", {}, [], 1.5]
)
def test_what_is_no_time_is_none(nothing: Any) -> None:
    assert decode.moment_or_none(nothing, MOSCOW) is None
    with pytest.raises(ValueError):
        decode.moment(nothing, MOSCOW)


@pytest.mark.parametrize("wrong", [True, 0, -1, "", "null", "1.0", 1.0, "１２", " 7", 2**63, "9" * 5000, None, [7]])
def test_an_id_is_a_positive_number_or_its_digits(wrong: Any) -> None:
    assert decode.number("7") == decode.number(7) == 7
    with pytest.raises(ValueError):
        decode.number(wrong)


@pytest.mark.parametrize(
    ("value", "count"),
    [("2", 2), (85, 85), ("many", 0), (None, 0), (-1, 0), (10**40, decode.MAX_ID), (float("inf"), 0)],
)
def test_a_total_may_be_a_string_and_is_never_absurd(value: Any, count: int) -> None:
    assert decode.count(value) == count


def test_null_may_be_written_out_and_names_are_capped() -> None:
    assert decode.words("null") == decode.words(None) == decode.words({"a": 1}) == decode.words(True) == ""
    assert decode.words(20) == "20"
    assert len(decode.words("я" * 1000)) == 255


def test_half_a_surrogate_pair_can_be_written_down() -> None:
    assert decode.words("a\ud800б").encode() and decode.html("<p>\udfffя</p>").encode()


@pytest.mark.parametrize(
    ("value", "name"),
    [("Открыто", "Открыто"), ({"ru": "Открыто", "en": "Open"}, "Открыто"), ({"en": "Open", "ua": "Відкрито"}, "Open"),
     ({"ua": "Відкрито"}, "Відкрито"), ({}, ""), (None, ""), ({"ru": None, "en": "null"}, "")],
)  # fmt: skip
def test_a_name_is_a_text_or_a_map_of_languages(value: Any, name: str) -> None:
    assert decode.name(value, "ru") == name


@pytest.mark.parametrize(
    ("said", "channel"),
    [("email", Channel.EMAIL), ("E-Mail", Channel.EMAIL), ("call", Channel.PHONE), ("phone", Channel.PHONE),
     ("Telegram", Channel.CHAT), ("WhatsApp", Channel.CHAT), ("chat", Channel.CHAT), ("widget", Channel.SITE),
     ("web", Channel.SITE), ("api", Channel.PORTAL), ("portal", Channel.PORTAL), ("pigeon", Channel.OTHER),
     (None, Channel.OTHER), ({}, Channel.OTHER)],
)  # fmt: skip
def test_channels_are_known_by_what_they_are_called(said: Any, channel: Channel) -> None:
    assert decode.channel(said) is channel


def test_a_list_without_pagination_is_its_only_page() -> None:
    assert decode.pages({"data": []}, 1, 3) == (1, 3)
    assert decode.pages({"pagination": {"total": "61", "total_pages": "3"}}, 1, 30) == (3, 61)
    assert decode.pages({"pagination": {"total": [], "total_pages": None}}, 2, 4) == (1, 4)
