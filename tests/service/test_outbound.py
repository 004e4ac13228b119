"""What the shop knows of a customer arrives in the help desk, once and as it is now; judged by what the desk holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from portal import worker
from portal.app import _letters
from portal.bitrix import fields, tables
from portal.helpdesk.client import Client
from portal.helpdesk.decode import MAX_FIELD
from portal.sandbox.helpdesk import v2, v2_people, words
from portal.sandbox.helpdesk.wire import route
from portal.service.attempts import REFUSALS
from portal.service.outbound import CONTACT, GONE, KINDS, ORDER, Outbound
from portal.service.shop_changes import ShopChanges
from portal.store import order_tickets, outbox
from portal.tokens import Tokens
from tests.stage import ANNA, BORIS, EMAILS, Stage, stage
from tests.web.states import make_pages

PHONE = "8 (900) 123-45-67 доб. 5"
RENDER = _letters(make_pages()[0])
WRITES = ("POST", "PUT", "DELETE")


class Shop:
    """The stage, and a worker that is taken by hand."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.execute(f"UPDATE b_user SET LAST_NAME = 'Ivanova', PERSONAL_PHONE = '{PHONE}' WHERE ID = {ANNA}")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return self.stage.execute(statement)

    def order(self, order_id: int, user: int = ANNA, *, price: int = 100, name: str = "Mug") -> None:
        self.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE, "
            f"ACCOUNT_NUMBER) VALUES ({order_id}, 's1', 1, 'N', NOW(), {price}, 'RUB', {user}, NOW(), NOW(), 'A-{order_id}')"
        )
        self.execute(
            "INSERT INTO b_sale_basket (ORDER_ID, FUSER_ID, PRODUCT_ID, PRICE, CURRENCY, DATE_INSERT, DATE_UPDATE, LID, NAME, DISCOUNT_PRICE, QUANTITY) "
            f"VALUES ({order_id}, 1, 1, {price}, 'RUB', NOW(), NOW(), 's1', '{name}', 0, 2)"
        )

    def happened(self, kind: str = CONTACT, user: int = ANNA, **more: int) -> None:
        """As the shop's changes come."""
        told = {**more, "user": user}
        self.stage.databases.run_here(outbox.put_unless_waiting, kind, told, user, queue=f"shop:{user}")

    def work(self, *, rounds: int = 12, **settings: object) -> None:
        """Do whatever there is, as if every wait was over, until nothing is due."""
        asyncio.run(self._work(rounds, settings))

    async def _work(self, rounds: int, settings: dict[str, object]) -> None:
        wanted = self.stage.settings_with(**settings)
        client = Client(wanted, self.stage.databases)
        outbound = Outbound(wanted, self.stage.databases, client, RENDER)
        for _ in range(rounds):
            self.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")
            job = self.stage.databases.run_here(outbox.claim, KINDS, 60)
            if job is None:
                break
            await outbound.push(job)
        await client.close()

    def tell(self, **settings: object) -> Any:
        """Anna has changed, and it is told."""
        self.happened()
        self.work(**settings)
        return self.person()

    def person(self, email: str = EMAILS[ANNA]) -> Any:
        return self.stage.state.person_by_email(email)

    def writes(self) -> list[str]:
        """The calls that wrote, in their order."""
        return [f"{one.method} {one.path}" for one in self.stage.state.journal.entries if one.method in WRITES]

    def states(self) -> list[str]:
        return [row[0].decode() for row in self.execute("SELECT state FROM custom_hde_outbox ORDER BY id")]

    def mirrored(self, user: int = ANNA) -> list[tuple[Any, ...]]:
        return self.execute(f"SELECT UF_HDE_USER_ID FROM b_uts_user WHERE VALUE_ID = {user}")

    def breaks(self, kind: str, count: int | None = 1, **more: object) -> None:
        self.stage.tell("faults", kind=kind, count=count, **more)


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        yield Shop(made)


@pytest.fixture
def shop_v2(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, "v2") as made:
        yield Shop(made)


def test_a_customer_becomes_a_contact_with_his_name_phone_and_number_in_the_shop(shop: Shop) -> None:
    person = shop.tell()
    assert (person.full_name, person.phone) == ("Anna Ivanova", "+79001234567")
    assert person.fields["bitrix_user_id"] == str(ANNA)
    assert shop.states() == ["done"]


def test_ten_quick_changes_are_one_write_of_the_newest(shop: Shop) -> None:
    shop.tell()
    before = len(shop.writes())
    for number in range(10):
        shop.order(1000 + number, price=100 + number)
        shop.happened(ORDER, order=1000)
    shop.work()
    assert len(shop.writes()) == before + 1
    told = shop.person().fields["bitrix_orders"]
    assert "A-1009" in told and "A-1005" in told and "A-1004" not in told
    assert "109" in told and "Mug" in told


def test_an_order_changes_with_the_orders_state(shop: Shop) -> None:
    shop.order(1)
    shop.happened(ORDER, order=1)
    shop.work()
    assert "Cancelled" not in shop.person().fields["bitrix_orders"]
    shop.execute("UPDATE b_sale_order SET CANCELED = 'Y' WHERE ID = 1")
    shop.happened(ORDER, order=1)
    shop.work(locale="en")
    assert "Cancelled" in shop.person().fields["bitrix_orders"]


def test_jobs_that_an_earlier_one_has_seen_to_cost_no_call(shop: Shop) -> None:
    for number in range(5):
        shop.order(number + 1)
        shop.happened(ORDER, order=number + 1)
    shop.happened()
    shop.work(rounds=1)
    calls = shop.stage.calls()
    shop.work()
    assert shop.stage.calls() == calls
    assert shop.states() == ["done"] * 6


def test_nothing_is_written_when_nothing_would_change(shop: Shop) -> None:
    shop.order(1)
    shop.tell()
    writes = len(shop.writes())
    shop.tell()
    assert len(shop.writes()) == writes


def test_what_a_human_filled_in_stays_and_what_is_empty_is_filled(shop: Shop) -> None:
    contact = shop.stage.state.person_by_email(EMAILS[ANNA])
    assert contact is None
    shop.stage.ticket(ANNA)
    person = shop.person()
    person.name, person.phone = "Annie, the kind one", "+371 1"
    shop.tell()
    assert (person.name, person.phone) == ("Annie, the kind one", "+371 1")
    assert person.fields["bitrix_user_id"] == str(ANNA)
    person.name = person.phone = ""  # the control
    shop.tell()
    assert (person.full_name, person.phone) == ("Anna Ivanova", "+79001234567")


@pytest.mark.parametrize("kind", ["drop", "cut", "html", "half", "empty"])
def test_an_answer_that_is_lost_is_done_again_and_makes_nothing_twice(shop: Shop, kind: str) -> None:
    shop.order(1)
    for method in ("POST", "PUT"):
        shop.breaks(kind, method=method)
    person = shop.tell()
    assert (person.full_name, person.phone) == ("Anna Ivanova", "+79001234567")
    assert [one.email for one in shop.stage.state.people.values()].count(EMAILS[ANNA]) == 1
    assert shop.states() == ["done"]


def test_a_ban_costs_nothing_but_time(shop: Shop) -> None:
    shop.stage.tell("limit", ban=600)
    shop.tell()
    assert shop.execute("SELECT state, attempts FROM custom_hde_outbox") == [(b"waiting", 0)]
    ((seconds,),) = shop.execute("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), run_at) FROM custom_hde_outbox")
    assert 1100 < seconds < 1300  # as long as the help desk says: 20 min
    shop.stage.tell("mend")
    shop.execute("DELETE FROM custom_hde_cursor WHERE name = 'hde_ban'")
    shop.work()
    assert shop.person() and shop.states() == ["done"]


def test_a_wrong_key_and_an_outage_kill_no_job(shop: Shop) -> None:
    shop.tell(hde_token=SecretStr("wrong"), hde_api_key=SecretStr("wrong"))
    shop.breaks("status", 30, value=503)
    shop.work()
    assert shop.execute("SELECT state, attempts FROM custom_hde_outbox") == [(b"waiting", 0)]
    shop.stage.tell("mend")
    shop.work()
    assert shop.person() and shop.states() == ["done"]


def test_a_help_desk_that_keeps_saying_no_is_believed_and_the_next_change_goes_on(shop: Shop) -> None:
    shop.breaks("status", None, value=422, method="POST")
    shop.tell()
    assert shop.execute("SELECT state, attempts FROM custom_hde_outbox") == [(b"dead", REFUSALS)]
    shop.stage.tell("mend")
    assert shop.tell() and shop.states() == ["dead", "done"]


def test_an_answer_that_is_garbage_for_ever_ends_in_the_dead_letters(shop: Shop) -> None:
    shop.breaks("html", None)
    shop.happened()
    shop.work(rounds=20)
    assert shop.states() == ["dead"]


def test_the_order_of_writes_holds_for_each_customer(shop: Shop) -> None:
    shop.happened()
    held = shop.stage.databases.run_here(outbox.claim, KINDS, 60)
    assert held is not None
    shop.happened(ORDER, order=1)
    shop.happened(user=BORIS)
    other = shop.stage.databases.run_here(outbox.claim, KINDS, 60)
    assert other is not None and other.user_id == BORIS
    assert shop.stage.databases.run_here(outbox.claim, KINDS, 60) is None


def test_who_comes_back_late_writes_nothing_down(shop: Shop) -> None:
    shop.happened()
    late = shop.stage.databases.run_here(outbox.claim, KINDS, 0)
    shop.work()
    told = shop.execute("SELECT user_id FROM custom_hde_pushed WHERE contact_id IS NOT NULL")
    shop.execute("DELETE FROM custom_hde_pushed")
    assert late is not None

    async def comes_back() -> None:
        client = Client(shop.stage.settings, shop.stage.databases)
        await Outbound(shop.stage.settings, shop.stage.databases, client, RENDER).push(late)
        await client.close()

    asyncio.run(comes_back())
    assert told == [(ANNA,)] and shop.execute("SELECT user_id FROM custom_hde_pushed") == []


def test_a_new_contact_costs_three_calls_and_a_known_one_a_single_look(shop: Shop) -> None:
    shop.tell()
    defined = shop.stage.settings.dialect == "v2"  # its fields' numbers are asked for once a process
    assert shop.stage.calls() == 3 + defined
    before = shop.stage.calls()
    shop.tell()
    assert shop.stage.calls() == before + 1 + defined


def test_a_field_that_the_help_desk_has_not_is_told_once_and_left_out(
    shop_v2: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(words.USER_FIELDS, 87)
    shop_v2.happened()
    shop_v2.happened(user=BORIS)
    shop_v2.work()
    assert [text.startswith("help desk: it has no field bitrix_user_id") for text in caplog.messages].count(True) == 1
    assert shop_v2.person().fields == {} and shop_v2.states() == ["done", "done"]


def test_nobody_is_written_a_letter_about_his_new_contact(shop_v2: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def create(state: Any, call: Any) -> Any:
        told.append(call.fields["notifications"])
        return v2_people.create_user(state, call)

    monkeypatch.setattr(v2, "ROUTES", (route("POST", "/users", create), *v2.ROUTES))
    assert shop_v2.tell() and told == ["0"]


def test_a_member_of_staff_is_never_written_to(shop_v2: Shop) -> None:
    shop_v2.stage.ticket(ANNA)
    person = shop_v2.person()
    person.staff, person.name, person.phone = True, "", ""
    shop_v2.tell()
    assert (person.name, person.phone, person.fields) == ("", "", {})
    assert shop_v2.writes() == [] and shop_v2.states() == ["done"]
    person.staff = False  # the control
    assert shop_v2.tell().fields["bitrix_user_id"] == str(ANNA)
    person.staff, person.fields = True, {}
    shop_v2.tell()
    assert person.fields == {} and set(shop_v2.states()) == {"done"}


def test_an_account_without_an_address_is_skipped(shop: Shop) -> None:
    shop.execute(f"UPDATE b_user SET EMAIL = '' WHERE ID = {ANNA}")
    shop.tell()
    assert shop.stage.calls() == 0 and shop.states() == ["done"]


@pytest.mark.parametrize("nameless", [True, False], ids=["his", "the control"])
def test_the_account_that_nameless_buyers_share_is_skipped(shop: Shop, *, nameless: bool) -> None:
    if nameless:
        shop.execute(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{ANNA}')")
    shop.tell()
    assert (shop.person() is None) is nameless and shop.states() == ["done"]


def test_an_account_that_vanished_before_it_was_told_of_is_skipped(shop: Shop) -> None:
    shop.happened()
    shop.happened(ORDER, order=1)
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    shop.work()
    assert shop.stage.calls() == 0 and shop.states() == ["done", "done"]


@pytest.mark.parametrize("kind", [GONE, CONTACT])
def test_of_a_deleted_account_the_contact_stays_and_tells_of_nobody(shop: Shop, kind: str) -> None:
    shop.order(1)
    person = shop.tell()
    assert person.fields["bitrix_user_id"] == str(ANNA) and "A-1" in person.fields["bitrix_orders"]
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    shop.happened(kind)
    shop.work()
    assert shop.person() is person and person.full_name == "Anna Ivanova"
    assert set(person.fields.values()) == {""}
    assert shop.execute("SELECT user_id FROM custom_hde_pushed") == []


def test_the_links_of_a_deleted_account_are_looked_through_and_no_others_field_is_emptied(shop: Shop) -> None:
    person = shop.tell()
    shop.execute("DELETE FROM custom_hde_pushed")
    shop.happened(user=BORIS)
    shop.work()
    boris = shop.person(EMAILS[BORIS])
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    shop.stage.databases.run_here(outbox.put, GONE, {"user": ANNA, "contacts": [person.id, boris.id, 999]}, None)
    shop.work()
    assert (person.fields["bitrix_user_id"], boris.fields["bitrix_user_id"]) == ("", str(BORIS))


@pytest.mark.parametrize("shared", [False, True], ids=["alone with his address", "one of two"])
def test_an_account_that_was_only_told_of_is_taken_back_whenever_it_is_found_gone(shop: Shop, *, shared: bool) -> None:
    """Found by the walk, weeks later: what we have of it is that it was told of."""
    person = shop.tell()
    if shared:
        shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
        shop.happened(user=BORIS)
        shop.work()
    shop.execute("DELETE FROM custom_hde_outbox")
    shop.execute("DELETE FROM custom_hde_user_map")
    shop.execute("DELETE FROM custom_hde_shop_seen")
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    asyncio.run(ShopChanges(shop.stage.settings, shop.stage.databases).changed())
    shop.work()
    assert person.fields["bitrix_user_id"] == (str(BORIS) if shared else "")
    assert shop.execute(f"SELECT user_id FROM custom_hde_pushed WHERE user_id = {ANNA}") == []


def test_of_two_accounts_with_one_address_the_contact_tells_of_neither(shop: Shop) -> None:
    person = shop.tell(user_field="UF_HDE_USER_ID")
    assert person.fields["bitrix_user_id"] == str(ANNA)
    shop.execute(f"UPDATE b_user SET EMAIL = 'ANNA@shop.example' WHERE ID = {BORIS}")
    shop.happened(user=BORIS)
    shop.work()
    assert person.fields["bitrix_user_id"] == ""
    shop.tell()
    assert person.fields["bitrix_user_id"] == "" and set(shop.states()) == {"done"}


@pytest.mark.parametrize("how", ["EMAIL = 'new@shop.example'", "ACTIVE = 'N'", "EMAIL = ''"])
def test_who_is_alone_with_his_address_again_is_told_of_again(shop: Shop, how: str) -> None:
    person = shop.tell()
    shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    shop.happened(user=BORIS)
    shop.work()
    assert person.fields["bitrix_user_id"] == ""
    shop.execute(f"UPDATE b_user SET {how} WHERE ID = {BORIS}")
    shop.happened(user=BORIS)
    shop.work()
    assert person.fields["bitrix_user_id"] == str(ANNA)


def test_an_account_that_comes_to_the_address_meanwhile_is_seen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own job may have looked before this one wrote."""
    write = Outbound._write

    async def comes(self: Outbound, *args: Any) -> None:
        shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
        await write(self, *args)

    monkeypatch.setattr(Outbound, "_write", comes)
    assert shop.tell().fields["bitrix_user_id"] == "" and shop.states() == ["done"]


def test_an_account_that_is_switched_off_is_told_of_no_more_and_does_no_harm_to_who_has_its_address(shop: Shop) -> None:
    person = shop.tell()
    shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {ANNA}")
    shop.tell()
    assert person.fields["bitrix_user_id"] == ""
    shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    shop.happened(user=BORIS)
    shop.work()
    assert person.fields["bitrix_user_id"] == str(BORIS)
    shop.tell()
    assert person.fields["bitrix_user_id"] == str(BORIS)


def test_no_link_follows_an_account_to_another_address(shop: Shop) -> None:
    shop.order(1)
    person = shop.tell()
    shop.execute(f"UPDATE b_user SET EMAIL = 'new@shop.example' WHERE ID = {ANNA}")
    shop.tell()
    assert person.email == EMAILS[ANNA] and set(person.fields.values()) == {""}
    new = shop.person("new@shop.example")
    assert new.fields["bitrix_user_id"] == str(ANNA) and "A-1" in new.fields["bitrix_orders"]


def test_a_contact_that_was_deleted_in_the_help_desk_is_made_again(shop: Shop) -> None:
    person = shop.tell()
    del shop.stage.state.people[person.id]
    assert shop.tell().fields["bitrix_user_id"] == str(ANNA)


MIRROR = {"user_field": "UF_HDE_USER_ID"}


def mirror(shop: Shop) -> None:
    shop.execute("CREATE TABLE b_uts_user (VALUE_ID int PRIMARY KEY, UF_HDE_USER_ID int, UF_OTHER text)")


@pytest.mark.parametrize("row", [True, False], ids=["row there", "row absent"])
def test_the_shop_has_the_contact_in_its_own_field_and_that_column_alone_is_written(shop: Shop, *, row: bool) -> None:
    mirror(shop)
    if row:
        shop.execute(f"INSERT INTO b_uts_user (VALUE_ID, UF_OTHER) VALUES ({ANNA}, 'theirs')")
    person = shop.tell(**MIRROR)
    assert shop.mirrored() == [(person.id,)]
    other = shop.execute(f"SELECT UF_OTHER FROM b_uts_user WHERE VALUE_ID = {ANNA}")
    assert other == [("theirs" if row else None,)]


def test_the_shops_field_is_emptied_with_the_link(shop: Shop) -> None:
    mirror(shop)
    shop.tell(**MIRROR)
    shop.execute(f"UPDATE b_user SET EMAIL = '' WHERE ID = {ANNA}")
    shop.tell(**MIRROR)
    assert shop.mirrored() == [(None,)]


def test_the_shops_field_is_emptied_for_all_who_share_an_address_and_for_nobody_else(shop: Shop) -> None:
    mirror(shop)
    shop.tell(**MIRROR)
    shop.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    shop.happened(user=BORIS)
    shop.work(**MIRROR)
    assert shop.mirrored() == [(None,)] and shop.mirrored(BORIS) == []
    shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {ANNA}")
    shop.happened(user=BORIS)
    shop.work(**MIRROR)
    shop.tell(**MIRROR)
    assert shop.mirrored(BORIS) == [(shop.person().id,)] and shop.mirrored() == [(None,)]


def test_no_row_is_made_for_an_account_that_is_gone(shop: Shop) -> None:
    mirror(shop)
    shop.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    shop.stage.databases.run_here(fields.mirror_contact, "UF_HDE_USER_ID", ANNA, 41)
    assert shop.mirrored() == []


@pytest.mark.parametrize("table", [False, True], ids=["no table", "no column"])
def test_a_shop_without_the_field_is_told_once_and_the_contact_is_told_all_the_same(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, table: bool
) -> None:
    monkeypatch.setattr(fields, "_told", set())
    if table:
        shop.execute("CREATE TABLE b_uts_user (VALUE_ID int PRIMARY KEY)")
    shop.tell(**MIRROR)
    person = shop.tell(**MIRROR)
    assert person.fields["bitrix_user_id"] == str(ANNA) and shop.states() == ["done", "done"]
    assert [text.startswith("PORTAL_USER_FIELD") for text in caplog.messages].count(True) == 1


HOSTILE = '<img src=x onerror="alert(1)">'


def test_orders_are_one_note_that_is_replaced_and_a_humans_notes_stay(shop_v2: Shop) -> None:
    person = shop_v2.tell(order_push="note")
    assert person.notes == []
    person.notes.append({"id": 9001, "user_id": 1, "text": "<p>Likes tea</p>", "date_created": "2026-11-25 10:00:00"})
    for number in (1, 2):
        shop_v2.order(number, name=HOSTILE)
        shop_v2.happened(ORDER, order=number)
        shop_v2.work(order_push="note")
    human, ours = (note["text"] for note in person.notes)
    assert human == "<p>Likes tea</p>"
    assert "A-1" in ours and "A-2" in ours and "shop.example #7:" in ours
    assert "<img" not in ours and "&lt;img" in ours
    assert not person.fields.get("bitrix_orders")
    writes = len(shop_v2.writes())
    shop_v2.tell(order_push="note")
    assert len(shop_v2.writes()) == writes


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_lost_answer_leaves_one_note(shop_v2: Shop, method: str) -> None:
    shop_v2.order(1)
    shop_v2.tell(order_push="both")
    shop_v2.breaks("drop", method=method, path="/notes")
    shop_v2.order(2)
    person = shop_v2.tell(order_push="both")
    assert len(person.notes) == 1 and "A-2" in person.notes[0]["text"]
    assert "A-2" in person.fields["bitrix_orders"]


def test_the_note_goes_with_the_account(shop_v2: Shop) -> None:
    shop_v2.order(1)
    person = shop_v2.tell(order_push="both")
    assert len(person.notes) == 1
    shop_v2.execute(f"DELETE FROM b_user WHERE ID = {ANNA}")
    shop_v2.happened(GONE)
    shop_v2.work(order_push="both")
    assert person.notes == []


@pytest.fixture
def shop_v1(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, "v1") as made:
        yield Shop(made)


def notes(shop: Shop, ticket_id: int) -> list[str]:
    return [m.html for m in shop.stage.state.tickets[ticket_id].messages if m.internal]


def about(shop: Shop, order_id: int, *ticket_ids: int) -> None:
    for ticket_id in ticket_ids:
        shop.stage.databases.run_here(order_tickets.put, order_id, ticket_id, ANNA, f"A-{order_id}", "text")


def changed(shop: Shop, order_id: int, **settings: object) -> None:
    shop.happened(ORDER, order=order_id)
    shop.work(**{"order_push": "note", **settings})


def test_without_notes_about_people_the_newest_open_ticket_about_the_order_has_one(shop_v1: Shop) -> None:
    shop_v1.order(1, name=HOSTILE)
    shop_v1.order(2)
    old, open_one, closed, other = (shop_v1.stage.ticket(ANNA) for _ in range(4))
    about(shop_v1, 1, old, open_one, closed)
    shop_v1.stage.tell("operator/status", ticket_id=closed, status="closed")
    changed(shop_v1, 1)
    (note,) = notes(shop_v1, open_one)
    assert "A-1" in note and "A-2" not in note and "<img" not in note and "&lt;img" in note
    assert [notes(shop_v1, ticket) for ticket in (old, closed, other)] == [[], [], []]
    assert "A-2" in shop_v1.person().fields["bitrix_orders"]
    changed(shop_v1, 1)
    assert len(notes(shop_v1, open_one)) == 1
    shop_v1.execute("UPDATE b_sale_order SET CANCELED = 'Y' WHERE ID = 1")
    changed(shop_v1, 1)
    assert len(notes(shop_v1, open_one)) == 2


def test_a_ticket_that_is_somebody_elses_now_is_told_of_no_order(shop_v1: Shop) -> None:
    shop_v1.order(1)
    ticket = shop_v1.stage.ticket(ANNA)
    about(shop_v1, 1, ticket)
    shop_v1.stage.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
    changed(shop_v1, 1)
    assert notes(shop_v1, ticket) == []


def test_each_order_has_its_note_though_its_contact_was_told_of_all(shop_v1: Shop) -> None:
    tickets = [shop_v1.stage.ticket(ANNA) for _ in range(2)]
    for number, ticket in enumerate(tickets, 1):
        shop_v1.order(number)
        about(shop_v1, number, ticket)
        shop_v1.happened(ORDER, order=number)
    shop_v1.work(order_push="both")
    assert [len(notes(shop_v1, ticket)) for ticket in tickets] == [1, 1]


def test_a_name_of_a_product_breaks_out_of_nothing(shop: Shop) -> None:
    shop.order(1, name=HOSTILE + "\u202e\n- A-999, forged")
    told = shop.tell().fields["bitrix_orders"]
    assert "\u202e" not in told and told.count("\n- ") == 1


def test_a_field_holds_whatever_a_customer_buys(shop: Shop) -> None:
    for number in range(1, 8):
        shop.order(number, name="Щ" * 255)
        for _ in range(20):
            shop.execute(
                "INSERT INTO b_sale_basket (ORDER_ID, FUSER_ID, PRODUCT_ID, PRICE, CURRENCY, DATE_INSERT, DATE_UPDATE, LID, NAME, DISCOUNT_PRICE, QUANTITY) "
                f"VALUES ({number}, 1, 1, 1, 'RUB', NOW(), NOW(), 's1', '{'Ы' * 255}', 0, 1000000)"
            )
    told = shop.tell().fields["bitrix_orders"]
    assert "+13" in told and len(told) < MAX_FIELD
    writes = len(shop.writes())
    shop.tell()
    assert len(shop.writes()) == writes


def test_a_job_that_was_told_already_hides_no_later_change(shop: Shop) -> None:
    person = shop.tell()
    shop.happened()
    shop.execute("UPDATE custom_hde_outbox SET created_at = '2020-01-01' WHERE state = 'waiting'")
    shop.order(1)
    shop.happened(ORDER, order=1)
    shop.work()
    assert "A-1" in person.fields["bitrix_orders"]


def test_the_worker_does_it_by_itself(shop: Shop) -> None:
    made = shop.stage
    shop.happened()

    async def works() -> None:
        client = Client(made.settings, made.databases)
        shape, tokens = made.databases.read_here(tables.inspect), Tokens(["a-key-for-tests-only"])
        steps = worker.steps(made.settings, made.databases, client, tokens, RENDER, shape, None)
        working = asyncio.create_task(worker.run(steps))
        async with asyncio.timeout(20):
            while shop.states() != ["done"]:
                await asyncio.sleep(0.05)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await client.close()

    asyncio.run(works())
    assert shop.person().fields["bitrix_user_id"] == str(ANNA)


def test_a_ticket_is_told_of_no_order_of_an_account_that_shares_its_address(shop_v1: Shop) -> None:
    shop_v1.execute(f"UPDATE b_user SET EMAIL = '{EMAILS[ANNA]}' WHERE ID = {BORIS}")
    tickets = [shop_v1.stage.ticket(ANNA) for _ in range(2)]
    for number, ticket in enumerate(tickets, 1):
        shop_v1.order(number)
        about(shop_v1, number, ticket)
        shop_v1.happened(ORDER, order=number)
    shop_v1.work(order_push="note")
    assert [notes(shop_v1, ticket) for ticket in tickets] == [[], []]


def test_a_job_that_kills_its_workers_ends_in_the_dead_letters(shop_v1: Shop) -> None:
    shop_v1.happened()
    for _ in range(outbox.MAX_ATTEMPTS):
        assert shop_v1.stage.databases.run_here(outbox.claim, KINDS, 0)
    shop_v1.work()
    assert shop_v1.states() == ["dead"] and shop_v1.stage.calls() == 0
