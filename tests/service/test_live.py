"""Who is told that something has changed: those whom it concerns, once, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from portal.model import Customer
from portal.service.live import Streams
from portal.service.sight import Person, Sight
from portal.store.snapshots import Forgotten

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def person(user: int, *contacts: int, own: Mapping[int, int] | None = None) -> Person:
    return Person(Customer(user, "x", "x@shop.example", "X"), Sight.PROVEN, frozenset(contacts), own=own or {})


def listed(contact: int, at: datetime = NOW) -> Forgotten:
    return Forgotten("tickets", f"{contact}:1", at)


def test_a_change_in_somebodys_list_is_told_to_his_streams_and_to_nobody_elses() -> None:
    streams = Streams()
    anna, boris = streams.open(person(7, 41)), streams.open(person(8, 42))
    assert anna and boris
    streams.hear([listed(41)])
    assert anna.changed.is_set() and not boris.changed.is_set()


def test_what_is_heard_again_is_told_once() -> None:
    streams = Streams()
    anna = streams.open(person(7, 41))
    assert anna
    streams.hear([listed(41)])
    anna.changed.clear()
    streams.hear([listed(41)])
    assert not anna.changed.is_set()
    streams.hear([listed(41, NOW + timedelta(seconds=1))])
    assert anna.changed.is_set()


def test_of_a_contact_that_is_not_his_only_his_own_tickets_are_told() -> None:
    streams = Streams()
    anna = streams.open(person(7, 41, own={10: 99}))
    assert anna
    streams.hear([listed(99), Forgotten("conversation", "11", NOW)])
    assert not anna.changed.is_set()
    streams.hear([Forgotten("conversation", "10", NOW)])
    assert anna.changed.is_set()


def test_what_he_may_see_no_more_is_told_no_more() -> None:
    streams = Streams()
    who = person(7, 41)
    anna = streams.open(who)
    assert anna
    streams.follow(anna, replace(who, contacts=frozenset()))
    streams.hear([listed(41)])
    assert not anna.changed.is_set()


def test_there_are_so_many_of_a_customer_and_of_a_process() -> None:
    streams = Streams(most=4, each=2)
    first, second, third = (streams.open(person(7, 41)) for _ in range(3))
    assert first and second and third and first.ended and not second.ended
    assert streams.open(person(8, 42)) and streams.open(person(9, 43)) is None
    first.close()
    assert streams.open(person(9, 43)), "its place is free again"


def test_a_closed_stream_leaves_nothing_behind() -> None:
    streams = Streams()
    for _ in range(3):
        stream = streams.open(person(7, 41, own={10: 99}))
        assert stream
        stream.close()
    assert len(streams) == 0 and not streams._by_key and not streams._of


def test_when_the_process_ends_every_stream_wakes_and_none_is_opened() -> None:
    streams = Streams()
    anna = streams.open(person(7, 41))
    assert anna
    streams.close()
    assert anna.changed.is_set() and not anna.ended and streams.open(person(8, 42)) is None


def test_a_burst_of_streams_leaves_no_more_than_a_customer_may_have() -> None:
    """They are closed by those who hold them, a moment later."""
    streams = Streams(most=100, each=4)
    opened = [streams.open(person(7, 41)) for _ in range(20)]
    assert sum(stream is not None and not stream.ended for stream in opened) == 4
