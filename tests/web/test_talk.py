"""A conversation in the order of time, in parts, with what happened to the request and to its orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.service.beside import Beside
from portal.service.writing import Delivery
from portal.store.turns import Turn
from portal.web.talk import PART, Talk, parts, talk
from tests.web.states import NOW, conversation, message, order, written


def spoken(view: Any, beside: Beside | None = None, part: int = 1, new_from: Any = None) -> Talk:
    return talk(view, beside or Beside(), part, new_from)


def test_what_stayed_behind_stands_where_it_was_written_and_what_is_on_its_way_last() -> None:
    early = replace(written(2, delivery=Delivery.FAILED), written_at=message(2).created_at)
    going = replace(written(4), written_at=message(1).created_at)
    view = conversation(3, written=(early, going))
    found = spoken(view)
    said = [one.what for one in found.entries]
    assert said == [message(1), message(2), early, message(3)] and found.going == [going]


def test_a_long_conversation_comes_in_parts_from_the_newest_and_nothing_is_missing_or_twice() -> None:
    view = conversation(2 * PART + 7)
    assert parts(2 * PART + 7) == 3 and parts(0) == parts(PART) == 1
    shown = [spoken(view, part=part) for part in (3, 2, 1)]
    assert [len(one.entries) for one in shown] == [7, PART, PART] and [one.earlier for one in shown] == [0, 7, PART + 7]
    assert [entry.what for one in shown for entry in one.entries] == list(view.conversation.messages)


def test_a_turn_stands_in_the_part_of_its_time_and_once() -> None:
    view = conversation(2 * PART)
    middle = view.conversation.messages[PART - 1].created_at + timedelta(seconds=1)
    beside = Beside((Turn(middle, True, ""), Turn(NOW + timedelta(days=1), False, "")))
    first, second = (spoken(view, beside, part) for part in (1, 2))
    turns = [[entry.what.at for entry in one.entries if entry.kind == "turn"] for one in (second, first)]  # type: ignore[union-attr]
    assert turns == [[middle], [NOW + timedelta(days=1)]]


@pytest.mark.parametrize(("seen", "expected"), [(1, [2]), (2, [4]), (4, [])])
def test_what_the_shop_wrote_since_the_last_visit_begins_with_a_line(seen: int, expected: list[int]) -> None:
    """Even messages are the shop's."""
    view = conversation(4)
    found = spoken(view, new_from=message(seen).created_at)
    assert [entry.what.id for entry in found.entries if entry.is_new] == expected  # type: ignore[union-attr]


def test_to_who_has_seen_nothing_yet_nothing_is_marked() -> None:
    found = spoken(conversation(4), new_from=message(1).created_at - timedelta(days=1))
    assert found.new_at is None and not any(entry.is_new for entry in found.entries)


def test_of_an_order_what_happened_since_the_request_is_told_and_nothing_internal() -> None:
    one = order("en")
    change = one.history[0]
    opened = conversation(2).conversation.ticket.created_at
    history = (
        replace(change, at=opened - timedelta(hours=1)),
        replace(change, type="BASKET_ADDED"),
        replace(change, type="ORDER_DELIVERY_ALLOWED"),
        change,
    )
    found = spoken(conversation(2), Beside(orders=(replace(one, history=history),)))
    assert [entry.what.change for entry in found.entries if entry.kind == "order"] == [change]  # type: ignore[union-attr]
