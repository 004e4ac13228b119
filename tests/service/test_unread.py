"""What is new to a customer, and what he has seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.database import Databases
from portal.model import Channel, Customer, Status, Ticket
from portal.service.sight import Person, Sight
from portal.service.unread import BEFORE_FIRST, new_of
from portal.store import links, visits
from portal.store.migrate import migrate
from portal.store.visits import REMEMBERED, Seen

ANNA = 7
NOW = datetime.now(UTC).replace(microsecond=0)
TICKET = Ticket(
    1, "1", "Where is it?", Status.WAITING, "", 41, "", Channel.EMAIL, NOW - timedelta(days=90), NOW - timedelta(days=1)
)


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    made = Databases(database_url)
    migrate(made)
    yield made
    made.close()


def is_new(who: Person, ticket: Ticket) -> bool:
    return new_of(who, [ticket]) == {ticket.id}


def person(seen: Seen) -> Person:
    return Person(Customer(ANNA, "anna", "anna@shop.example", "Anna"), Sight.PROVEN, seen=seen)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(Status.WAITING, True), (Status.CLOSED, True), (Status.OTHER, True), (Status.IN_PROGRESS, False), (Status.RECEIVED, False)],
)  # fmt: skip
def test_only_what_the_shop_has_done_is_new(status: Status, expected: bool) -> None:
    assert is_new(person(Seen(NOW - timedelta(days=30))), replace(TICKET, status=status)) is expected


def test_what_he_has_seen_is_not_new_until_something_happens_after_it() -> None:
    seen = Seen(NOW - timedelta(days=30), {1: TICKET.updated_at})
    assert not is_new(person(seen), TICKET)
    later = replace(TICKET, last_reply_at=TICKET.updated_at + timedelta(seconds=1))
    assert is_new(person(seen), later)
    assert new_of(person(seen), [TICKET, replace(later, id=2)]) == {2}


def test_before_his_first_visit_two_weeks_are_new_and_no_more() -> None:
    assert is_new(person(Seen()), TICKET)
    assert not is_new(person(Seen()), replace(TICKET, updated_at=NOW - BEFORE_FIRST - timedelta(hours=1)))


def test_visits_are_kept_by_account_and_never_go_back(databases: Databases) -> None:
    first, seen = NOW - timedelta(days=14), NOW - timedelta(days=1)
    databases.run_here(visits.begin, ANNA, first)
    databases.run_here(visits.begin, ANNA, NOW)
    databases.run_here(visits.note, ANNA, 1, seen)
    databases.run_here(visits.note, ANNA, 1, seen - timedelta(hours=1))
    databases.run_here(visits.note, 8, 2, NOW)
    found = databases.read_here(links.of, ANNA)
    assert (found.seen.since, found.seen.tickets) == (first, {1: seen})
    assert (found.links, found.tickets) == ([], {})


def test_of_very_many_visits_the_newest_are_looked_at_and_nothing_old_becomes_new(databases: Databases) -> None:
    databases.run_here(visits.begin, ANNA, NOW - timedelta(days=900))

    def all_of_them(unit: object) -> None:
        for number in range(1, REMEMBERED + 11):
            visits.note(unit, ANNA, number, NOW - timedelta(minutes=number))  # type: ignore[arg-type]

    databases.run_here(all_of_them)
    seen = databases.read_here(links.of, ANNA).seen
    assert seen.since == NOW - timedelta(days=900)
    assert len(seen.tickets) == REMEMBERED - 1
    oldest = replace(TICKET, id=REMEMBERED + 10, updated_at=NOW - timedelta(minutes=REMEMBERED + 10))
    assert not is_new(person(seen), oldest)
