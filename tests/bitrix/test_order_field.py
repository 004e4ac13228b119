"""The one column of an order that is written: exactly that one, where it is and where we may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.bitrix.order_field import OrderField
from portal.database import Databases
from tests.conftest import MariaDB

NAME = "UF_HDE_TICKETS"


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    yield opened
    opened.close()


def execute(databases: Databases, statement: str) -> list[tuple[object, ...]]:
    def work(unit: object) -> list[tuple[object, ...]]:
        result = unit.shop.exec_driver_sql(statement)  # type: ignore[attr-defined]
        return [tuple(row) for row in result] if result.returns_rows else []

    return databases.run_here(work)


def table(databases: Databases, kind: str = "text") -> None:
    execute(
        databases,
        f"CREATE TABLE b_uts_order (VALUE_ID int NOT NULL PRIMARY KEY, UF_OTHER varchar(9), {NAME} {kind}, UF_LAST int)",
    )


def test_a_row_that_is_absent_is_made_and_one_that_is_there_keeps_its_other_columns(databases: Databases) -> None:
    table(databases)
    execute(databases, "INSERT INTO b_uts_order (VALUE_ID, UF_OTHER, UF_LAST) VALUES (1, 'theirs', 5)")
    field = OrderField(NAME)
    assert databases.read_here(field.read, [1, 2]) == {1: "", 2: ""}
    assert databases.run_here(field.write, {1: "10482 open", 2: "№ 7 open"})
    assert databases.read_here(field.read, [1, 2]) == {1: "10482 open", 2: "№ 7 open"}
    assert databases.run_here(field.write, {1: ""})
    assert execute(databases, f"SELECT VALUE_ID, UF_OTHER, {NAME}, UF_LAST FROM b_uts_order ORDER BY 1") == [
        (1, "theirs", "", 5),
        (2, None, "№ 7 open", None),
    ]


@pytest.mark.parametrize("kind", ["int", "datetime", "char(1)"])
def test_a_column_that_takes_no_text_is_told_once_and_left_alone(
    databases: Databases, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    table(databases, kind)
    field = OrderField(NAME)
    assert databases.read_here(field.read, [1]) is None
    assert databases.read_here(field.read, [1]) is None
    assert caplog.text.count("takes no text") == 1


def test_a_shop_without_the_table_or_the_setting_is_left_alone(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    assert databases.read_here(OrderField("").read, [1]) is None
    assert not caplog.text
    assert databases.read_here(OrderField(NAME).read, [1]) is None
    assert "has no column" in caplog.text


def test_a_column_that_is_made_later_is_found(databases: Databases) -> None:
    field = OrderField(NAME)
    assert databases.read_here(field.read, [1]) is None
    table(databases)
    assert databases.read_here(field.read, [1]) == {1: ""}


@pytest.fixture
def reader(mariadb: MariaDB, schema: str, databases: Databases) -> Iterator[str]:
    """A database user who may read the shop and write nothing."""
    table(databases)
    mariadb.execute("CREATE USER reader@localhost")
    mariadb.execute(f"GRANT SELECT ON {schema}.* TO reader@localhost")
    yield mariadb.url(schema).replace("root@", "reader@")
    mariadb.execute("DROP USER reader@localhost")


def test_without_the_grant_it_is_told_once_and_nothing_fails(
    databases: Databases, reader: str, mariadb: MariaDB, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The grants of README's list are enough: the one column, and the key of a row that is made."""
    theirs = Databases(reader)
    try:
        field = OrderField(NAME)
        assert theirs.run_here(field.read, [1]) == {1: ""}
        assert not theirs.run_here(field.write, {1: "x"})
        assert not theirs.run_here(field.write, {1: "x"})
        assert caplog.text.count("has not the grant") == 1
        mariadb.execute(f"GRANT INSERT (VALUE_ID, {NAME}), UPDATE ({NAME}) ON {schema}.b_uts_order TO reader@localhost")
        assert theirs.run_here(field.write, {1: "x"})
        with pytest.raises(Exception, match=r"1143|1142"):
            execute(theirs, "UPDATE b_uts_order SET UF_OTHER = 'ours'")
    finally:
        theirs.close()
