"""Whose orders are given: by account, and by ticket on what evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from portal.bitrix import tables
from portal.errors import NotFound
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.service.listing import Desk
from portal.service.orders import CHOICES, PAGE_SIZE, Orders, Pull
from portal.service.requests import GUESSES
from portal.store import links, order_tickets
from tests.stage import ANNA, BORIS, EMAILS, Stage, stage


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        put(made, 1, ANNA)
        put(made, 2, BORIS)
        yield made


@pytest.fixture
def shop_v1(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        put(made, 1, ANNA)
        put(made, 2, BORIS)
        yield made


def put(shop: Stage, id: int, user: int) -> None:
    shop.execute(
        "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE, "
        f"ACCOUNT_NUMBER) VALUES ({id}, 's1', 1, 'N', NOW(), 100, 'RUB', {user}, NOW(), NOW(), 'A-{id}')"
    )


def pull(shop: Stage, *, asking: int | None = None, times: int = 1, page: int = 1, **whose: int) -> Pull:
    """Ask as `asking`, None for the help desk; `times` in a row of the same process."""

    async def work() -> Pull:
        client = Client(shop.settings, shop.databases)
        desk = Desk(Cache(client, shop.databases, 60), shop.databases)
        orders = Orders(shop.settings, shop.databases.read_here(tables.inspect), desk)
        try:
            for _ in range(times - 1):
                with pytest.raises(NotFound):
                    await orders.of_ticket(whose["ticket_id"], page, asking)
            if "user_id" in whose:
                return await orders.of_user(whose["user_id"], page, asking)
            return await orders.of_ticket(whose["ticket_id"], page, asking)
        finally:
            await desk.cache.close()
            await client.close()

    return asyncio.run(work())


def whose(found: Pull) -> int:
    assert {order.id for order in found.orders} == {{ANNA: 1, BORIS: 2}[found.buyer.id]}
    return found.buyer.id


def contact_of(shop: Stage, ticket_id: int) -> int:
    return int(shop.state.tickets[ticket_id].user_id)


def test_an_account_has_its_orders(shop_v1: Stage) -> None:
    assert whose(pull(shop_v1, user_id=ANNA)) == ANNA
    assert whose(pull(shop_v1, user_id=BORIS, asking=BORIS)) == BORIS


def test_an_account_that_is_not_there_and_anothers_are_both_missing(shop_v1: Stage) -> None:
    for user_id, asking in ((999, None), (ANNA, BORIS), (999, BORIS)):
        with pytest.raises(NotFound):
            pull(shop_v1, user_id=user_id, asking=asking)


def test_an_account_that_is_switched_off_asks_for_nothing_more(shop_v1: Stage) -> None:
    shop_v1.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {ANNA}")
    with pytest.raises(NotFound):
        pull(shop_v1, user_id=ANNA, asking=ANNA)
    assert whose(pull(shop_v1, user_id=ANNA)) == ANNA, "the help desk may still have questions about its orders"


def test_pages_hold_twenty_and_one_beyond_is_empty(shop_v1: Stage) -> None:
    for id in range(100, 100 + PAGE_SIZE):
        put(shop_v1, id, ANNA)
    first, second, beyond = (pull(shop_v1, user_id=ANNA, page=page) for page in (1, 2, 3))
    assert [len(found.orders) for found in (first, second, beyond)] == [PAGE_SIZE, 1, 0]
    assert (beyond.page, beyond.pages, beyond.total) == (3, 2, PAGE_SIZE + 1)
    empty = pull(shop_v1, user_id=ANNA, page=10**9)
    assert empty.orders == ()


def test_a_ticket_opened_here_is_its_owners_until_it_is_given_to_somebody_else(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(BORIS)
    shop_v1.databases.run_here(links.own, ticket, ANNA, contact_of(shop_v1, ticket), "form")
    calls = shop_v1.calls()
    assert whose(pull(shop_v1, ticket_id=ticket, asking=ANNA)) == ANNA
    with pytest.raises(NotFound):
        pull(shop_v1, ticket_id=ticket, asking=BORIS)
    assert shop_v1.calls() == calls
    assert whose(pull(shop_v1, ticket_id=ticket)) == ANNA
    shop_v1.tell("operator/move", ticket_id=ticket, email="stranger@else.example")
    shop_v1.execute("DELETE FROM custom_hde_snapshot")
    with pytest.raises(NotFound):
        pull(shop_v1, ticket_id=ticket)


def test_a_ticket_is_the_account_that_has_proven_its_requester(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    shop.databases.run_here(links.add, ANNA, EMAILS[ANNA], "email-proof", [contact_of(shop, ticket)])
    assert whose(pull(shop, ticket_id=ticket)) == ANNA
    assert whose(pull(shop, ticket_id=ticket, asking=ANNA)) == ANNA
    with pytest.raises(NotFound):
        pull(shop, ticket_id=ticket, asking=BORIS)


def test_for_the_help_desk_the_address_says_enough(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    assert whose(pull(shop, ticket_id=ticket)) == ANNA


def test_for_a_customer_an_address_that_nobody_has_proven_says_nothing(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA)
    with pytest.raises(NotFound):
        pull(shop_v1, ticket_id=ticket, asking=ANNA)


def test_an_address_that_several_hold_is_nobodys(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA)
    shop_v1.databases.run_here(links.add, ANNA, EMAILS[ANNA], "email-proof", [contact_of(shop_v1, ticket)])
    assert whose(pull(shop_v1, ticket_id=ticket)) == ANNA
    shop_v1.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    for asking in (None, ANNA, BORIS):
        with pytest.raises(NotFound):
            pull(shop_v1, ticket_id=ticket, asking=asking)


def test_a_link_of_a_former_address_is_no_link(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA)
    shop_v1.databases.run_here(links.add, ANNA, EMAILS[ANNA], "email-proof", [contact_of(shop_v1, ticket)])
    shop_v1.execute(f"UPDATE b_user SET EMAIL = 'anna@elsewhere.example' WHERE ID = {ANNA}")
    with pytest.raises(NotFound):
        pull(shop_v1, ticket_id=ticket)


def test_a_contact_that_was_withdrawn_is_not_joined_by_its_address(shop_v1: Stage) -> None:
    ticket = shop_v1.ticket(ANNA)
    shop_v1.databases.run_here(links.add, ANNA, EMAILS[ANNA], "email-proof", [contact_of(shop_v1, ticket)])
    shop_v1.execute("UPDATE custom_hde_user_map SET sees = 0")
    with pytest.raises(NotFound):
        pull(shop_v1, ticket_id=ticket)


def test_a_ticket_of_a_stranger_and_one_that_is_not_there_are_missing(shop: Stage) -> None:
    stranger = int(shop.tell("customer/email", email="stranger@else.example", subject="?", text="?")["ticket_id"])
    for ticket in (stranger, 999_999):
        with pytest.raises(NotFound):
            pull(shop, ticket_id=ticket)


def test_a_customer_cannot_spend_the_budget_by_guessing(shop_v1: Stage) -> None:
    calls = shop_v1.calls()
    for times in (GUESSES, GUESSES + 5):
        before = shop_v1.calls()
        with pytest.raises(NotFound):
            pull(shop_v1, ticket_id=999_999, asking=ANNA, times=times)
        assert shop_v1.calls() - before <= GUESSES
    assert shop_v1.calls() > calls, "the positive control: the first ones are asked"


def test_tickets_stand_beside_the_orders_they_are_about(shop_v1: Stage) -> None:
    for ticket in (41, 42):
        assert shop_v1.databases.run_here(order_tickets.put, 1, ticket, ANNA, "A-1", "form")
    shop_v1.databases.run_here(order_tickets.put, 2, 43, BORIS, "A-2", "form")
    assert pull(shop_v1, user_id=ANNA).tickets == {1: [42, 41]}


@pytest.mark.parametrize("known", ["owner", "proven", "address"])
def test_eight_queries_are_enough_however_a_ticket_is_known(shop_v1: Stage, known: str) -> None:
    ticket = shop_v1.ticket(ANNA)
    contact = contact_of(shop_v1, ticket)
    if known == "owner":
        shop_v1.databases.run_here(links.own, ticket, ANNA, contact, "form")
    if known == "proven":
        shop_v1.databases.run_here(links.add, ANNA, EMAILS[ANNA], "email-proof", [contact])
    for id in range(100, 300):
        put(shop_v1, id, ANNA)
    pull(shop_v1, ticket_id=ticket)
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # What the help desk's cache keeps for itself is no question about orders.
        if "custom_hde_snapshot" not in statement and "information_schema" not in statement:
            seen.append(statement)

    event.listen(shop_v1.databases._shop_reads, "before_cursor_execute", note)
    assert pull(shop_v1, ticket_id=ticket).total == 201
    assert len(seen) == {"owner": 5, "proven": 7, "address": 7}[known], seen


def test_choices_are_his_newest(shop_v1: Stage) -> None:
    for id in range(100, 100 + CHOICES):
        put(shop_v1, id, ANNA)
    orders = Orders(shop_v1.settings, shop_v1.databases.read_here(tables.inspect), None)  # type: ignore[arg-type]
    offered = shop_v1.databases.read_here(orders.choices, ANNA)
    assert len(offered) == CHOICES and {order.id for order in offered} == set(range(100, 100 + CHOICES))
    assert shop_v1.databases.read_here(orders.own, ANNA, "A-1").id == 1  # type: ignore[union-attr]
    assert shop_v1.databases.read_here(orders.own, ANNA, "A-2") is None
