"""One hop a unit of work; a database that is away is told within a second and well again by itself."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from tests.conftest import MariaDB


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    opened.run_here(lambda unit: unit.state.execute(text("CREATE TABLE t (a VARCHAR(3) PRIMARY KEY, b INT)")))
    yield opened
    opened.close()


def put(unit: Unit, a: str, b: int = 0) -> None:
    unit.state.execute(text("INSERT INTO t VALUES (:a, :b)"), {"a": a, "b": b})


def count(unit: Unit) -> int:
    return int(unit.state.execute(text("SELECT COUNT(*) FROM t")).scalar_one())


def test_a_unit_of_work_is_one_transaction(databases: Databases) -> None:
    def half(unit: Unit) -> None:
        put(unit, "a")
        raise ValueError("in the middle")

    with pytest.raises(ValueError):
        databases.run_here(half)
    assert databases.read_here(count) == 0
    databases.run_here(put, "a")
    assert databases.read_here(count) == 1


def test_what_is_too_long_is_an_error_and_not_cut(databases: Databases) -> None:
    with pytest.raises(DataError):
        databases.run_here(put, "abcd")


def test_a_deadlock_is_tried_again_from_the_start(databases: Databases) -> None:
    databases.run_here(put, "a")
    databases.run_here(put, "b")
    seen: list[str] = []
    each_has_his_first = threading.Barrier(2)

    def cross(unit: Unit, first: str, second: str) -> None:
        seen.append(first)
        change = text("UPDATE t SET b = b + 1 WHERE a = :a")
        unit.state.execute(change, {"a": first})
        if len(seen) <= 2:
            each_has_his_first.wait(10)
        unit.state.execute(change, {"a": second})

    async def both() -> None:
        await asyncio.gather(databases.run(cross, "a", "b"), databases.run(cross, "b", "a"))

    asyncio.run(both())
    assert len(seen) == 3, "one of the two was rolled back and ran again"
    total = databases.read_here(lambda unit: unit.state.execute(text("SELECT SUM(b) FROM t")).scalar_one())
    assert total == 4


def test_a_database_that_is_away_is_told_within_a_second_and_well_again_by_itself(
    mariadb: MariaDB, database_url: str
) -> None:
    databases = Databases(database_url)
    one = text("SELECT 1")
    assert databases.read_here(lambda unit: unit.shop.execute(one).scalar()) == 1
    mariadb.kill()
    try:
        begun = time.monotonic()
        with pytest.raises(DatabaseAway):
            databases.read_here(lambda unit: unit.shop.execute(one).scalar())
        with pytest.raises(DatabaseAway):
            databases.run_here(lambda unit: unit.shop.execute(one).scalar())
        assert time.monotonic() - begun < 1
    finally:
        mariadb.start()
    assert databases.read_here(lambda unit: unit.shop.execute(one).scalar()) == 1
    assert databases.run_here(lambda unit: unit.shop.execute(one).scalar()) == 1
    databases.close()


def test_an_error_of_ours_is_not_taken_for_an_outage_and_names_no_values(databases: Databases) -> None:
    with pytest.raises(OperationalError) as caught:
        databases.run_here(lambda unit: unit.state.execute(text("SELECT nothing FROM t WHERE a = :a"), {"a": "canary"}))
    assert "canary" not in str(caught.value)
