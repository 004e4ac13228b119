"""The one column of b_uts_user that is ours: written with the rights that the README asks for, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from portal.bitrix.fields import mirror_contact
from portal.database import Databases, Unit
from tests.conftest import MariaDB

FIELD = "UF_HDE_USER_ID"
GRANTS = (
    "GRANT SELECT ON {}.b_user TO bridge@localhost",
    f"GRANT SELECT (VALUE_ID, {FIELD}), INSERT (VALUE_ID, {FIELD}), UPDATE ({FIELD}) ON {{}}.b_uts_user TO bridge@localhost",
)


@pytest.fixture
def bridge(mariadb: MariaDB, schema: str) -> Iterator[Databases]:
    """A database user with the rights of the README."""
    mariadb.execute(
        "CREATE TABLE b_user (ID int PRIMARY KEY, NAME text)",
        f"CREATE TABLE b_uts_user (VALUE_ID int PRIMARY KEY, {FIELD} int, UF_OTHER text)",
        "INSERT INTO b_user VALUES (7, 'Anna'), (8, 'Boris')",
        "INSERT INTO b_uts_user VALUES (7, NULL, 'theirs')",
        "CREATE OR REPLACE USER bridge@localhost IDENTIFIED BY 'secret'",
        *(grant.format(schema) for grant in GRANTS),
        schema=schema,
    )
    opened = Databases(mariadb.url(schema).replace("root@", "bridge:secret@"))
    yield opened
    opened.close()


def rows(databases: Databases) -> list[tuple[int, int | None]]:
    found = databases.read_here(
        lambda unit: unit.shop.exec_driver_sql(f"SELECT VALUE_ID, {FIELD} FROM b_uts_user ORDER BY VALUE_ID").all()
    )
    return [(row[0], row[1]) for row in found]


def test_the_rights_of_the_readme_are_enough(bridge: Databases) -> None:
    for user, contact in ((7, 41), (8, 42), (8, 43), (9, 44)):
        bridge.run_here(mirror_contact, FIELD, user, contact)
    assert rows(bridge) == [(7, 41), (8, 43)]
    bridge.run_here(mirror_contact, FIELD, 7, None)
    assert rows(bridge) == [(7, None), (8, 43)]


def test_a_row_that_the_shop_makes_at_the_same_moment_is_written_to(
    bridge: Databases, mariadb: MariaDB, schema: str
) -> None:
    def work(unit: Unit) -> None:
        made = []

        @event.listens_for(unit.shop, "before_cursor_execute")
        def _row_comes(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if statement.startswith("INSERT") and not made:
                made.append(mariadb.execute("INSERT INTO b_uts_user VALUES (8, NULL, 'theirs')", schema=schema))

        mirror_contact(unit, FIELD, 8, 42)
        assert made

    bridge.run_here(work)
    assert rows(bridge)[1] == (8, 42)


def test_a_failure_that_is_no_missing_field_is_raised(bridge: Databases, mariadb: MariaDB, schema: str) -> None:
    mariadb.execute(f"ALTER TABLE b_uts_user MODIFY {FIELD} tinyint", schema=schema)
    with pytest.raises(DBAPIError):
        bridge.run_here(mirror_contact, FIELD, 7, 100_000)


def test_without_the_right_it_is_told_and_nothing_is_raised(
    bridge: Databases, mariadb: MariaDB, schema: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.bitrix.fields._told", set())
    mariadb.execute(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM bridge@localhost", f"GRANT SELECT ON {schema}.* TO bridge@localhost"
    )
    bridge.run_here(mirror_contact, FIELD, 7, 41)
    assert rows(bridge) == [(7, None)] and "PORTAL_USER_FIELD" in caplog.text
