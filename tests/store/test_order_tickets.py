"""Which tickets are about which orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from portal.database import Databases, Unit
from portal.model import Contact
from portal.store import links, order_tickets, profiles
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


@pytest.mark.parametrize("foreign", ["ж" * 100, "😀" * 300, "a" + "ж" * 40, "a" * 63 + "ж"])
def test_a_long_foreign_text_is_cut_between_its_letters(databases: Databases, foreign: str) -> None:
    """A number, a name, a phone: what stands in the table can be read again."""

    def kept(unit: Unit) -> tuple[str, str, str]:
        order_tickets.put(unit, 1, 10, ANNA, "A-1", "text")
        order_tickets.tell(unit, 10, foreign, ANNA, closed=False)
        contact = Contact(41, "who@else.example", foreign, phone=foreign)
        assert profiles.put(unit, contact)
        assert not profiles.put(unit, replace(contact, id=42, email=f"{'x' * 300}@else.example"))
        name, phone = unit.state.execute(text("SELECT name, phone FROM custom_hde_profile")).one()
        return order_tickets.standings(unit, [1])[0].ticket, name, bytes(phone).decode()

    number, name, phone = databases.run_here(kept)
    assert foreign.startswith(number) and 60 <= len(number.encode()) <= 64
    assert foreign.startswith(name) and len(name) == min(255, len(foreign))
    assert foreign.startswith(phone) and 29 <= len(phone.encode()) <= 32
