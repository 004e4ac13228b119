"""Which tickets are about which orders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.database import Databases
from portal.store import links, order_tickets
from portal.store.migrate import migrate

ANNA, BORIS = 7, 8


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


def test_tickets_of_orders_are_found_newest_first(databases: Databases) -> None:
    for order, ticket in ((1, 41), (1, 43), (2, 42), (3, 44)):
        assert databases.run_here(order_tickets.put, order, ticket, ANNA, f"А-{order}", "form")
    assert databases.read_here(order_tickets.of_orders, [1, 2, 9]) == {1: [43, 41], 2: [42]}
    assert databases.read_here(order_tickets.of_orders, []) == {}


def test_what_is_known_stays_as_it_was_written_first(databases: Databases) -> None:
    assert databases.run_here(order_tickets.put, 1, 41, ANNA, "А-1", "form")
    assert not databases.run_here(order_tickets.put, 1, 41, BORIS, "Б-1", "text")
    rows = databases.read_here(
        lambda unit: unit.state.exec_driver_sql("SELECT user_id, number, evidence FROM custom_hde_order_ticket").all()
    )
    assert rows == [(ANNA, "А-1".encode(), b"form")]


def test_a_ticket_has_the_owner_who_opened_it(databases: Databases) -> None:
    databases.run_here(links.own, 41, ANNA, 900, "form")
    assert databases.read_here(links.owner, 41) == links.Owner(ANNA, 900)
    assert databases.read_here(links.owner, 42) is None


def test_the_accounts_of_a_contact_are_told_with_what_they_may(databases: Databases) -> None:
    databases.run_here(links.add, ANNA, "anna@shop.example", "email-proof", [41])
    databases.run_here(links.add, BORIS, "anna@shop.example", "email-proof", [41, 42])
    databases.run_here(
        lambda unit: unit.state.exec_driver_sql(f"UPDATE custom_hde_user_map SET sees = 0 WHERE user_id = {BORIS}")
    )
    found = databases.read_here(links.of_contact, 41)
    assert {(each.user_id, each.email, each.sees) for each in found} == {
        (ANNA, "anna@shop.example", True),
        (BORIS, "anna@shop.example", False),
    }
