"""What changes in the shop, told or found, becomes one job; of a deleted account nothing is left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest
from sqlalchemy import text

from portal.database import Databases, Unit
from portal.sandbox import schema as shop_tables
from portal.service import shop_changes
from portal.service.shop_changes import ShopChanges
from portal.store import blobs, cursors, limits, links, order_tickets, outbox, pushed, shop_events
from portal.store.migrate import migrate
from portal.store.pushed import Pushed
from tests.bitrix.world import settings
from tests.conftest import MariaDB

ANNA, BORIS, NAMELESS = 7, 8, 3
ANNAS_ORDER, BORIS_ORDER, NAMELESS_ORDER = 1001, 1002, 1003
LONG_AGO = "NOW() - INTERVAL 3 DAY"


class World:
    """A shop and our tables, in one database or in two, and a clock that runs when it is told to."""

    def __init__(self, shop_url: str, state_url: str, patch: pytest.MonkeyPatch) -> None:
        self.databases = Databases(shop_url, state_url)
        shop_tables.create(self.shop, "new")
        migrate(self.databases)
        self.changes = ShopChanges(settings(timezone="UTC"), self.databases)
        for user in (ANNA, BORIS, NAMELESS):
            self.user(user)
        for order, user in ((ANNAS_ORDER, ANNA), (BORIS_ORDER, BORIS), (NAMELESS_ORDER, NAMELESS)):
            self.order(order, user)
        self.shop(f"INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('sale', 'anonymous_user_id', '{NAMELESS}')")
        # Every look is due; how often it is by itself is test_paces'.
        patch.setattr(shop_changes, "NEW_SECONDS", 0.0)
        patch.setattr(shop_changes, "WALK_SECONDS", 0.0)

    def shop(self, statement: str) -> Any:
        return self._run("shop", statement)

    def state(self, statement: str) -> Any:
        return self._run("state", statement)

    def _run(self, where: str, statement: str) -> Any:
        def work(unit: Unit) -> Any:
            result = getattr(unit, where).execute(text(statement))
            return result.all() if result.returns_rows else result.rowcount

        return self.databases.run_here(work)

    def user(self, user: int, changed: str = LONG_AGO) -> None:
        self.shop(
            "INSERT INTO b_user (ID, LOGIN, PASSWORD, DATE_REGISTER, TIMESTAMP_X) "
            f"VALUES ({user}, 'u{user}', '', NOW(), {changed})"
        )

    def order(self, order: int, user: int, changed: str = LONG_AGO) -> None:
        self.shop(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, "
            f"DATE_INSERT, DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({order}, 's1', 1, 'N', NOW(), 1, 'RUB', {user}, NOW(), "
            f"{changed.replace('NOW()', 'UTC_TIMESTAMP()')}, 'A{order}')"
        )

    def touch(self, table: str, object_id: int, changed: str = "NOW() + INTERVAL 10 SECOND") -> None:
        column = "TIMESTAMP_X" if table == "b_user" else "DATE_UPDATE"
        stamp = changed if table == "b_user" else changed.replace("NOW()", "UTC_TIMESTAMP()")
        self.shop(f"UPDATE {table} SET {column} = {stamp} WHERE ID = {object_id}")

    def tell(self, kind: str, object_id: int) -> None:
        self.shop(
            "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) "
            f"VALUES ('{kind}', {object_id}, UTC_TIMESTAMP(6))"
        )

    def told(self) -> bool:
        return asyncio.run(self.changes.told())

    def look(self) -> None:
        asyncio.run(self.changes.new())

    def walk(self, times: int = 1) -> None:
        for _ in range(times):
            asyncio.run(self.changes.changed())

    def walked_once(self) -> None:
        """As it stands once the first two walks have begun: what changes from now on is found."""
        self.walk(2)
        assert self.jobs == []

    @property
    def jobs(self) -> list[tuple[str, dict[str, Any], str]]:
        rows = self.state("SELECT kind, payload, queue FROM custom_hde_outbox ORDER BY id")
        return [(kind.decode(), json.loads(payload), queue.decode()) for kind, payload, queue in rows]

    def done(self) -> None:
        """The jobs are done."""
        self.state("UPDATE custom_hde_outbox SET state = 'done', finished_at = UTC_TIMESTAMP(6)")


@pytest.fixture(params=["one database", "two databases"])
def world(
    request: pytest.FixtureRequest, mariadb: MariaDB, schema: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    state = schema
    if request.param == "two databases":
        state = f"{schema}_state"
        mariadb.execute(f"CREATE DATABASE {state}")
    made = World(mariadb.url(schema), mariadb.url(state), monkeypatch)
    yield made
    made.databases.close()
    if state != schema:
        mariadb.execute(f"DROP DATABASE {state}")


def contact(user: int) -> tuple[str, dict[str, Any], str]:
    return "shop.contact", {"user": user}, f"shop:{user}"


def of_order(order: int, user: int) -> tuple[str, dict[str, Any], str]:
    return "shop.order", {"order": order, "user": user}, f"shop:{user}"


def test_what_the_shop_tells_is_put_the_account_before_its_order(world: World) -> None:
    world.tell("order", ANNAS_ORDER)
    world.tell("user", ANNA)
    assert world.told()
    assert world.jobs == [contact(ANNA), of_order(ANNAS_ORDER, ANNA)]
    assert world.shop("SELECT * FROM custom_hde_shop_event") == []
    assert not world.told()


def test_ten_quick_changes_are_one_job(world: World) -> None:
    for _ in range(5):
        world.tell("order", ANNAS_ORDER)
    world.told()
    for _ in range(5):
        world.tell("order", ANNAS_ORDER)
        world.told()
    assert world.jobs == [of_order(ANNAS_ORDER, ANNA)]
    world.done()
    world.tell("order", ANNAS_ORDER)
    world.told()
    assert len(world.jobs) == 2, "what came after the job was done is another"


def test_workers_that_take_at_once_put_each_job_once(world: World) -> None:
    for number in range(20):
        world.order(2000 + number, ANNA if number % 2 else BORIS)
    for turn in range(10):
        for number in range(20):
            world.tell("order", 2000 + (number * 7 + turn) % 20)

    async def together() -> None:
        others = [ShopChanges(world.changes.settings, world.databases) for _ in range(6)]
        await asyncio.gather(*(each.told() for each in others * 3))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop_changes, "BATCH", 13)
        asyncio.run(together())
    while world.told():
        pass
    assert world.shop("SELECT * FROM custom_hde_shop_event") == []
    assert sorted(job[1]["order"] for job in world.jobs) == list(range(2000, 2020))


def test_whom_nobody_knows_is_told_to_nobody(world: World) -> None:
    for kind, object_id in (("user", NAMELESS), ("order", NAMELESS_ORDER), ("user", 4711), ("order", 4711)):
        world.tell(kind, object_id)
    assert world.told()
    assert world.jobs == []


def test_an_unknown_kind_is_told_and_dropped(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.tell("basket", 1)
    world.tell("user", ANNA)
    with caplog.at_level(logging.WARNING):
        world.told()
    assert "unknown kind 'basket'" in caplog.text
    assert world.jobs == [contact(ANNA)]
    assert not world.told()


def test_an_event_goes_only_with_its_jobs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tell("user", ANNA)

    def fails(*_args: object, **_more: object) -> None:
        raise ValueError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", fails)
        with pytest.raises(ValueError, match="in the middle"):
            world.told()
    assert len(world.shop("SELECT * FROM custom_hde_shop_event")) == 1
    world.told()
    assert world.jobs == [contact(ANNA)]


def test_of_two_databases_the_jobs_are_kept_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's commit is lost: the event is there again, and its job is one."""
    world.tell("user", ANNA)

    def lost(unit: Unit) -> None:
        unit.shop.rollback()
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Unit, "commit", lost)
        with pytest.raises(ConnectionError):
            world.told()
    assert len(world.shop("SELECT * FROM custom_hde_shop_event")) == 1
    world.told()
    assert world.jobs == [contact(ANNA)]


def test_of_two_databases_no_event_goes_before_its_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's commit is the last thing that happens: what we had not kept by then would be lost."""
    world.tell("user", ANNA)

    def halfway(unit: Unit) -> None:
        unit.shop.commit()
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(Unit, "commit", halfway)
        with pytest.raises(ConnectionError):
            world.told()
    assert world.shop("SELECT * FROM custom_hde_shop_event") == []
    assert world.jobs == [contact(ANNA)]


def test_without_a_word_of_the_shop_new_rows_are_found(world: World) -> None:
    world.look()
    world.look()
    assert world.jobs == [], "what was there before us is not new"
    world.touch("b_user", ANNA, "NOW() - INTERVAL 4 SECOND")
    world.look()
    world.done()
    assert world.jobs == [contact(ANNA)], "the last ids are looked at again, and this one was changed"
    world.state("DELETE FROM custom_hde_outbox")
    world.user(9, "NOW() - INTERVAL 5 SECOND")
    world.order(1004, 9, "NOW() - INTERVAL 5 SECOND")
    world.look()
    assert world.jobs == [contact(9), of_order(1004, 9)]
    world.look()
    world.done()
    world.look()
    assert len(world.jobs) == 2


@pytest.mark.parametrize("back", [0, 200], ids=["the control", "with the ids below"])
def test_a_lower_id_that_is_committed_late_is_found(world: World, monkeypatch: pytest.MonkeyPatch, back: int) -> None:
    monkeypatch.setattr(shop_changes, "BACK_IDS", back)
    world.look()
    world.user(12, "NOW() - INTERVAL 5 SECOND")
    world.look()
    world.user(11, "NOW() - INTERVAL 8 SECOND")
    world.look()
    assert world.jobs == ([contact(12), contact(11)] if back else [contact(12)])


def test_what_is_being_written_this_moment_is_left_to_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_changes, "SETTLED_SECONDS", 60)
    world.look()
    world.user(9, "NOW()")
    world.user(10, "NOW() - INTERVAL 2 MINUTE")
    world.look()
    assert world.jobs == [contact(10)]
    world.touch("b_user", 9, "NOW() - INTERVAL 2 MINUTE")
    world.look()
    assert world.jobs == [contact(10), contact(9)]


def test_what_is_changed_is_found_by_walking(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_changes, "SLICE", 2)
    world.walk(4)
    assert world.jobs == []
    world.touch("b_user", BORIS)
    world.touch("b_sale_order", ANNAS_ORDER)
    world.touch("b_sale_order", NAMELESS_ORDER)
    world.walk(6)
    assert sorted(world.jobs) == sorted([contact(BORIS), of_order(ANNAS_ORDER, ANNA)])
    world.done()
    world.walk(6)
    assert len(world.jobs) == 2, "found once"
    world.touch("b_sale_order", ANNAS_ORDER, "NOW() + INTERVAL 20 SECOND")
    world.walk(6)
    assert world.jobs[2:] == [of_order(ANNAS_ORDER, ANNA)], "and again when it is changed again"


def test_what_was_changed_before_the_very_first_walk_is_left_to_the_backfill(world: World) -> None:
    world.touch("b_user", ANNA, "NOW() - INTERVAL 1 HOUR")
    world.look()
    world.look()
    world.walk(5)
    assert world.jobs == []


@pytest.mark.parametrize("remembers", [False, True], ids=["the control", "with what was seen"])
def test_told_and_found_is_one_call(world: World, remembers: bool) -> None:
    """The walk comes by after the job was done."""
    world.walked_once()
    world.touch("b_sale_order", ANNAS_ORDER)
    world.touch("b_user", BORIS)
    world.tell("order", ANNAS_ORDER)
    world.told()
    world.done()
    if not remembers:
        world.state("DELETE FROM custom_hde_shop_seen")
    world.walk(3)
    found = [contact(BORIS)] if remembers else [contact(BORIS), of_order(ANNAS_ORDER, ANNA)]
    assert world.jobs == [of_order(ANNAS_ORDER, ANNA), *found]


def test_a_new_row_that_was_told_is_one_call(world: World) -> None:
    world.look()
    world.user(9, "NOW() - INTERVAL 5 SECOND")
    world.tell("user", 9)
    world.told()
    world.done()
    world.look()
    world.walk(3)
    assert world.jobs == [contact(9)]


def test_a_change_after_what_was_told_is_found(world: World) -> None:
    """A shop whose handlers were told of one change, and not of the next: written by another program."""
    world.walked_once()
    world.touch("b_sale_order", ANNAS_ORDER, "NOW() + INTERVAL 10 SECOND")
    world.tell("order", ANNAS_ORDER)
    world.told()
    world.done()
    world.touch("b_sale_order", ANNAS_ORDER, "NOW() + INTERVAL 20 SECOND")
    world.walk(2)
    assert world.jobs == [of_order(ANNAS_ORDER, ANNA)] * 2


def test_a_clock_that_is_hours_off_misses_nothing(world: World) -> None:
    """PORTAL_TIMEZONE is wrong by eleven hours: the order seems to be changed long before the walk began."""
    world.walk(3)
    two_days_ago = int(world.state("SELECT UNIX_TIMESTAMP()")[0][0]) - 48 * 3600
    since = two_days_ago + 22 * 3600
    world.state(
        f"UPDATE custom_hde_cursor SET value = '0 {since} {since + 26 * 3600} {two_days_ago}' "
        "WHERE name = 'shop-walk:order'"
    )
    world.touch("b_sale_order", ANNAS_ORDER, "NOW() - INTERVAL 11 HOUR")
    world.walk(2)
    assert world.jobs == [of_order(ANNAS_ORDER, ANNA)]


def test_several_processes_walk_no_faster_than_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_changes, "WALK_SECONDS", 3600.0)
    monkeypatch.setattr(shop_changes, "NEW_SECONDS", 3600.0)
    seen = []
    monkeypatch.setattr(shop_changes, "_unseen", lambda _unit, kind, _rows: seen.append(kind) or [])

    async def three() -> None:
        others = [ShopChanges(world.changes.settings, world.databases) for _ in range(3)]
        await asyncio.gather(*(each.changed() for each in others))

    asyncio.run(three())
    asyncio.run(three())
    assert sorted(seen) == ["order", "user"]


def fill(world: World, user: int, contact_id: int, ticket: int) -> None:
    """Everything that we may have of an account."""

    def work(unit: Unit) -> None:
        links.prove(unit, user, f"{user}@shop.example", "email-proof")
        links.add(unit, user, f"{user}@shop.example", "email-proof", [contact_id])
        links.own(unit, ticket, user, contact_id, "portal")
        order_tickets.put(unit, ticket, ticket, user, "A1", "text")
        pushed.put(unit, user, Pushed(cursors.now(unit).replace(tzinfo=UTC), contact_id))
        job = outbox.put(unit, "hde.reply", {"text": f"a word of {user}"}, user, queue="t", ticket_id=ticket)
        blobs.put(unit, job.id, 0, [b"his file"])
        limits.hit(unit, f"post:60:{user}", 5, 60)
        limits.hit(unit, f"ask:60:{user}", 5, 60)
        for kind, key in (
            ("conversation", str(ticket)),
            ("conversation", f"{ticket}1"),
            ("tickets", f"{contact_id}:1"),
        ):
            body = f'1{{"tickets": [{{"id": {ticket}1}}], "ticket": {{"requester_id": {contact_id}}}}}'
            unit.state.execute(
                text(
                    "INSERT INTO custom_hde_snapshot (kind, id, body, fetched_at) VALUES (:k, :i, :b, UTC_TIMESTAMP(6))"
                ),
                {"k": kind.encode(), "i": key.encode(), "b": body.encode()},
            )
        unit.state.execute(
            text(
                "INSERT INTO custom_hde_profile (contact_id, email, user_id, created_at) "
                f"VALUES ({contact_id}, '{user}@mail.example', {user}, UTC_TIMESTAMP(6))"
            )
        )

    world.databases.run_here(work)


def left(world: World, user: int, contact_id: int, ticket: int) -> dict[str, int]:
    """Rows of ours that are about this account, by table."""
    mine = f"user_id = {user}"
    asked = {
        "user_map": mine,
        "ticket_owner": mine,
        "order_ticket": mine,
        "profile": mine,
        "pushed": mine,
        "outbox": mine,
        "blob": f"job_id IN (SELECT id FROM custom_hde_outbox WHERE {mine}) OR job_id NOT IN (SELECT id FROM custom_hde_outbox)",
        "cursor": f"name LIKE 'limit%_{user}'",
        "snapshot": f"id IN ('{ticket}', '{ticket}1', '{contact_id}:1')",
    }
    return {
        table: world.state(f"SELECT COUNT(*) FROM custom_hde_{table} WHERE {where}")[0][0]
        for table, where in asked.items()
    }


ALL = {
    "user_map": 2,
    "ticket_owner": 1,
    "order_ticket": 1,
    "profile": 1,
    "pushed": 1,
    "outbox": 1,
    "blob": 1,
    "cursor": 2,
    "snapshot": 3,
}


def test_of_a_deleted_account_nothing_is_left_and_the_help_desk_is_told(world: World) -> None:
    fill(world, ANNA, 41, 500)
    fill(world, BORIS, 42, 600)
    assert left(world, ANNA, 41, 500) == left(world, BORIS, 42, 600) == ALL
    world.shop(f"DELETE FROM b_user WHERE ID = {ANNA}")
    world.tell("user.gone", ANNA)
    world.told()
    assert set(left(world, ANNA, 41, 500).values()) == {0}
    assert left(world, BORIS, 42, 600) == ALL
    gone = ("shop.gone", {"user": ANNA, "contacts": [41]}, f"shop:{ANNA}")
    assert [job for job in world.jobs if job[0].startswith("shop.")] == [gone]
    world.walk(3)
    assert [job for job in world.jobs if job[0].startswith("shop.")] == [gone], "not found gone again"


def test_who_is_about_to_be_deleted_is_missed_once_he_is(world: World) -> None:
    """Older cores tell before they delete."""
    fill(world, ANNA, 41, 500)
    world.tell("user.gone", ANNA)
    world.told()
    assert left(world, ANNA, 41, 500) == ALL
    world.shop(f"DELETE FROM b_user WHERE ID = {ANNA}")
    world.walk()
    assert set(left(world, ANNA, 41, 500).values()) == {0}
    assert world.jobs == [("shop.gone", {"user": ANNA, "contacts": [41]}, f"shop:{ANNA}")]


@pytest.mark.parametrize("missing", ["everybody", "many"])
def test_a_shop_that_lacks_its_people_is_not_believed(
    world: World, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its database is being restored, or is another one."""
    fill(world, ANNA, 41, 500)
    if missing == "everybody":
        world.shop("DELETE FROM b_user")
    else:
        for number in range(21):
            world.databases.run_here(links.prove, 2000 + number, "x@shop.example", "email-proof")
        world.shop(f"DELETE FROM b_user WHERE ID = {ANNA}")
    with caplog.at_level(logging.WARNING):
        world.walk(3)
    assert left(world, ANNA, 41, 500) == ALL
    assert caplog.text.count("missing from the shop at once") == 1, "a walk is every two seconds, and the log is not"


def test_a_job_that_runs_while_its_account_goes_leaves_nothing(world: World) -> None:
    fill(world, ANNA, 41, 500)
    job = world.databases.run_here(outbox.claim, ["hde.reply"], 60)
    assert job
    world.shop(f"DELETE FROM b_user WHERE ID = {ANNA}")
    world.tell("user.gone", ANNA)
    world.told()
    assert not world.databases.run_here(outbox.finish, job, ticket_id=501)
    assert set(left(world, ANNA, 41, 500).values()) == {0}


def test_a_shop_that_has_no_table_for_its_events_is_walked_all_the_same(world: World) -> None:
    world.walked_once()
    world.shop(f"DROP TABLE {shop_events.TABLE}")
    assert not world.told()
    world.touch("b_user", ANNA)
    world.walk()
    assert world.jobs == [contact(ANNA)]
