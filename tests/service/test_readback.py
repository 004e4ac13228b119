"""What counts as our message when its answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.app import _letters
from portal.model import Message
from portal.service.readback import Sent, Trace, bare, look_for
from tests.web.states import make_pages

RENDER = _letters(make_pages()[0])
ANNA, IVAN = 41, 1
AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SENT = Sent("0123456789abcdef", "ok", ANNA, AT)


def message(html: str, number: int = 100, **more: object) -> Message:
    return replace(Message(number, ANNA, "Anna", False, html, AT + timedelta(seconds=2)), **more)  # type: ignore[arg-type]


def test_our_marker_makes_it_ours_whatever_else_is_there() -> None:
    ours = message('<p><div class="x portal-0123456789abcdef">ok</div></p>', 102)
    assert look_for(SENT, [message("<p>ok</p>", 101), ours], ()) == Trace(certain=ours)


def test_the_same_words_without_a_marker_are_a_doubt() -> None:
    stripped = message("<p>ok</p>")
    assert look_for(SENT, [stripped], ()) == Trace(doubtful=stripped)


@pytest.mark.parametrize(
    "other",
    [
        message("<p>ok</p>", 7),
        message('<div class="portal-ffffffffffffffff">ok</div>'),
        message("<p>okay</p>"),
        message("<p>ok</p>", author_id=IVAN),
        message("<p>ok</p>", from_staff=True),
        message("<p>ok</p>", created_at=AT - timedelta(hours=1)),
    ],
    ids=["another job made it", "another marker", "other words", "another author", "staff", "long before"],
)
def test_anything_else_is_none_of_ours(other: Message) -> None:
    assert look_for(SENT, [other], {7}) == Trace()


@given(st.text(max_size=200))
def test_the_words_survive_our_own_template_and_a_help_desk_that_strips_tags(text: str) -> None:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    sent = RENDER("desk/message.html", "ru", {"mark": "0123456789abcdef", "text": text})
    stripped = sent.replace('<div class="portal-0123456789abcdef">', "<p>").replace("</div>", "</p>")
    found = look_for(replace(SENT, text=text), [message(stripped)], ())
    assert found.doubtful is not None
    assert look_for(replace(SENT, text=text), [message(sent)], ()).certain is not None


@given(st.integers(0, 60))
def test_many_open_brackets_take_no_time(power: int) -> None:
    assert bare("<" * power * 1000) == "<" * power * 1000
