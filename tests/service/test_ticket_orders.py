"""Somebody else's order is never linked and never shown, whatever is written; the operator's word stands."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from portal.app import _letters
from portal.bitrix import tables
from portal.database import Unit
from portal.errors import NotFound
from portal.helpdesk.client import Client
from portal.model import Channel, Status, Ticket
from portal.service import ticket_orders
from portal.service.order_numbers import Where
from portal.service.ticket_order_notes import KINDS, TicketOrderNotes
from portal.service.ticket_orders import About, TicketOrders, Whose
from portal.store import order_tickets, outbox
from portal.tokens import Tokens
from tests.stage import ANNA, BORIS, Stage, stage
from tests.web.states import make_pages

CLARA = 9
WHO = (ANNA, BORIS, CLARA)


class Shop:
    """The stage with orders, and one ticket of Anna's."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.run = made.databases.run_here
        self.orders = TicketOrders(made.settings, made.databases.read_here(tables.inspect))

    def clear(self) -> None:
        for table in ("b_sale_order", "custom_hde_order_ticket", "custom_hde_order_word", "custom_hde_outbox"):
            self.stage.execute(f"DELETE FROM {table}")

    def has(self, *orders: tuple[int, int, str]) -> None:
        for order, user, number in orders:
            self.stage.execute(
                "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, "
                f"DATE_INSERT, DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({order}, 's1', 1, 'N', NOW(), 1, 'RUB', {user}, "
                f"NOW(), NOW(), '{number}')"
            )

    def reads(self, text: str, *own: int, where: Where = Where.TEXT, probable: tuple[int, ...] = ()) -> None:
        self.run(self.orders.read, TICKET, [(where, text)], Whose(own, (), probable))

    def states(self) -> dict[int, str]:
        return {about.order_id: about.state for about in self.about()}

    def about(self) -> tuple[About, ...]:
        return self.run(self.orders.about, TICKET.id)

    def field(self, order: int) -> str:
        rows = self.stage.execute(f"SELECT UF_HDE_TICKETS FROM b_uts_order WHERE VALUE_ID = {order}")
        return str(rows[0][0]) if rows else ""


NOW = datetime(2026, 11, 25, tzinfo=UTC)
TICKET = Ticket(41, "10482", "", Status.RECEIVED, "", 900, "anna@shop.example", Channel.EMAIL, NOW, NOW)


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path) as made:
        yield Shop(made)


def shown(client: TestClient[Any], user: int) -> dict[int, list[int]]:
    """What the order pull tells a customer by his own token: the tickets of each order."""
    token = Tokens(["a-key-for-tests-only"]).sign("orders", str(user), None)
    answer = client.get(f"/api/orders/?user_id={user}&token={token}").json()
    return {order["id"]: order["tickets"] for order in answer.get("orders", ())}


TEMPLATES = ("{}", "A-{}", "А-{}", "a-{}", "{}/2", "WEB-2026-{}", "ИМ{}", "AB{}", "АВ{}")
NUMBERS = st.builds(str.format, st.sampled_from(TEMPLATES), st.sampled_from(("1007", "1008", "100700")))
ORDERS = st.lists(
    st.tuples(st.sampled_from(WHO), NUMBERS), min_size=1, max_size=7, unique_by=lambda one: one[1].upper()
)
AROUND = st.sampled_from(("заказ {} где", "order #{}", "№ {}", "{}", "заказы {}, {}", "цена {} руб", "тел {}", "> {}"))
TEXTS = st.lists(st.tuples(AROUND, NUMBERS, NUMBERS), min_size=1, max_size=5).map(
    lambda parts: "\n".join(around.format(one, two) for around, one, two in parts)
)


def others_are_safe(
    shop: Shop, client: TestClient[Any], orders: list[tuple[int, str]], said: list[tuple[Where, str]]
) -> None:
    shop.clear()
    shop.has(*((number, user, name) for number, (user, name) in enumerate(orders, 1)))
    owners = {number: user for number, (user, _) in enumerate(orders, 1)}
    for own in ((ANNA,), (BORIS,), ()):  # it is moved, and then nobody knows whose it is
        shop.run(shop.orders.read, TICKET, said, Whose(own, (), (CLARA,)))
        for about in shop.about():
            assert about.user_id == owners[about.order_id]
            assert about.state != "linked" or about.user_id in own
            assert about.state == "foreign" or about.user_id in (*own, CLARA)
        for user in WHO[:2]:
            told = {order for order, tickets in shown(client, user).items() if tickets}
            assert all(owners[order] == user and user in own for order in told)


def test_somebody_elses_order_is_never_linked_and_never_shown(shop: Shop) -> None:
    linked = 0

    with shop.stage.client() as client:

        @example([(ANNA, "A-1007")], [(Where.TEXT, "order A-1007")])  # chance alone has been seen to link nothing
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(ORDERS, st.lists(st.tuples(st.sampled_from(Where), TEXTS), min_size=1, max_size=3))
        def holds(orders: list[tuple[int, str]], said: list[tuple[Where, str]]) -> None:
            nonlocal linked
            others_are_safe(shop, client, orders, said)
            shop.run(shop.orders.read, TICKET, said, Whose((ANNA,)))
            linked += "linked" in shop.states().values()

        holds()
    assert linked, "nothing was ever linked: it shows nothing"


def test_without_the_look_at_the_owner_it_is(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    tell = ticket_orders.order_tickets.tell

    def everybodys(unit: Any, ticket_id: int, number: str, own: Any, **more: Any) -> None:
        tell(unit, ticket_id, number, WHO, **more)

    monkeypatch.setattr(ticket_orders.order_tickets, "tell", everybodys)
    with shop.stage.client() as client, pytest.raises(AssertionError):
        others_are_safe(shop, client, [(BORIS, "A-1007")], [(Where.TEXT, "order A-1007")])


def test_whose_it_is_decides(shop: Shop) -> None:
    shop.has((1, ANNA, "A-1007"), (2, BORIS, "A-1008"), (3, CLARA, "A-1009"))
    shop.reads("заказы A-1007, A-1008, A-1009 и A-1010", ANNA, probable=(CLARA,))
    assert shop.states() == {1: "linked", 2: "foreign", 3: "suggested"}


def test_a_quotation_and_a_look_alike_of_two_are_suggested_alone(shop: Shop) -> None:
    shop.has((1, ANNA, "A-1007"), (2, ANNA, "А-1008"), (3, BORIS, "A-1008"))
    shop.reads("заказ A-1007", ANNA, where=Where.QUOTE)
    shop.reads("заказ A-1008", ANNA)
    assert shop.states() == {1: "suggested", 2: "suggested"}
    shop.reads("заказ A-1007", ANNA)
    assert shop.states() == {1: "linked", 2: "suggested"}


def test_many_digits_without_a_word_warn_of_nobodys_order(shop: Shop) -> None:
    shop.has((1, ANNA, "100701"), (2, BORIS, "100702"))
    shop.reads("вот: 100701 и ещё 100702", ANNA)
    assert shop.states() == {1: "linked"}


def test_an_operators_word_stands_whatever_is_written_afterwards(shop: Shop) -> None:
    shop.has((1, ANNA, "A-1007"), (2, ANNA, "A-1008"))
    shop.reads("order A-1007", ANNA)
    shop.run(shop.orders.unlink, "olga", TICKET.id, 1)
    shop.run(shop.orders.link, "olga", TICKET.id, 2)
    shop.reads("order A-1007", ANNA)
    assert [(one.order_id, one.state, one.how, one.author) for one in shop.about()] == [
        (1, "removed", "operator", "olga"),
        (2, "linked", "operator", "olga"),
    ]
    assert (shop.field(1), shop.field(2)) == ("", "10482 open")


def test_a_word_that_is_taken_back_leaves_what_was_there(shop: Shop) -> None:
    shop.has((1, ANNA, "A-1007"), (2, BORIS, "A-1008"), (3, ANNA, "A-1009"))
    shop.reads("orders A-1007 and A-1008", ANNA)
    ask = "SELECT * FROM custom_hde_order_ticket ORDER BY order_id"
    before = shop.stage.execute(ask)
    assert shop.run(shop.orders.unlink, "olga", TICKET.id, 1)
    for order in (1, 2, 3):
        assert shop.run(shop.orders.link, "olga", TICKET.id, order)
    assert not shop.run(shop.orders.link, "oleg", TICKET.id, 3)
    for order in (3, 2, 1, 1):
        shop.run(shop.orders.undo, "oleg", TICKET.id, order)
    for order in (1, 2, 3, 999):
        with pytest.raises(NotFound):
            shop.run(shop.orders.undo, "oleg", TICKET.id, order)
    assert shop.stage.execute(ask) == before
    assert (shop.field(2), shop.field(3)) == ("", "")


def test_what_an_operator_links_of_somebody_else_is_shown_to_no_customer(shop: Shop) -> None:
    shop.has((2, BORIS, "A-1008"))
    shop.run(shop.orders.link, "olga", TICKET.id, 2)
    shop.reads("hello", ANNA)
    assert shop.states() == {2: "linked"}
    with shop.stage.client() as client:
        assert shown(client, BORIS) == {2: []} and shown(client, ANNA) == {}


def test_there_is_no_such_order(shop: Shop) -> None:
    for act in (shop.orders.link, shop.orders.unlink):
        with pytest.raises(NotFound):
            shop.run(act, "olga", TICKET.id, 999)


def tell(shop: Shop) -> None:
    """Take the jobs that tell tickets of their orders."""

    async def told() -> None:
        client = Client(shop.stage.settings, shop.stage.databases)
        notes = TicketOrderNotes(shop.stage.settings, shop.stage.databases, client, _letters(make_pages()[0]))
        while job := shop.run(outbox.claim, KINDS, 60):
            await notes.tell(job)
        await client.close()

    asyncio.run(told())


def test_the_ticket_is_told_in_a_note_whenever_its_orders_change_and_of_nobody_elses(shop: Shop) -> None:
    shop.has((1, ANNA, "A-1007"), (2, BORIS, "A-1008"), (3, ANNA, "A-1009"))
    ticket = dataclasses.replace(TICKET, id=shop.stage.ticket(ANNA))

    def notes() -> list[str]:
        return [one.html for one in shop.stage.state.tickets[ticket.id].messages if one.internal]

    for text in ("hello", "orders A-1007 and A-1008", "order A-1007 again"):
        shop.run(shop.orders.read, ticket, [(Where.TEXT, text)], Whose((ANNA,)))
        tell(shop)
    assert len(notes()) == 1 and "A-1007" in notes()[0] and "A-1008" not in notes()[0]
    shop.run(shop.orders.link, "olga", ticket.id, 3)
    tell(shop)
    assert len(notes()) == 2 and "A-1009" in notes()[1]
    shop.run(shop.orders.undo, "olga", ticket.id, 3)
    shop.run(shop.orders.unlink, "olga", ticket.id, 1)
    tell(shop)
    assert len(notes()) == 3 and "A-" not in notes()[2]
    tell(shop)
    assert len(notes()) == 3


def test_a_linked_order_of_the_requesters_own_is_shown_to_her_at_once(shop: Shop) -> None:
    """And not at the ticket's next event."""
    shop.has((1, ANNA, "A-1007"))
    shop.stage.prove(ANNA)
    ticket = shop.stage.ticket(ANNA)
    with shop.stage.client(ANNA) as anna:
        anna.get("/personal/requests/")
    shop.run(shop.orders.link, "olga", ticket, 1)
    with shop.stage.client() as client:
        assert shown(client, ANNA) == {1: [ticket]}


def test_an_operators_word_is_not_lost_to_a_worker_who_finds_the_order_at_the_same_moment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.has((2, BORIS, "A-1008"))
    rows, raced = order_tickets.rows, []

    def late(unit: Unit, ticket_id: int, order_id: int = 0, *, locked: bool = False) -> list[order_tickets.Row]:
        found = rows(unit, ticket_id, order_id, locked=locked)
        if locked and not raced:
            raced.append(1)
            order_tickets.put(unit, 2, ticket_id, BORIS, "A-1008", "text", state="foreign", kin=False)
        return found

    monkeypatch.setattr(order_tickets, "rows", late)
    assert shop.run(shop.orders.link, "olga", TICKET.id, 2)
    assert [(one.state, one.how, one.author) for one in shop.about()] == [("linked", "operator", "olga")]
    shop.run(shop.orders.undo, "olga", TICKET.id, 2)
    assert [(one.state, one.how) for one in shop.about()] == [("foreign", "text")]
