"""The operator's sheet and his search, with the whole product behind: Anna asks, Boris's things are not hers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from portal.bitrix import tables
from portal.errors import NotFound
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import Contact, Copy, TicketPage
from portal.service import panel_read, traces
from portal.service.identity import Identity
from portal.service.listing import Desk
from portal.service.order_numbers import Where
from portal.service.panel import Face, News, Panel, Sheet, Subject, _with_requests
from portal.service.ticket_orders import TicketOrders, Whose
from portal.store import lanes, links, order_tickets, profiles
from portal.store import traces as kept
from portal.store.lanes import Lane
from portal.store.traces import Trace
from tests.stage import ANNA, BORIS, EMAILS, Stage, stage
from tests.web.states import NOW, ticket

T = TypeVar("T")
NAMELESS = 555


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        put(made, 1, ANNA)
        put(made, 2, BORIS)
        made.prove(ANNA)
        yield made


def put(shop: Stage, id: int, user: int) -> None:
    shop.execute(
        "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE, "
        f"ACCOUNT_NUMBER) VALUES ({id}, 's1', 1, 'N', NOW(), 100, 'RUB', {user}, NOW(), NOW(), 'A-{id}')"
    )


def ask(shop: Stage, work: Callable[[Panel], Coroutine[Any, Any, T]], **settings: object) -> T:
    """What a panel of a process that has just started answers."""

    async def asked() -> T:
        told = shop.settings_with(**settings)
        client = Client(told, shop.databases)
        desk = Desk(Cache(client, shop.databases, 60), shop.databases)
        shape = shop.databases.read_here(tables.inspect)
        try:
            return await work(Panel(told, shape, desk, Identity(told, shape), TicketOrders(told, shape)))
        finally:
            await desk.cache.close()
            await client.close()

    return asyncio.run(asked())


def sheet(shop: Stage, page: int = 1, **subject: int) -> Sheet:
    return ask(shop, lambda panel: panel.sheet(Subject(**subject), page))


def test_a_ticket_shows_who_wrote_it_with_her_orders_and_other_requests(shop: Stage) -> None:
    ticket, other = shop.ticket(ANNA), shop.ticket(ANNA, "Exchange, please")
    shop.ticket(BORIS, "Not hers")
    shop.databases.run_here(order_tickets.put, 1, ticket, ANNA, "", "chosen")
    seen = sheet(shop, ticket_id=ticket)
    assert seen.face is Face.PERSON and seen.who and seen.who.name == "Anna" and seen.news is News.FRESH
    assert next(reach for reach in seen.who.emails if reach.value == EMAILS[ANNA]).sure
    assert [order.number for order in seen.orders] == ["A-1"] and seen.worth.orders == 1
    assert [(one.number, one.state) for one in seen.about] == [("A-1", "linked")] and seen.about[0].order
    assert [one.id for one in seen.requests] == [other] and seen.requests_total == 1
    assert {one.what for one in seen.timeline} == {"ordered", "opened"}
    assert ("account", ANNA) in seen.whom and ("account", BORIS) not in seen.whom
    assert seen.tickets_of == {1: [ticket]}


def test_somebody_else_s_order_is_a_warning_with_its_number_and_nothing_of_what_is_in_it(shop: Stage) -> None:
    ticket = shop.ticket(ANNA, "Where is A-2?")
    shape = shop.databases.read_here(tables.inspect)
    linked = TicketOrders(shop.settings, shape)
    asked = ask(shop, lambda panel: panel.sheet(Subject(ticket_id=ticket))).ticket
    assert asked
    shop.databases.run_here(linked.read, asked, [(Where.SUBJECT, "Order A-2, order A-1")], Whose((ANNA,)))
    seen = {one.number: one for one in sheet(shop, ticket_id=ticket).about}
    assert {number: one.state for number, one in seen.items()} == {"A-1": "linked", "A-2": "foreign"}
    assert seen["A-1"].order and seen["A-2"].order is None and seen["A-2"].owner == BORIS
    shop.databases.run_here(linked.unlink, "ivan", ticket, 1)
    left = [(one.number, one.state) for one in sheet(shop, ticket_id=ticket).about]
    assert left == [("A-2", "foreign"), ("A-1", "removed")], "what an operator took away can be taken back"
    shop.databases.run_here(linked.undo, "ivan", ticket, 1)
    assert {one.number: one.state for one in sheet(shop, ticket_id=ticket).about} == {"A-1": "linked", "A-2": "foreign"}


def test_many_orders_of_others_push_out_none_that_is_linked(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    for id in range(11, 22):
        shop.databases.run_here(order_tickets.put, id, ticket, BORIS, f"A-{id}", "text", state="foreign", kin=False)
    put(shop, 30, ANNA)
    shop.databases.run_here(order_tickets.put, 30, ticket, ANNA, "A-30", "chosen")
    about = sheet(shop, ticket_id=ticket).about
    assert (about[0].number, about[0].state, len(about)) == ("A-30", "linked", panel_read.ABOUT)


def test_whose_order_is_shown_is_written_down_though_the_ticket_is_somebody_else_s(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    linked = TicketOrders(shop.settings, shop.databases.read_here(tables.inspect))
    shop.databases.run_here(linked.link, "ivan", ticket, 2)
    seen = sheet(shop, ticket_id=ticket)
    assert seen.about[0].order and seen.about[0].owner == BORIS and ("account", BORIS) in seen.whom
    assert seen.whom.count(("account", ANNA)) == 1


def test_an_address_typed_into_a_widget_is_called_no_proof_of_who_writes(shop: Stage) -> None:
    """Boris types Anna's: the help desk knows no other contact of it than hers, and her proof is shown beside it."""
    told = {"email": EMAILS[ANNA], "subject": "Hello", "text": "What have I bought?"}
    by_widget, by_mail = (shop.tell(f"customer/{way}", **told)["ticket_id"] for way in ("widget", "email"))
    seen = sheet(shop, ticket_id=by_widget)
    assert seen.face is Face.PERSON and seen.who and seen.who.emails[0].sure and seen.typed
    assert not sheet(shop, ticket_id=by_mail).typed
    shop.databases.run_here(links.own, by_widget, ANNA, seen.who.contacts[0], "widget")
    assert not sheet(shop, ticket_id=by_widget).typed, "her own token came with it"


def test_who_has_proven_an_address_is_no_guest(shop: Stage) -> None:
    assert not shop.execute(f"SELECT LAST_LOGIN FROM b_user WHERE ID = {ANNA}")[0][0], "the control"
    assert (anna := sheet(shop, user_id=ANNA).who) and not anna.guest
    assert (boris := sheet(shop, user_id=BORIS).who) and boris.guest


def test_a_stranger_is_nobody_s_customer_and_still_has_a_face(shop: Stage) -> None:
    ticket = shop.tell("customer/email", email="who@else.example", subject="Hello", text="x")["ticket_id"]
    seen = sheet(shop, ticket_id=ticket)
    assert (
        seen.face is Face.CONTACT and seen.orders == () and seen.who and seen.who.emails[0].value == "who@else.example"
    )


def test_who_calls_from_her_confirmed_phone_is_known_by_it(shop: Stage) -> None:
    ticket = int(shop.tell("customer/phone", phone="8 (916) 123-45-67", text="It is me")["ticket_id"])
    seen = sheet(shop, ticket_id=ticket)
    assert seen.face is Face.CONTACT and seen.who and [reach.value for reach in seen.who.phones] == ["+79161234567"]
    shop.execute(
        f"INSERT INTO b_user_phone_auth (USER_ID, PHONE_NUMBER, CONFIRMED) VALUES ({ANNA}, '+79161234567', 'Y')"
    )
    seen = sheet(shop, ticket_id=ticket)
    assert seen.who and seen.who.name == "Anna" and [order.number for order in seen.orders] == ["A-1"]


def test_a_contact_that_the_shop_does_not_know_is_shown_as_what_it_is(shop: Stage) -> None:
    ticket = int(shop.tell("customer/email", email="who@else.example", subject="Hello", text="x")["ticket_id"])
    found = ask(shop, lambda panel: panel.find("who@else.example")).hits[0].whom[1]
    seen = sheet(shop, contact_id=found)
    assert seen.face is Face.CONTACT and seen.who and (seen.who.name, seen.orders) == ("who", ())
    assert [one.id for one in seen.requests] == [ticket]


def test_a_contact_with_her_unproven_address_is_not_shown_as_her(shop: Stage) -> None:
    shop.ticket(BORIS)
    contact = ask(shop, lambda panel: panel.find(EMAILS[BORIS])).hits[-1].whom[1]
    shop.databases.run_here(links.note, BORIS, EMAILS[BORIS], contact)
    seen = sheet(shop, contact_id=contact)
    assert seen.face is Face.CONTACT and seen.orders == ()
    assert [one.node for one in seen.probable] == [("account", BORIS)]
    shop.prove(BORIS)
    assert [order.number for order in sheet(shop, contact_id=contact).orders] == ["A-2"], "the control"


def test_an_order_shows_its_buyer(shop: Stage) -> None:
    seen = sheet(shop, order_id=2)
    assert seen.who and seen.who.name == "Boris" and [one.number for one in seen.about] == ["A-2"]


def test_the_nameless_buyers_order_is_shown_without_a_person(shop: Stage) -> None:
    shop.execute(
        f"INSERT INTO b_user (ID, LOGIN, PASSWORD, DATE_REGISTER, NAME) VALUES ({NAMELESS}, 'x', '', NOW(), 'Sale_ANONYMOUS')"
    )
    put(shop, 5, NAMELESS)
    assert sheet(shop, order_id=5).who, "the control: an account like any other until the option names it"
    shop.execute(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{NAMELESS}')")
    seen = sheet(shop, order_id=5)
    assert seen.face is Face.NAMELESS and seen.who is None and seen.whom == () and seen.orders == ()
    assert seen.about[0].order and seen.about[0].order.number == "A-5"
    assert sheet(shop, user_id=NAMELESS).who is None


def test_an_archived_order_leads_to_its_buyer(shop: Stage) -> None:
    shop.execute(
        "INSERT INTO b_sale_order_archive (LID, ORDER_ID, ACCOUNT_NUMBER, DATE_INSERT, PERSON_TYPE_ID, USER_ID, STATUS_ID, PRICE, CURRENCY, "
        f"VERSION, DATE_ARCHIVED) VALUES ('s1', 90, 'A-90', NOW(), 1, {ANNA}, 'F', 70, 'RUB', 1, NOW())"
    )
    seen = sheet(shop, order_id=90)
    assert seen.who and seen.who.name == "Anna"
    assert seen.about[0].number == "A-90" and seen.about[0].order is None and seen.about[0].archived
    assert sheet(shop, order_id=91).face is Face.NO_ORDER


def test_a_phone_of_an_order_leads_to_its_buyer(shop: Stage) -> None:
    shop.databases.run_here(lambda unit: kept.replace(unit, [Trace("+79161234567", BORIS, 2)], orders=[2]))
    hits = ask(shop, lambda panel: panel.find("8 916 123-45-67")).hits
    assert [(hit.whom, hit.by) for hit in hits] == [(("account", BORIS), "phone")]


def test_a_caller_whom_the_shop_does_not_know_is_found_by_phone_until_he_is_somebody_s(shop: Stage) -> None:
    caller = Contact(77, "", "Клим", phone="79161234567")
    shop.databases.run_here(profiles.put, caller)
    hits = ask(shop, lambda panel: panel.find("8 916 123-45-67")).hits
    assert [(hit.whom, hit.name) for hit in hits] == [(("contact", 77), "Клим")]
    seen = sheet(shop, contact_id=77)
    assert seen.face is Face.CONTACT and seen.who and seen.who.name == "Клим"
    assert [reach.value for reach in seen.who.phones] == ["+79161234567"]
    shop.execute(f"UPDATE custom_hde_profile SET user_id = {ANNA}")
    assert ask(shop, lambda panel: panel.find("8 916 123-45-67")).hits == ()


def test_an_archived_order_of_the_nameless_buyers_leads_to_nobody(shop: Stage) -> None:
    shop.execute(
        "INSERT INTO b_sale_order_archive (LID, ORDER_ID, ACCOUNT_NUMBER, DATE_INSERT, PERSON_TYPE_ID, USER_ID, STATUS_ID, PRICE, CURRENCY, "
        f"VERSION, DATE_ARCHIVED) VALUES ('s1', 92, 'N-92', NOW(), 1, {BORIS}, 'F', 70, 'RUB', 1, NOW())"
    )
    assert sheet(shop, order_id=92).face is Face.PERSON, "the control: Boris's until the option names his account"
    shop.execute(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{BORIS}')")
    seen = sheet(shop, order_id=92)
    assert seen.face is Face.NAMELESS and seen.who is None and seen.whom == () and seen.about[0].archived


def test_who_has_never_signed_in_is_a_guest_by_an_order_alone(shop: Stage) -> None:
    shop.execute(f"UPDATE b_user SET LAST_LOGIN = NULL WHERE ID IN ({ANNA}, {BORIS})")
    shop.execute(f"DELETE FROM b_sale_order WHERE USER_ID = {BORIS}")
    assert (proven := sheet(shop, user_id=ANNA).who) and not proven.guest, "she has proven her address"
    shop.execute("DELETE FROM custom_hde_user_map")
    guest, imported = sheet(shop, user_id=ANNA).who, sheet(shop, user_id=BORIS).who
    assert guest and guest.guest and imported and not imported.guest


def test_requests_of_two_contacts_are_all_on_some_page() -> None:
    def copy(contact: int, page: int) -> Copy[TicketPage]:
        rows = tuple(ticket(contact * 1000 + page * 100 + n, "ru") for n in range(30))
        return Copy(TicketPage(rows, page, 2, 60), NOW, False, "v")

    pages = [_with_requests(Sheet(Subject(user_id=1), Face.PERSON), None, [copy(1, n), copy(2, n)], n) for n in (1, 2)]
    assert len({one.id for page in pages for one in page.requests}) == pages[0].requests_total == 120
    assert {page.pages for page in pages} == {2}


def test_with_the_help_desk_away_the_last_copy_is_shown_and_says_so(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    assert sheet(shop, ticket_id=ticket).news is News.FRESH
    shop.execute("UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 1 HOUR")
    away = {"hde_url": "http://127.0.0.1:9/api/v1"}
    seen = ask(shop, lambda panel: panel.sheet(Subject(ticket_id=ticket)), **away)
    assert seen.news is News.STALE and seen.who and seen.who.name == "Anna" and seen.requests_at
    shop.execute("DELETE FROM custom_hde_snapshot")
    seen = ask(shop, lambda panel: panel.sheet(Subject(ticket_id=ticket)), **away)
    assert seen.news in (News.AWAY, News.PENDING) and seen.face is Face.NO_TICKET
    seen = ask(shop, lambda panel: panel.sheet(Subject(user_id=ANNA)), **away)
    assert seen.who and [order.number for order in seen.orders] == ["A-1"]


def test_orders_come_in_pages_and_queries_do_not_grow_with_them(shop: Stage) -> None:
    ticket = shop.ticket(ANNA)
    few = queries(shop, ticket_id=ticket)
    for id in range(100, 150):
        put(shop, id, ANNA)
    for number in range(5):
        shop.ticket(ANNA, f"Number {number}")
    shop.execute("DELETE FROM custom_hde_snapshot")
    assert queries(shop, ticket_id=ticket) == few, "the number of them is constant"
    first, third = sheet(shop, ticket_id=ticket), sheet(shop, 3, ticket_id=ticket)
    assert (len(first.orders), len(third.orders), first.pages, first.worth.orders) == (panel_read.PAGE_SIZE, 11, 3, 51)
    assert not {order.id for order in first.orders} & {order.id for order in third.orders}
    for beyond in (4, 999999):
        with pytest.raises(NotFound):
            sheet(shop, beyond, ticket_id=ticket)


def queries(shop: Stage, **subject: int) -> int:
    """Questions to the shop's tables and ours, but for those of the copies."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "snapshot" not in statement and (" b_" in statement or "custom_hde" in statement):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        sheet(shop, **subject)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len([one for one in seen if "custom_hde_budget" not in one and "INSERT" not in one and "UPDATE" not in one])


def test_search_finds_people_and_contacts_and_names_whom_it_shows(shop: Stage) -> None:
    stranger = shop.tell("customer/email", email="who@else.example", subject="Hello", text="x")["ticket_id"]
    assert stranger
    assert [hit.whom for hit in ask(shop, lambda panel: panel.find("A-2")).hits] == [("account", BORIS)]
    found = ask(shop, lambda panel: panel.find("who@else.example"))
    seen = sheet(shop, contact_id=found.hits[0].whom[1])
    assert seen.face is Face.CONTACT and seen.who and [one.id for one in seen.requests] == [stranger]
    assert [reach.value for reach in seen.who.emails] == ["who@else.example"] and seen.who.name == found.hits[0].name
    assert [hit.whom[0] for hit in found.hits] == ["contact"] and found.whom == tuple(hit.whom for hit in found.hits)
    assert ask(shop, lambda panel: panel.find("  ")).hits == ()


def test_a_search_of_an_operator_goes_behind_customers_who_wait(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Lane] = []

    async def find_contacts(_: Client, email: str) -> tuple[Contact, ...]:
        asked.append(lanes.current())
        return ()

    monkeypatch.setattr(Client, "find_contacts", find_contacts)
    ask(shop, lambda panel: panel.find("who@else.example"))
    assert asked == [Lane.REREAD]


@pytest.mark.parametrize("typed", ["8 (916) 123-45-67", "+7 916 123 45 67", "9161234567"])
def test_a_phone_is_found_however_it_was_typed(shop: Stage, typed: str) -> None:
    shop.execute(f"UPDATE b_user SET PERSONAL_MOBILE = '{typed}' WHERE ID = {ANNA}")

    def found(q: str) -> list[int]:
        return [hit.whom[1] for hit in ask(shop, lambda panel: panel.find(q)).hits]

    assert found("+79161234567") == [], "the control: by our index alone"
    shop.databases.run_here(traces.renew, shop.databases.read_here(tables.inspect), users=[ANNA])
    for q in ("+79161234567", "8 916 123-45-67", "8(916)1234567"):
        assert found(q) == [ANNA], q
    assert found("+79161234568") == []
