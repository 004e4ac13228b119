"""The demo shop's accounts, as rows of its own tables: Anna, Boris, and the options a fresh shop has."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import pymysql

from portal.sandbox import orders, schema

Execute = Callable[..., object]

SERVER_ID = "3f0d7c1e5a9b48d2864b7f10c2d3e4a5"
"""Option main.server_uniq_id: what BX_SESSION_SIGN of every session is made of."""

EVERYONE, REGISTERED = 2, 5
"""Groups of a fresh shop: all visitors, registered users."""

MARK = "demo"
"""The option (module `portal`) that says a shop's tables were made here, and which: a real shop's are never touched."""

_MARK = (
    "INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES ('portal', %s, %s) "
    "ON DUPLICATE KEY UPDATE VALUE = VALUES(VALUE)"
)

QUERY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Account:
    """A row of b_user, and the password that goes with it."""

    id: int
    login: str
    password: str
    name: str
    last_name: str


ANNA = Account(7, "anna@shop.example", "anna", "Анна", "Смирнова")
BORIS = Account(8, "boris@shop.example", "boris", "Борис", "Ким")
ACCOUNTS = (ANNA, BORIS)


class NotOurs(Exception):
    """The database holds a shop that this demo did not make."""


def connect(url: str) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """A connection of the shop's own, from the address that SQLAlchemy takes; committed at once."""
    parts = urlsplit(url)
    query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    return pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.lstrip("/")),
        unix_socket=unquote(query["unix_socket"]) if "unix_socket" in query else None,
        charset="utf8mb4",
        autocommit=True,
        read_timeout=QUERY_SECONDS,
    )


def move_in(connection: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
    """Make the shop's tables, people and orders where they are not there yet. Raises NotOurs for anybody else's shop.

    A shop that is whole is not touched at all: the embedded database, once killed, may never finish another DDL.
    """
    tables = schema.statements("new")
    whole = hashlib.sha256("".join(tables).encode()).hexdigest()
    with connection.cursor() as cursor:
        mark = _mark(cursor)
        if mark == whole:
            return
        cursor.execute("SHOW TABLES LIKE 'b_user'")
        if cursor.fetchone() and mark is None:
            raise NotOurs("this database holds a shop already, and the demo only moves into an empty one")
        # b_option first, with the mark in it: a start that is killed half-way is known as ours by the next one.
        for statement in sorted(tables, key=lambda each: " b_option " not in each):
            cursor.execute(statement)
            if mark is None:
                mark = "unfinished"
                cursor.execute(_MARK, (MARK, mark))
        for statement, rows in _ROWS:
            cursor.executemany(statement, rows)
        orders.put(cursor, ANNA.id, BORIS.id)
        cursor.execute(_MARK, (MARK, whole))


def _mark(cursor: pymysql.cursors.Cursor) -> str | None:
    cursor.execute("SHOW TABLES LIKE 'b_option'")
    if not cursor.fetchone():
        return None
    cursor.execute("SELECT VALUE FROM b_option WHERE MODULE_ID = 'portal' AND NAME = %s", (MARK,))
    row = cursor.fetchone()
    return str(row[0]) if row else None


def prove_annas_address(connection: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
    """Anna has followed the link that proves her address; Boris has not, so that both states are seen."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO custom_hde_user_map (user_id, contact_id, email, evidence, sees, created_at) "
            "VALUES (%s, 0, %s, 'email-proof', 1, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)",
            (ANNA.id, ANNA.login),
        )


def check_password(connection: pymysql.Connection[pymysql.cursors.Cursor], login: str, password: str) -> int | None:
    """The id of the account that this login and password open, None when they open none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ID, PASSWORD FROM b_user WHERE LOGIN = %s AND ACTIVE = 'Y' AND BLOCKED <> 'Y'", (login,))
        rows: Sequence[tuple[int, str]] = cursor.fetchall()
    for user_id, stored in rows:
        if hmac.compare_digest(stored.encode(), hash_password(password, stored[:-32]).encode()):
            return user_id
    return None


def account(connection: pymysql.Connection[pymysql.cursors.Cursor], user_id: int) -> dict[str, str] | None:
    """LOGIN, EMAIL, NAME, LAST_NAME and PERSONAL_PHONE of an account, None when it is gone."""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(
            "SELECT LOGIN, EMAIL, NAME, LAST_NAME, PERSONAL_PHONE FROM b_user WHERE ID = %s AND ACTIVE = 'Y'",
            (user_id,),
        )
        row: dict[str, str] | None = cursor.fetchone()
    return row


def hash_password(password: str, salt: str = "") -> str:
    """Bitrix's older scheme, which its newer core still reads: eight characters of salt, then MD5, no better."""
    salt = salt or secrets.token_hex(4)
    return salt + hashlib.md5((salt + password).encode(), usedforsecurity=False).hexdigest()


_ROWS: Sequence[tuple[str, Sequence[tuple[object, ...]]]] = (
    (
        "INSERT INTO b_option (MODULE_ID, NAME, VALUE) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE NAME = VALUES(NAME)",
        (("main", "server_uniq_id", SERVER_ID),),
    ),
    (
        "INSERT INTO b_lang (LID, DEF, NAME, DIR, CHARSET, LANGUAGE_ID, SERVER_NAME, SITE_NAME) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE LID = VALUES(LID)",
        (("s1", "Y", "Лавка", "/", "UTF-8", "ru", "", "Лавка"),),
    ),
    (
        "INSERT INTO b_group (ID, NAME, ANONYMOUS) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE ID = VALUES(ID)",
        (
            (1, "Администраторы", "N"),
            (EVERYONE, "Все пользователи", "Y"),
            (REGISTERED, "Зарегистрированные", "N"),
        ),
    ),
    (
        "INSERT INTO b_user (ID, LOGIN, PASSWORD, EMAIL, NAME, LAST_NAME, LID, LANGUAGE_ID, DATE_REGISTER, LAST_LOGIN) "
        "VALUES (%s, %s, %s, %s, %s, %s, 's1', 'ru', NOW() - INTERVAL 2 YEAR, NOW() - INTERVAL 1 DAY) "
        "ON DUPLICATE KEY UPDATE ID = VALUES(ID)",
        tuple((a.id, a.login, hash_password(a.password), a.login, a.name, a.last_name) for a in ACCOUNTS),
    ),
    (
        "INSERT INTO b_user_group (USER_ID, GROUP_ID) VALUES (%s, %s) "
        "ON DUPLICATE KEY UPDATE USER_ID = VALUES(USER_ID)",
        tuple((a.id, group) for a in ACCOUNTS for group in (EVERYONE, REGISTERED)),
    ),
)
