"""What the shop's PHP has told is taken once, by whoever is there, and waits for nobody's open transaction."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from portal.database import Databases, Unit
from portal.store import shop_events
from portal.store.migrate import migrate
from portal.store.shop_events import ShopEvent
from tests.conftest import MariaDB


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def shop(mariadb: MariaDB, schema: str) -> Iterator[pymysql.Connection[pymysql.cursors.Cursor]]:
    """The shop's own connection, in a transaction of its own."""
    connection = pymysql.connect(unix_socket=str(mariadb.socket), user="root", database=schema)
    yield connection
    connection.close()


def tell(shop: pymysql.Connection[pymysql.cursors.Cursor], kind: str, object_id: int) -> None:
    with shop.cursor() as cursor:
        cursor.execute(
            "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) VALUES (%s, %s, UTC_TIMESTAMP(6))",
            (kind, object_id),
        )


def ids(events: list[ShopEvent]) -> list[int]:
    return [event.object_id for event in events]


def test_an_event_is_taken_once(databases: Databases, shop: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
    tell(shop, "user", 7)
    tell(shop, "order", 1001)
    shop.commit()
    taken = databases.run_here(shop_events.take, 10)
    assert [(event.kind, event.object_id) for event in taken] == [("user", 7), ("order", 1001)]
    assert databases.run_here(shop_events.take, 10) == []


def test_what_fails_is_taken_again(databases: Databases, shop: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
    tell(shop, "user", 7)
    shop.commit()

    def fails(unit: Unit) -> None:
        assert ids(shop_events.take(unit, 10)) == [7]
        raise ValueError("before the jobs were kept")

    with pytest.raises(ValueError, match="before the jobs"):
        databases.run_here(fails)
    assert ids(databases.run_here(shop_events.take, 10)) == [7]


@pytest.mark.parametrize("skips", [True, False], ids=["new server", "old server"])
def test_a_lower_id_that_is_committed_later_is_taken(
    databases: Databases,
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    mariadb: MariaDB,
    schema: str,
    skips: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shop_events, "_skips", lambda _unit: skips)
    tell(shop, "order", 1)  # a long checkout: its row has the lower id, and is not there yet
    mariadb.execute(
        "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) VALUES ('order', 2, UTC_TIMESTAMP(6))",
        schema=schema,
    )
    began = time.monotonic()
    assert ids(databases.run_here(shop_events.take, 10)) == [2]
    assert time.monotonic() - began < 5, "an open transaction of the shop's is waited for by nobody"
    shop.commit()
    assert ids(databases.run_here(shop_events.take, 10)) == [1]


@pytest.mark.parametrize("skips", [True, False], ids=["new server", "old server"])
def test_two_workers_share_and_none_takes_what_the_other_has(
    databases: Databases,
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    skips: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shop_events, "_skips", lambda _unit: skips)
    for number in range(1, 41):
        tell(shop, "order", number)
    shop.commit()
    first_has, second_may = threading.Event(), threading.Event()
    taken: dict[str, list[int]] = {}

    def first(unit: Unit) -> list[int]:
        found = ids(shop_events.take(unit, 20))
        first_has.set()
        second_may.wait(10)
        return found

    def run_first() -> None:
        taken["first"] = databases.run_here(first)

    thread = threading.Thread(target=run_first)
    thread.start()
    assert first_has.wait(10)
    if skips:
        taken["second"] = ids(databases.run_here(shop_events.take, 40))
        second_may.set()
    else:
        second_may.set()
        taken["second"] = ids(databases.run_here(shop_events.take, 40))
    thread.join()
    assert taken == {"first": list(range(1, 21)), "second": list(range(21, 41))}


@pytest.mark.parametrize("skips", [True, False], ids=["new server", "old server"])
def test_the_shop_never_waits_for_us(
    databases: Databases,
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    skips: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It writes on while we hold what we have taken; the control reads without our isolation, and makes it wait."""
    monkeypatch.setattr(shop_events, "_skips", lambda _unit: skips)
    with shop.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
    for number in range(1, 4):
        tell(shop, "order", number)
    shop.commit()

    def hold(unit: Unit) -> list[int]:
        found = ids(shop_events.take(unit, 10))
        tell(shop, "order", 4)
        shop.commit()
        return found

    assert databases.run_here(hold) == [1, 2, 3]

    def careless(unit: Unit) -> None:
        unit.shop.rollback()
        unit.shop.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        unit.shop.exec_driver_sql("SELECT * FROM custom_hde_shop_event FOR UPDATE").all()
        tell(shop, "order", 5)

    with pytest.raises(pymysql.err.OperationalError, match="1205"):
        databases.run_here(careless)


def test_many_workers_at_once_take_each_row_once(
    databases: Databases, shop: pymysql.Connection[pymysql.cursors.Cursor]
) -> None:
    for number in range(500):
        tell(shop, "order", number)
    shop.commit()
    taken: list[int] = []

    def work() -> None:
        while found := databases.run_here(shop_events.take, 7):
            taken.extend(ids(found))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while found := databases.run_here(shop_events.take, 7):
        taken.extend(ids(found))
    assert sorted(taken) == list(range(500))


def test_without_the_table_there_is_nothing_to_take(databases: Databases, mariadb: MariaDB, schema: str) -> None:
    mariadb.execute("DROP TABLE custom_hde_shop_event", schema=schema)
    assert databases.run_here(shop_events.take, 10) == []


def test_the_table_is_made_in_the_shops_database(mariadb: MariaDB, schema: str) -> None:
    mariadb.execute(f"CREATE DATABASE {schema}_state")
    both = Databases(mariadb.url(schema), mariadb.url(f"{schema}_state"))
    try:
        assert shop_events.TABLE in migrate(both)
        assert migrate(both) == []
        tables = both.read_here(lambda unit: unit.shop.exec_driver_sql("SHOW TABLES").scalars().all())
        assert tables == [shop_events.TABLE]
    finally:
        both.close()
        mariadb.execute(f"DROP DATABASE {schema}_state")


def test_a_user_who_may_not_create_it_is_told_and_may_do_the_rest(
    mariadb: MariaDB, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = f"u{schema}"
    mariadb.execute(f"CREATE USER {user}@localhost", f"GRANT SELECT ON {schema}.* TO {user}@localhost")
    opened = Databases(mariadb.url(schema).replace("root@", f"{user}@"))
    try:
        with caplog.at_level(logging.WARNING):
            assert not opened.run_here(shop_events.create)
        assert "PORTAL_DATABASE_URL may not create or use custom_hde_shop_event" in caplog.text
        assert opened.run_here(shop_events.take, 10) == []
        mariadb.execute(shop_events._CREATE, schema=schema)
        caplog.clear()
        assert not opened.run_here(shop_events.create), "there, and of no use to who may not delete from it"
        assert "SELECT and DELETE" in caplog.text
        assert opened.run_here(shop_events.take, 10) == []
        mariadb.execute("DROP TABLE custom_hde_shop_event", schema=schema)
        # What the message says, done by the shop's administrator:
        statement = caplog.records[-1].getMessage().partition("run:\n")[2].rstrip(";")
        mariadb.execute(
            statement,
            f"GRANT SELECT, DELETE ON {schema}.custom_hde_shop_event TO {user}@localhost",
            "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) VALUES ('user', 7, NOW())",
            schema=schema,
        )
        assert not opened.run_here(shop_events.create)
        assert ids(opened.run_here(shop_events.take, 10)) == [7]
    finally:
        opened.close()
        mariadb.execute(f"DROP USER {user}@localhost")
