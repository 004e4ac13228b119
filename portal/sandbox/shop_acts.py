"""What customers of the demo shop do to it, and the word of it that its handlers would leave for the portal.

The row is written in the transaction of the change, as the printed handlers do (`portal snippet init`); a shop without
the table goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql

from portal.sandbox import people

if TYPE_CHECKING:
    Connection = pymysql.Connection[pymysql.cursors.Cursor]

NO_SUCH_TABLE = 1146


def register(connection: Connection, email: str, password: str, name: str) -> int | None:
    """A new account, by its id; None where there is one with this address, or a word is missing."""
    if not (email and password and name):
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM b_user WHERE EMAIL = %s", (email,))
        if cursor.fetchone():
            return None
        connection.begin()
        cursor.execute(
            "INSERT INTO b_user (LOGIN, PASSWORD, EMAIL, NAME, LAST_NAME, LID, LANGUAGE_ID, DATE_REGISTER, LAST_LOGIN) "
            "VALUES (%s, %s, %s, %s, '', 's1', 'ru', NOW(), NOW())",
            (email[:50], people.hash_password(password), email, name[:50]),
        )
        user_id = int(cursor.lastrowid)
        cursor.execute("INSERT INTO b_user_group (USER_ID, GROUP_ID) VALUES (%s, %s)", (user_id, people.REGISTERED))
        _tell(cursor, "user", user_id)
        connection.commit()
    return user_id


def change(connection: Connection, user_id: int, form: dict[str, str]) -> None:
    """Do what a form of the personal page says: turn the order that it names, or change the profile."""
    if form.get("order", "").isdecimal():
        turn_order(connection, user_id, int(form["order"]))
    else:
        change_profile(connection, user_id, *(form.get(field, "").strip() for field in ("name", "last_name", "phone")))


def change_profile(connection: Connection, user_id: int, name: str, last_name: str, phone: str) -> None:
    """The account's name and phone are these now."""
    with connection.cursor() as cursor:
        connection.begin()
        cursor.execute(
            "UPDATE b_user SET NAME = %s, LAST_NAME = %s, PERSONAL_PHONE = %s, TIMESTAMP_X = NOW() WHERE ID = %s",
            (name[:50], last_name[:50], phone[:50], user_id),
        )
        _tell(cursor, "user", user_id)
        connection.commit()


def turn_order(connection: Connection, user_id: int, order_id: int) -> None:
    """Cancel an order of this account, or take that back; another's is not touched."""
    with connection.cursor() as cursor:
        connection.begin()
        cursor.execute(
            "UPDATE b_sale_order SET CANCELED = IF(CANCELED = 'Y', 'N', 'Y'), DATE_CANCELED = NOW(), "
            "DATE_UPDATE = NOW() WHERE ID = %s AND USER_ID = %s",
            (order_id, user_id),
        )
        if cursor.rowcount:
            _tell(cursor, "order", order_id)
        connection.commit()


def orders(connection: Connection, user_id: int) -> list[dict[str, str]]:
    """ID, ACCOUNT_NUMBER and CANCELED of an account's orders, newest first."""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(
            "SELECT ID, ACCOUNT_NUMBER, CANCELED FROM b_sale_order WHERE USER_ID = %s ORDER BY ID DESC LIMIT 20",
            (user_id,),
        )
        return list(cursor.fetchall())


def _tell(cursor: pymysql.cursors.Cursor, kind: str, object_id: int) -> None:
    try:
        cursor.execute(
            "INSERT INTO custom_hde_shop_event (kind, object_id, created_at) VALUES (%s, %s, UTC_TIMESTAMP(6))",
            (kind, object_id),
        )
    except pymysql.Error as error:
        if error.args[0] != NO_SUCH_TABLE:
            raise
