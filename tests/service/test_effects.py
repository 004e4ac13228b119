"""What an event sets off in the shop: once each, whatever dies in between, judged by the shop, the outbox and the CRM."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from portal import assets
from portal.app import _letters
from portal.bitrix import tables
from portal.crm import Crm
from portal.errors import DatabaseAway
from portal.helpdesk.client import Client
from portal.model import Customer, Event, EventKind, Ticket
from portal.sandbox.crm import Book
from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.director import direct
from portal.service import effects, inbound, rules, sight
from portal.service.crm_tasks import CrmTasks
from portal.service.effects import CRM_TASK, Effects, FieldChange, Outcome
from portal.service.inbound import Bell
from portal.service.rules import By, Effect, Rule, Rules
from portal.service.sight import Sight
from portal.store import inbox, links, outbox
from portal.tokens import Tokens
from tests.service.crashes import Broken, Killed
from tests.stage import ANNA, BORIS, EMAILS, Stage, stage
from tests.web.states import make_pages

ADDRESS = "https://b24.example/rest/1/canary-secret/"
CUSTOMER = Customer(ANNA, "anna", EMAILS[ANNA], "Anna")
SHIPPED = rules.read(assets.folder("templates"))


DUE = "UPDATE custom_hde_inbox SET run_at = UTC_TIMESTAMP(6), lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND"


class Shop:
    """The stage with orders and their field; the worker is taken by hand."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.settings = made.settings_with(
            manager_email="manager@shop.example", crm_webhook_url=SecretStr(ADDRESS), on_unknown_email="profile"
        )
        self.book = Book(path="/rest/1/canary-secret/")
        self.rules: Rules = SHIPPED
        self.number = 0

    def order(self, order: int, user: int, number: str) -> None:
        self.stage.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, "
            f"DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({order}, 's1', 1, 'N', NOW(), 100, 'RUB', {user}, NOW(), NOW(), '{number}')"
        )

    def field(self, order: int) -> str | None:
        rows = self.stage.execute(f"SELECT UF_HDE_TICKETS FROM b_uts_order WHERE VALUE_ID = {order}")
        return rows[0][0] if rows else None

    def rings(self, kind: str, ticket: int, message: int | None = None, number: int | None = None) -> None:
        self.number += 1
        key = f"b:{number or self.number}".encode()
        self.stage.databases.run_here(inbox.put, Event(kind, ticket, None, message, None, key))

    def work(self, times: int = 20, *, others_died: bool = True) -> None:
        """Take the events, as if every wait was over."""

        async def works() -> None:
            client = Client(self.settings, self.stage.databases)
            bell = Bell(client, self.stage.databases, self.effects())
            for _ in range(times):
                self.stage.execute(DUE if others_died else "DO 0")
                if not await inbound.step(self.stage.databases, bell):
                    break
            await client.close()

        asyncio.run(works())

    def effects(self) -> Effects:
        return Effects(self.settings, self.stage.databases.read_here(tables.inspect), self.rules)

    def make_tasks(self, settle_seconds: float = 0.0, times: int = 20) -> None:
        async def works() -> None:
            crm = Crm(ADDRESS, 5, httpx.MockTransport(self._crm))
            tasks = CrmTasks(
                self.settings, self.stage.databases, crm, _letters(make_pages()[0]), settle_seconds=settle_seconds
            )
            for _ in range(times):
                self.stage.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")
                job = self.stage.databases.run_here(outbox.claim, [CRM_TASK], 60)
                if job is None:
                    break
                await tasks.make(job)
            await crm.close()

        asyncio.run(works())

    def _crm(self, request: httpx.Request) -> httpx.Response:
        answer = self.book.answer(request.url.path, request.content)
        if answer is None:
            raise httpx.ReadError("broken")
        return httpx.Response(answer[0], content=answer[1])

    def states(self) -> list[str]:
        return [row[0].decode() for row in self.stage.execute("SELECT state FROM custom_hde_inbox ORDER BY id")]

    def notes(self) -> int:
        """Jobs that tell a ticket which orders it is about."""
        return int(self.stage.execute("SELECT COUNT(*) FROM custom_hde_outbox WHERE kind = 'desk.orders'")[0][0])

    def jobs(self) -> list[tuple[str, str]]:
        """What else was set off."""
        rows = self.stage.execute("SELECT kind, state FROM custom_hde_outbox WHERE kind <> 'desk.orders' ORDER BY id")
        return [(kind.decode(), state.decode()) for kind, state in rows]


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        yield Shop(made)


def test_a_new_ticket_that_names_an_order_sets_off_all_three(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    shop.order(1008, ANNA, "A-1008")
    shop.order(1009, BORIS, "B-9")
    ticket = shop.stage.ticket(ANNA, "Where is A-1007?", "I also wait for B-9")
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.states() == ["done"]
    assert shop.field(1007) == f"{shop.stage.state.tickets[ticket].number} open"
    assert shop.field(1008) is None and shop.field(1009) is None
    assert shop.jobs() == [("mail.manager", "waiting"), ("crm.task", "waiting")]


@pytest.mark.parametrize("kind", ["ticket.created", "message.created", "ticket.status_changed"])
def test_an_event_that_tells_nothing_new_is_stale(shop: Shop, kind: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    message = shop.stage.state.tickets[ticket].messages[0].id if kind == "message.created" else None
    shop.rings(kind, ticket, message)
    shop.rings(kind, ticket, message)
    shop.work()
    assert shop.states() == ["done", "stale"]


def test_in_any_order_of_arrival_each_occasion_counts_once_and_the_newest_state_stands(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    ticket = shop.stage.ticket(ANNA, "A-1007")
    number = shop.stage.state.tickets[ticket].number
    shop.rings("message.created", ticket, shop.stage.state.tickets[ticket].messages[0].id)
    shop.rings("ticket.status_changed", ticket)
    shop.rings("ticket.created", ticket)
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.states() == ["done", "done", "done", "stale"]
    assert shop.jobs() == [("mail.manager", "waiting"), ("crm.task", "waiting")]
    assert shop.field(1007) == f"{number} open"


def test_the_field_tells_all_tickets_of_an_order_open_ones_first(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    first, second = (shop.stage.ticket(ANNA, f"A-1007 {n}") for n in (1, 2))
    numbers = [shop.stage.state.tickets[ticket].number for ticket in (first, second)]
    for ticket in (first, second):
        shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.field(1007) == f"{numbers[1]} open; {numbers[0]} open"
    shop.stage.tell("operator/status", ticket_id=second, status="closed")
    shop.rings("ticket.status_changed", second)
    shop.work()
    assert shop.field(1007) == f"{numbers[0]} open; {numbers[1]} closed"


def test_a_ticket_that_is_moved_follows_its_present_requester(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    shop.order(1009, BORIS, "B-1009")
    ticket = shop.stage.ticket(ANNA, "A-1007 or B-1009")
    number = shop.stage.state.tickets[ticket].number
    shop.rings("ticket.created", ticket)
    shop.work()
    assert (shop.field(1007), shop.field(1009)) == (f"{number} open", None)
    shop.stage.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
    shop.rings("ticket.status_changed", ticket)
    shop.work()
    assert (shop.field(1007), shop.field(1009)) == ("", f"{number} open")
    shop.stage.tell("operator/move", ticket_id=ticket, email=EMAILS[ANNA])
    shop.rings("ticket.status_changed", ticket)
    shop.work()
    assert (shop.field(1007), shop.field(1009)) == (f"{number} open", "")


def test_a_ticket_that_was_merged_away_is_no_tickets_of_its_orders(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    first, second = (shop.stage.ticket(ANNA, f"A-1007 {n}") for n in (1, 2))
    for ticket in (first, second):
        shop.rings("ticket.created", ticket)
    shop.work()
    shop.stage.tell("operator/merge", into=first, tickets=str(second))
    shop.rings("ticket.status_changed", second)
    shop.work()
    assert shop.field(1007) == f"{shop.stage.state.tickets[first].number} open"
    assert shop.states() == ["done"] * 3


def test_a_help_desk_that_is_away_for_hours_costs_no_event(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.rings("ticket.created", ticket)
    shop.stage.tell("faults", kind="status", value="503")
    shop.work(times=15)
    assert shop.states() == ["waiting"]
    shop.stage.tell("mend")
    shop.work()
    assert shop.states() == ["done"] and len(shop.jobs()) == 2


def test_an_event_of_a_ticket_that_never_was_ends(shop: Shop) -> None:
    shop.rings("ticket.created", 999_999)
    shop.work()
    assert shop.states() == ["done"] and shop.jobs() == []


@pytest.mark.parametrize("loud", [True, False])
def test_without_the_column_it_is_told_once_and_the_rest_goes_on(
    shop: Shop, caplog: pytest.LogCaptureFixture, loud: bool
) -> None:
    shop.stage.execute("ALTER TABLE b_uts_order DROP COLUMN UF_HDE_TICKETS")
    shop.order(1007, ANNA, "A-1007")
    for _ in range(2):
        shop.rings("ticket.created", shop.stage.ticket(ANNA, "A-1007" if loud else "Hello"))
    shop.work()
    assert shop.states() == ["done", "done"] and len(shop.jobs()) == 4
    assert caplog.text.count("has no column UF_HDE_TICKETS") == int(loud)


# Who writes


def test_a_sole_account_with_that_address_is_linked_for_operators_and_sees_nothing(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    contact = shop.stage.state.tickets[ticket].user_id
    shop.rings("ticket.created", ticket)
    shop.work()
    has = shop.stage.databases.read_here(links.of, ANNA)
    assert has.links == [links.Link(contact, EMAILS[ANNA], links.FOR_OPERATORS, sees=False)]
    before = sight.person(CUSTOMER, has, shared=False, trust_shop=False)
    assert before.sight is Sight.UNPROVEN and not before.contacts and not before.withdrawn
    shop.stage.databases.run_here(links.prove, ANNA, EMAILS[ANNA], sight.BY_MAIL)
    shop.stage.databases.run_here(links.add, ANNA, EMAILS[ANNA], sight.BY_MAIL, [contact])
    has = shop.stage.databases.read_here(links.of, ANNA)
    assert sight.person(CUSTOMER, has, shared=False, trust_shop=False).contacts == {contact}


def test_an_account_with_an_address_that_no_key_holds_keeps_no_letter_from_the_manager(shop: Shop) -> None:
    email = f"{'я' * 200}@shop.example"
    shop.stage.execute(f"UPDATE b_user SET EMAIL = '{email}' WHERE ID = {ANNA}")
    shop.rings(
        "ticket.created", int(shop.stage.tell("customer/email", email=email, subject="Hi", text="Hi")["ticket_id"])
    )
    shop.work()
    assert shop.states() == ["done"] and (effects.MANAGER_MAIL, "waiting") in shop.jobs()


def test_what_was_withdrawn_stays_withdrawn(shop: Shop) -> None:
    """The control of the one above: the same row on another evidence becomes no grant."""
    shop.stage.databases.run_here(links.add, ANNA, EMAILS[ANNA], sight.BY_MAIL, [41])
    shop.stage.execute("UPDATE custom_hde_user_map SET sees = 0")
    shop.stage.databases.run_here(links.note, ANNA, EMAILS[ANNA], 41)
    shop.stage.databases.run_here(links.add, ANNA, EMAILS[ANNA], sight.BY_MAIL, [41])
    assert shop.stage.execute("SELECT sees, evidence FROM custom_hde_user_map") == [(0, b"email-proof")]


def stranger(shop: Shop, email: str = "Clara@Else.example") -> int:
    letter = {"email": email, "subject": "Hi", "text": "Hello", "name": "Clara", "phone": "+79001234567"}
    told = direct(shop.stage.state, "customer/email", letter)
    ticket = int(told["ticket_id"])
    shop.rings("ticket.created", ticket)
    shop.work()
    return int(shop.stage.state.tickets[ticket].user_id)


def test_a_stranger_is_written_down_and_the_account_that_proves_the_address_takes_it_over(shop: Shop) -> None:
    contact = stranger(shop)
    query = "SELECT contact_id, email, name, phone, user_id FROM custom_hde_profile"
    (row,) = shop.stage.execute(query)
    assert (row[0], row[1], row[2][:5], row[4]) == (contact, b"clara@else.example", "Clara", None)
    clara = Customer(9, "clara", "clara@else.example", "Clara")
    tokens = Tokens(["a-key-for-tests-only"])
    token = sight.proof_token(tokens, clara.id, clara.email, "1")
    shop.stage.databases.run_here(sight.prove, tokens, clara, token)
    assert shop.stage.execute(query)[0][4] == clara.id


@pytest.mark.parametrize(("confirmed", "state"), [("Y", b"linked"), ("N", b"suggested")])
def test_an_order_that_is_named_in_a_call_is_the_order_of_whose_phone_it_is(
    shop: Shop, confirmed: str, state: bytes
) -> None:
    shop.order(1007, ANNA, "A-1007")
    shop.stage.execute(
        "INSERT INTO b_user_phone_auth (USER_ID, PHONE_NUMBER, CONFIRMED) "
        f"VALUES ({ANNA}, '+79161234567', '{confirmed}')"
    )
    called = shop.stage.tell("customer/phone", phone="8 (916) 123-45-67", text="Where is order A-1007?")
    shop.rings("ticket.created", int(called["ticket_id"]))
    shop.work()
    assert shop.stage.execute("SELECT state FROM custom_hde_order_ticket") == [(state,)]
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_profile") == [(0,)], "he has no address to prove"


@pytest.mark.parametrize("named", [True, False])
def test_an_order_that_is_named_in_a_later_message_is_found_whichever_event_tells_of_it(
    shop: Shop, named: bool
) -> None:
    """With the default rules; and what an operator writes names nothing."""
    shop.order(1007, ANNA, "A-1007")
    shop.order(1008, ANNA, "A-1008")
    ticket = shop.stage.ticket(ANNA, "Hello")
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_order_ticket") == [(0,)]
    shop.stage.tell("operator/reply", ticket_id=ticket, text="Not order A-1008, is it?")
    shop.stage.tell("customer/email", ticket_id=ticket, email=EMAILS[ANNA], text="It is about order A-1007")
    shop.stage.tell("customer/email", ticket_id=ticket, email=EMAILS[ANNA], text="Hurry, please")
    last = max(message.id for message in shop.stage.state.tickets[ticket].messages)
    shop.rings("message.created", ticket, last if named else None)
    shop.work()
    assert shop.stage.execute("SELECT order_id, state, kin FROM custom_hde_order_ticket") == [(1007, b"linked", 1)]


def test_an_anonymous_stranger_leaves_no_row(shop: Shop) -> None:
    shop.settings = shop.settings.model_copy(update={"on_unknown_email": "anonymous"})
    stranger(shop)
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_profile") == [(0,)]


def test_an_address_that_two_accounts_hold_is_nobodys_and_no_strangers(shop: Shop) -> None:
    shop.stage.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}'")
    stranger(shop, EMAILS[ANNA])
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_profile") == [(0,)]
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_user_map") == [(0,)]


# Tasks


def with_a_task(shop: Shop) -> None:
    shop.rings("ticket.created", shop.stage.ticket(ANNA, "Where is it?"))
    shop.work()


def task_state(shop: Shop) -> tuple[str, int | None, int]:
    ((state, result, attempts),) = shop.stage.execute(
        "SELECT state, result_id, attempts FROM custom_hde_outbox WHERE kind = 'crm.task'"
    )
    return state.decode(), result, attempts


def test_a_task_is_made_with_the_request_in_its_title(shop: Shop) -> None:
    with_a_task(shop)
    shop.make_tasks()
    (task,) = shop.book.tasks
    assert "Where is it?" in task["title"] and task["responsibleId"] == "5" and EMAILS[ANNA] in task["description"]
    assert task_state(shop) == ("done", 1, 1)
    assert [method for method, _ in shop.book.asked] == ["tasks.task.add"], "nothing is looked up without a need"


@pytest.mark.parametrize("trouble", ["lost", "garbled", "strange"])
def test_a_task_whose_answer_is_lost_is_found_and_not_made_twice(shop: Shop, trouble: str) -> None:
    with_a_task(shop)
    shop.book.trouble.append(trouble)
    shop.make_tasks()
    assert len(shop.book.tasks) == 1 and task_state(shop)[:2] == ("done", 1)


def test_a_task_that_was_not_made_is_made_after_it_was_looked_for(shop: Shop) -> None:
    with_a_task(shop)
    shop.book.trouble.append("refused")
    shop.make_tasks()
    assert [method for method, _ in shop.book.asked] == ["tasks.task.add", "tasks.task.list", "tasks.task.add"]
    assert len(shop.book.tasks) == 1 and task_state(shop)[0] == "done"


def test_before_a_lost_call_has_settled_no_other_is_made(shop: Shop) -> None:
    with_a_task(shop)
    shop.book.trouble.append("refused")
    shop.make_tasks(settle_seconds=60, times=4)
    assert [method for method, _ in shop.book.asked] == ["tasks.task.add"] + ["tasks.task.list"] * 3
    assert task_state(shop)[0] == "waiting" and shop.book.tasks == []


def test_a_limit_and_a_withdrawn_webhook_cost_no_attempt(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with_a_task(shop)
    shop.book.trouble.extend(["limit", "expired"] * 8)
    shop.make_tasks()
    assert task_state(shop) == ("done", 1, 1) and len(shop.book.tasks) == 1
    assert "PORTAL_CRM_WEBHOOK_URL is refused: HTTP 401 INVALID_CREDENTIALS" in caplog.text
    assert "canary" not in caplog.text


def test_a_task_that_is_refused_again_and_again_is_set_aside_with_the_reason(shop: Shop) -> None:
    with_a_task(shop)
    shop.book.trouble.extend(["core"] * 9)
    shop.make_tasks()
    assert task_state(shop) == ("dead", None, 3)
    assert shop.stage.execute("SELECT reason FROM custom_hde_outbox WHERE kind = 'crm.task'") == [
        ("refused: HTTP 400 ERROR_CORE",)
    ]


def test_a_crm_that_loses_every_answer_is_left_to_a_person(shop: Shop) -> None:
    with_a_task(shop)
    shop.book.trouble.extend(["garbled"] * 20)
    shop.make_tasks()
    assert task_state(shop)[0] == "aside" and len(shop.book.tasks) == 1


def test_whoever_dies_after_the_task_was_made_finds_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_task(shop)
    with monkeypatch.context() as patched, pytest.raises(DatabaseAway):
        dies_at(patched, "portal.service.crm_tasks.outbox.finish", 1, after=False)
        shop.make_tasks()
    shop.stage.execute("UPDATE custom_hde_outbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    shop.make_tasks()
    assert len(shop.book.tasks) == 1 and task_state(shop)[:2] == ("done", 1)


def test_whoever_does_not_look_makes_it_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the ones above."""

    async def finds_nothing(_self: Crm, _marker: str) -> None:
        return None

    monkeypatch.setattr(Crm, "find_task", finds_nothing)
    with_a_task(shop)
    shop.book.trouble.append("lost")
    shop.make_tasks()
    assert len(shop.book.tasks) == 2


def test_a_customer_who_writes_the_marker_of_anothers_request_keeps_no_task_from_it(shop: Shop) -> None:
    """It follows from the request's number, and numbers go up one by one."""
    mine, next_one = shop.stage.ticket(BORIS), shop.stage.ticket(ANNA, "Where is it?")
    marker = f"[portal-{hashlib.sha256(b'created:%d' % next_one).hexdigest()[:16]}]"
    shop.stage.state.tickets[mine].subject = f"Hello {marker}"
    shop.rings("ticket.created", mine)
    shop.work()
    shop.make_tasks()
    shop.rings("ticket.created", next_one)
    shop.work()
    shop.book.trouble.append("refused")
    shop.make_tasks()
    first, second = shop.book.tasks
    assert "Hello" in first["title"] and "Where is it?" in second["title"] and marker in second["title"]


def test_a_filter_that_is_ignored_finds_no_other_task(shop: Shop) -> None:
    with_a_task(shop)
    shop.book.tasks.append({"id": "77", "title": "Somebody else's"})
    shop.book.trouble.append("refused")
    shop.book.ignores_filters = True
    shop.make_tasks()
    assert [task["title"][:7] for task in shop.book.tasks] == ["Somebod", "Обращен"]


# Wherever it dies


POINTS = [
    "portal.service.effects.inbox.applied",
    "portal.service.effects.present_account",
    "portal.service.effects.links.note",
    "portal.service.effects.order_tickets.put",
    "portal.service.effects.order_tickets.tell",
    "portal.bitrix.order_field.OrderField.write",
    "portal.service.effects.outbox.put",
    "portal.service.inbound.inbox.finish",
    "portal.database.Unit.commit",
]


@pytest.mark.parametrize("shop", ["v1"], indirect=True)
@pytest.mark.parametrize("death", [DatabaseAway, Killed, Broken])
@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_dies_all_is_set_off_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, after: bool, death: type[BaseException]
) -> None:
    """Within the unit of work; from one unit to the next it is test_crash_points.py."""
    for order, point in enumerate(POINTS, 1000):
        shop.order(order, ANNA, f"A-{order}")
        ticket = shop.stage.ticket(ANNA, f"A-{order}")
        number = shop.stage.state.tickets[ticket].number
        shop.rings("ticket.created", ticket)
        deaths = 0
        for nth in range(1, 9):
            with monkeypatch.context() as patched, suppress(death):
                died = dies_at(patched, point, nth, after=after, death=death)
                shop.work(times=1)
            deaths += len(died)
        shop.work()
        assert deaths, point
        assert (shop.states()[-1], shop.field(order)) == ("done", f"{number} open"), point
        jobs = [kind for kind, _ in shop.jobs()]
        assert jobs == ["mail.manager", "crm.task"] * (order - 999) and shop.notes() == order - 999, point


def test_an_end_in_a_transaction_of_its_own_would_lose_or_double(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what is set off and the event's end are committed one after the other, and letters have no name."""
    put = outbox.put

    def nameless(*args: Any, once: str, **kwargs: Any) -> Any:
        return put(*args, **kwargs)

    def ends_later(unit: Any, *args: Any) -> bool:
        unit.commit()
        raise DatabaseAway("died")

    ticket = shop.stage.ticket(ANNA, "Hello")
    shop.rings("ticket.created", ticket)
    monkeypatch.setattr(effects.outbox, "put", nameless)
    with monkeypatch.context() as patched, pytest.raises(DatabaseAway):
        patched.setattr(inbound.inbox, "finish", ends_later)
        shop.work(times=1)
    shop.work()
    assert [kind for kind, _ in shop.jobs()] == ["mail.manager", "crm.task"] * 2


def test_a_replay_of_what_was_done_sets_nothing_off_even_when_the_outbox_has_forgotten(shop: Shop) -> None:
    with_a_task(shop)
    shop.stage.execute("DELETE FROM custom_hde_outbox")
    shop.stage.execute("UPDATE custom_hde_inbox SET state = 'waiting'")
    shop.work()
    assert shop.states() == ["stale"] and shop.jobs() == []


def test_a_rehearsal_tells_what_would_be_and_writes_nothing(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    ticket = shop.stage.ticket(ANNA, "A-1007")

    async def rehearsed() -> Outcome:
        client = Client(shop.settings, shop.stage.databases)
        try:
            bell = Bell(client, shop.stage.databases, shop.effects())
            return await bell.rehearse(Event("ticket.created", ticket, None, None, None, b"b:1"))
        finally:
            await client.close()

    outcome = asyncio.run(rehearsed())
    number = shop.stage.state.tickets[ticket].number
    assert outcome.fields == (FieldChange("A-1007", "", f"{number} open"),)
    assert (outcome.mails, outcome.tasks, outcome.stale) == (1, 1, False)
    for table in ("custom_hde_outbox", "custom_hde_order_ticket", "custom_hde_user_map", "b_uts_order"):
        assert shop.stage.execute(f"SELECT COUNT(*) FROM {table}") == [(0,)]
    assert asyncio.run(rehearsed()) == outcome


@pytest.mark.parametrize("guarded", [True, False])
def test_who_read_the_ticket_before_another_acted_reads_it_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Also when the help desk's clock cannot tell the two states apart. The control: he does not look who acted."""
    shop.order(1007, ANNA, "A-1007")
    ticket = shop.stage.ticket(ANNA, "A-1007")
    number = shop.stage.state.tickets[ticket].number
    shop.rings("ticket.created", ticket)
    shop.work()
    get_ticket = Client.get_ticket
    passed: list[int] = []

    async def is_overtaken(self: Client, ticket_id: int) -> Ticket:
        old = await get_ticket(self, ticket_id)
        if not passed:
            passed.append(1)
            shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
            shop.stage.state.tickets[ticket].updated = old.updated_at.timestamp()
            shop.rings("ticket.status_changed", ticket)
            await asyncio.to_thread(shop.work, 1, others_died=False)
        return old

    if not guarded:
        monkeypatch.setattr(effects, "last_acted", lambda _applied: None)
        monkeypatch.setattr(inbound, "last_acted", lambda _applied: None)
    shop.rings("ticket.status_changed", ticket)
    monkeypatch.setattr(Client, "get_ticket", is_overtaken)
    shop.work(times=1)
    assert shop.field(1007) == f"{number} {'closed' if guarded else 'open'}"


# Our own words


MESSAGES_TELL = Rules((Rule(EventKind.MESSAGE_CREATED, frozenset({Effect.MAIL_MANAGER}), By.CUSTOMER),))


def replied(shop: Shop) -> tuple[int, int, str]:
    """A reply that went out from here, as delivery.py sends it: its ticket, its message, its marker."""
    ticket = shop.stage.ticket(ANNA)
    mark = "0123456789abcdef"
    html = f'<div class="portal-{mark}">Hello again</div>'
    person = shop.stage.state.people[shop.stage.state.tickets[ticket].user_id]
    with shop.stage.state.lock:
        message = acts.post(shop.stage.state, shop.stage.state.tickets[ticket], person, html)
    shop.stage.databases.run_here(
        outbox.put, "desk.reply", {"mark": mark, "files": []}, ANNA, queue=f"ticket:{ticket}", ticket_id=ticket
    )
    return ticket, message.id, mark


@pytest.mark.parametrize("known", ["by its id", "by its marker"])
def test_what_we_posted_comes_back_and_sets_nothing_off(shop: Shop, known: str) -> None:
    shop.rules = MESSAGES_TELL
    ticket, message, _mark = replied(shop)
    job = shop.stage.databases.run_here(outbox.claim, ["desk.reply"], 600)
    assert job and shop.stage.databases.run_here(outbox.sending, job)
    if known == "by its id":
        shop.stage.state.tickets[ticket].messages[-1].html = "Hello again"
        shop.stage.databases.run_here(outbox.finish, job, result_id=message)
    shop.rings("message.created", ticket, message)
    shop.work()
    assert shop.states() == ["done"]
    assert [kind for kind, _ in shop.jobs()] == ["desk.reply"]


def test_a_customer_who_quotes_what_we_posted_is_heard(shop: Shop) -> None:
    shop.rules = MESSAGES_TELL
    ticket, message, mark = replied(shop)
    job = shop.stage.databases.run_here(outbox.claim, ["desk.reply"], 600)
    assert job and shop.stage.databases.run_here(outbox.finish, job, result_id=message)
    text = shop.stage.tell("customer/email", email=EMAILS[ANNA], text=f"> portal-{mark}", ticket_id=ticket)
    shop.rings("message.created", ticket, int(text["message_id"]))
    shop.work()
    assert [kind for kind, _ in shop.jobs()] == ["desk.reply", "mail.manager"]


@pytest.mark.parametrize("vague_first", [True, False])
def test_the_sweep_and_the_webhook_tell_of_one_message_once(shop: Shop, *, vague_first: bool) -> None:
    """The sweep does not say which message it was, and comes again when anything else about the ticket changes."""
    shop.rules = MESSAGES_TELL
    ticket = shop.stage.ticket(ANNA)
    message = int(shop.stage.tell("customer/email", email=EMAILS[ANNA], ticket_id=ticket, text="And?")["message_id"])
    for told in (None, message) if vague_first else (message, None):
        shop.rings("message.created", ticket, told)
        shop.work()
        shop.stage.state.tickets[ticket].updated += 5
    shop.rings("message.created", ticket, None)
    shop.work()
    assert len(shop.jobs()) == 1


def test_a_requester_who_is_gone_takes_no_ticket_with_him(shop: Shop) -> None:
    shop.settings = shop.settings.model_copy(update={"on_unknown_email": "profile"})
    ticket = int(shop.stage.tell("customer/email", email="stranger@else.example", subject="Hi", text="Hi")["ticket_id"])
    shop.stage.tell("faults", kind="status", value=404, path=r"/users/[0-9]+")
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.states() == ["done"]
    assert [kind for kind, _ in shop.jobs()] == ["mail.manager", "crm.task"]


def test_an_internal_note_is_nobodys_message(shop: Shop) -> None:
    shop.rules = MESSAGES_TELL
    ticket = shop.stage.ticket(ANNA)
    note = shop.stage.tell("operator/note", ticket_id=ticket, text="A-1007, staff only")
    shop.rings("message.created", ticket, int(note["message_id"]))
    shop.work()
    assert shop.states() == ["done"] and shop.jobs() == []


def dies_at(
    patched: pytest.MonkeyPatch, point: str, nth: int, *, after: bool, death: type[BaseException] = DatabaseAway
) -> list[int]:
    """The nth time that it comes to `point` the process is gone: nothing more is written, the lease stands.

    What it gives has one item when that has happened.
    """
    where, _, name = point.rpartition(".")
    owner = pkgutil.resolve_name(where)
    real = getattr(owner, name)
    count = itertools.count(1)
    died: list[int] = []

    def dies(*args: Any, **kwargs: Any) -> Any:
        if next(count) != nth:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        died.append(nth)
        raise death("died")

    patched.setattr(owner, name, dies)
    return died


def flood(shop: Shop, ticket: int, kind: str = "message.created", events: int = 50) -> int:
    """So many events of one ticket wait; how many calls it takes until none does."""
    for number in range(events):
        shop.rings(kind, ticket, 1_000_000 + number)
    before = shop.stage.calls()
    shop.work(60)
    assert set(shop.states()) <= {"done", "stale"}
    return shop.stage.calls() - before


@pytest.mark.parametrize("kind", ["message.created", "ticket.status_changed"])
def test_one_look_is_enough_for_all_that_came_before_it(shop: Shop, kind: str) -> None:
    """Two mail robots that answer each other keep nobody else's event waiting for an hour."""
    ticket = shop.stage.ticket(ANNA)
    shop.stage.databases.run_here(inbox.put, Event("message.created", ticket + 1000, None, None, None, b"b:other"))
    assert flood(shop, ticket, kind) <= 4
    assert flood(shop, ticket + 2000, kind) <= 2, "nor is a ticket that never was asked for fifty times"


def test_where_a_rule_tells_of_each_message_each_is_looked_at(shop: Shop) -> None:
    shop.rules = Rules((Rule(EventKind.MESSAGE_CREATED, frozenset({Effect.MAIL_MANAGER})),))
    assert flood(shop, shop.stage.ticket(ANNA), events=12) >= 12


def test_what_comes_while_the_ticket_is_read_is_looked_at_by_itself(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = shop.stage.ticket(ANNA)
    read = Client.get_ticket
    late = [2]

    async def reads(self: Client, ticket_id: int) -> Ticket:
        for number in late[:1]:
            late.clear()
            shop.rings("message.created", ticket_id, number)
        return await read(self, ticket_id)

    monkeypatch.setattr(Client, "get_ticket", reads)
    shop.rings("message.created", ticket, 1)
    shop.work(1)
    assert shop.states() == ["done", "waiting"]
