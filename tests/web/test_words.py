"""How a language says times, sizes and states."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.model import Channel, Status
from portal.web.words import Words, tidy
from tests.web.states import NOW, ticket

MOSCOW = ZoneInfo("Europe/Moscow")  # NOW is Monday, 23 November 2026, 14:03 there
RU, EN = Words("ru", MOSCOW), Words("en", MOSCOW)


@pytest.mark.parametrize(
    ("age", "ru", "en"),
    [
        (timedelta(seconds=-20), "только что", "just now"),
        (timedelta(seconds=59), "только что", "just now"),
        (timedelta(minutes=1), "1 минуту назад", "1 minute ago"),
        (timedelta(minutes=3), "3 минуты назад", "3 minutes ago"),
        (timedelta(minutes=11), "11 минут назад", "11 minutes ago"),
        (timedelta(minutes=21), "21 минуту назад", "21 minutes ago"),
        (timedelta(minutes=59, seconds=59), "59 минут назад", "59 minutes ago"),
        (timedelta(hours=2), "2 часа назад", "2 hours ago"),
        (timedelta(hours=14), "14 часов назад", "14 hours ago"),
        (timedelta(hours=14, minutes=4), "вчера", "yesterday"),
        (timedelta(hours=38, minutes=4), "21 ноя", "21 Nov"),
        (timedelta(days=200), "7 мая", "7 May"),
        (timedelta(days=365), "23 ноя 2025", "23 Nov 2025"),
    ],
)
def test_how_long_ago(age: timedelta, ru: str, en: str) -> None:
    assert RU.ago(NOW - age, NOW) == ru
    assert EN.ago(NOW - age, NOW) == en


def test_last_night_is_some_hours_ago_right_after_midnight() -> None:
    midnight = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)  # 00:30 in Moscow
    assert RU.ago(midnight - timedelta(hours=5), midnight) == "5 часов назад"
    assert RU.ago(midnight - timedelta(hours=6), midnight) == "вчера"


def test_a_time_is_written_by_the_shops_clock_and_read_by_machines() -> None:
    assert RU.time_ago(NOW - timedelta(hours=2), NOW) == (
        '<time datetime="2026-11-23T12:03:00+03:00" title="23 ноября 2026, 12:03 UTC+3" data-ago>2 часа назад</time>'
    )
    assert EN.time_day(datetime(2026, 1, 2, 6, 5, tzinfo=UTC), NOW) == (
        '<time datetime="2026-01-02T09:05:00+03:00" title="2 January 2026, 09:05 UTC+3">2 Jan, 09:05</time>'
    )


def test_a_clock_of_another_day_says_the_day() -> None:
    assert RU.clock(NOW, NOW) == "14:03"
    assert RU.clock(NOW - timedelta(days=1), NOW) == "22 ноя, 14:03"
    assert Words("en", ZoneInfo("Asia/Vladivostok")).clock(NOW, NOW + timedelta(hours=4)) == "23 Nov, 21:03"


@pytest.mark.parametrize(
    ("size", "ru", "en"),
    [(0, "0 байт", "0 bytes"), (1, "1 байт", "1 byte"), (2, "2 байта", "2 bytes"), (840_400, "840 КБ", "840 KB"),
     (1_240_000, "1,2 МБ", "1.2 MB"), (5_000_000, "5 МБ", "5 MB"), (999_999, "1000 КБ", "1000 KB")],
)  # fmt: skip
def test_sizes(size: int, ru: str, en: str) -> None:
    assert (RU.size(size), EN.size(size)) == (ru, en)


def test_every_state_has_its_word_and_an_unknown_one_the_help_desks() -> None:
    assert [RU.status(ticket(1, status=status)) for status in Status] == [
        "Принято", "В работе", "Ждёт вашего ответа", "Закрыто", "На складе",
    ]  # fmt: skip
    assert EN.status(ticket(1, status=Status.OTHER, status_name="In\u202e stock\n")) == "In stock"
    assert EN.status(ticket(1, status=Status.OTHER, status_name="")) == "In progress"


def test_every_way_in_has_its_words() -> None:
    assert [RU.channel(channel) for channel in Channel] == [
        "по почте",
        "по телефону",
        "с сайта",
        "в чате",
        "отсюда",
        "",
    ]
    assert [EN.channel(channel) for channel in Channel] == ["by e-mail", "by phone", "from the site", "in the chat", "from this page", ""]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"), [("a.pdf", "PDF"), ("a.tar.gz", "GZ"), ("photo", ""), ("a.приложение", ""), ("a.verylong", "")]
)
def test_the_type_of_a_file_is_told_by_its_name(name: str, kind: str) -> None:
    assert RU.kind(name) == kind


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Где моя посылка?", "Где моя посылка?"),
        ("  a \r\n\t b\u00a0c\u2003d  ", "a b c d"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\u200bd\u200dm\u2060i\ufeffn", "admin"),
        ("a\x00b\x1b[31mc\x7f\u0085d", "ab[31mc d"),
        ("\u2066\u2069", ""),
        ("\ud800x", "x"),
    ],
)
def test_foreign_lines_lose_what_cannot_be_seen(foreign: str, shown: str) -> None:
    assert tidy(foreign) == shown
