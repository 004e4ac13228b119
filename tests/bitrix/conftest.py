from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import make_url

from portal.sandbox import schema as shop_tables
from tests.bitrix.world import ANNA, BORIS, SID, Shop
from tests.conftest import MariaDB


@pytest.fixture(scope="session")
def shops(mariadb: MariaDB) -> Iterator[dict[str, Shop]]:
    made = {}
    for generation in ("old", "new"):
        name = f"shop_{generation}_{secrets.token_hex(4)}"
        mariadb.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        mariadb.execute(*shop_tables.statements(generation), schema=name)
        made[generation] = Shop(mariadb.url(name), generation)
    yield made
    for shop in made.values():
        shop.databases.close()


def _people(shop: Shop) -> Shop:
    url = make_url(shop.url)
    connection = pymysql.connect(
        unix_socket=url.query["unix_socket"], user="root", database=url.database, autocommit=True, ssl_disabled=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")
    shop.user(ANNA, "anna", EMAIL=" Anna@Shop.example", NAME="Анна", LAST_NAME="Иванова", LANGUAGE_ID="ru")
    shop.user(BORIS, "boris", EMAIL="boris@shop.example", NAME="Борис")
    return shop


@pytest.fixture
def shop(shops: dict[str, Shop]) -> Shop:
    """A shop on the newest core, with Anna and Boris."""
    return _people(shops["new"])


@pytest.fixture
def old_shop(shops: dict[str, Shop]) -> Shop:
    """The same on a core of 2017: no BLOCKED, no b_user_session, no APPLICATION_ID."""
    return _people(shops["old"])


class Files:
    """PHP's folder of sessions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.setting = f"files://{folder}"

    def write(self, data: bytes, session_id: str = SID) -> str:
        """Keeps the session and gives the Cookie header that names it."""
        (self.folder / f"sess_{session_id}").write_bytes(data)
        return f"PHPSESSID={session_id}"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)
