"""Texts that were spoilt on the way from cp1251 are read again; whole ones stay as they are."""

import pytest

from portal.web.mended import mended
from portal.web.panel_words import said

WHOLE = ["Анна", "Рёв", "РОССИЯ", "СЁМГА", "Р», С», Ё", "Київ, вул. Сагайдачного", "Ђорђе Петровић", "ООО «Рога»", "Р° и С‚", "naïve café",
         "Р°", "А-1007 № 5", "", "Российские ёлочки — 3 шт.", "РЖД®", "Ґудзик Ярославъ", "СССР°°"]  # fmt: skip


def spoilt(text: str) -> str:
    """What a shop shows that reads the bytes of UTF-8 as cp1251."""
    return (
        b"".join(text.encode()[i : i + 1] for i in range(len(text.encode())))
        .decode("cp1251", "surrogateescape")
        .replace("\udc98", "\x98")
    )


@pytest.mark.parametrize(
    "meant", ["Анна", "Ян", "Иван Ильич", "ёлка", "Кружка «Рассвет», 2 шт. — №5", "Ещё", "Tea для мам", "Её Её"]
)
def test_a_spoilt_name_is_shown_as_it_was_meant(meant: str) -> None:
    assert spoilt(meant) != meant
    assert mended(spoilt(meant)) == meant
    assert said(spoilt(meant)) == meant


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_text_stays_as_it_is(text: str) -> None:
    assert mended(text) == text


def test_the_issue_s_own_example_is_read() -> None:
    assert mended("РђРЅРЅР°") == "Анна"


def test_half_a_spoilt_text_is_left_alone() -> None:
    assert mended("РђРЅРЅР° и Пётр") == "РђРЅРЅР° и Пётр"
