"""Orders for the benchmark of the order pull, and the count of the queries that one of them takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql

from portal.sandbox import people

ORDERS = 20
"""Of each customer: one page."""
LINES = 5

Row = dict[str, Any]


def fill(database_url: str, customers: Iterable[int], count: int = ORDERS) -> None:
    """So many orders of five lines each, with options, payment, parcels and history."""
    with people.connect(database_url) as connection, connection.cursor() as cursor:
        for user in customers:
            for place in range(count):
                for table, rows in _order(user * (100 if count <= 100 else 1000) + place, user).items():
                    _insert(cursor, table, rows)


@contextmanager
def queries(database_url: str) -> Iterator[list[str]]:
    """What is asked of the shop's tables, and of our list of orders, while the block runs."""
    seen: list[str] = []
    with people.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL log_output = 'TABLE'")
        cursor.execute("TRUNCATE mysql.general_log")
        cursor.execute("SET GLOBAL general_log = 1")
        try:
            yield seen
        finally:
            cursor.execute("SET GLOBAL general_log = 0")
        cursor.execute("SELECT argument FROM mysql.general_log WHERE command_type = 'Query'")
        told = [bytes(row[0]).decode() if isinstance(row[0], bytes) else str(row[0]) for row in cursor.fetchall()]
        seen += [each for each in told if " b_" in each or "custom_hde_order_ticket" in each]


def _order(id: int, user: int) -> dict[str, Sequence[Row]]:
    at = {"DATE_INSERT": f"2026-{id % 12 + 1:02}-01 12:00:00", "DATE_UPDATE": "2026-11-20 12:00:00"}
    money = {"CURRENCY": "RUB", "LID": "s1"}
    lines = [id * 10 + place for place in range(LINES)]
    history = ("ORDER_ADDED", "PAYMENT_ADDED", "SHIPMENT_ADDED", "ORDER_STATUS_CHANGED", "ORDER_COMMENTED")
    return {
        "b_sale_order": [
            {"ID": id, "PERSON_TYPE_ID": 1, "STATUS_ID": "N", "DATE_STATUS": at["DATE_UPDATE"], "PRICE": 5300, "PRICE_DELIVERY": 300,
             "USER_ID": user, "ACCOUNT_NUMBER": f"А-{id}", **at, **money}
        ],
        "b_sale_basket": [
            {"ID": line, "FUSER_ID": 1, "ORDER_ID": id, "PRODUCT_ID": line, "PRICE": 500, "QUANTITY": 2, "NAME": "Кроссовки беговые",
             "DISCOUNT_PRICE": 0, "MEASURE_NAME": "шт", **at, **money}
            for line in lines
        ],
        "b_sale_basket_props": [
            {"BASKET_ID": line, "NAME": name, "VALUE": value, "CODE": name}
            for line in lines
            for name, value in (("Цвет", "синий"), ("Размер", "42"))
        ],
        "b_sale_order_payment": [
            {"ID": id, "ORDER_ID": id, "PAY_SYSTEM_ID": 1, "SUM": 5300, "CURRENCY": "RUB", "PAY_SYSTEM_NAME": "Карта"}
        ],
        "b_sale_order_delivery": [
            {"ID": id * 2 + place, "ORDER_ID": id, "DATE_INSERT": at["DATE_INSERT"], "STATUS_ID": "DN", "DELIVERY_ID": 1,
             "DELIVERY_NAME": "Курьер", "SYSTEM": "N" if place else "Y"}
            for place in range(2)
        ],
        "b_sale_order_change": [
            {"ORDER_ID": id, "TYPE": type, "DATA": 'a:1:{s:9:"STATUS_ID";s:1:"N";}', "DATE_CREATE": at["DATE_INSERT"],
             "DATE_MODIFY": at["DATE_INSERT"], "USER_ID": 1}
            for type in history
        ],
    }  # fmt: skip


def _insert(cursor: pymysql.cursors.Cursor, table: str, rows: Sequence[Row]) -> None:
    names = ", ".join(f"`{name}`" for name in rows[0])
    places = ", ".join(["%s"] * len(rows[0]))
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", [tuple(row.values()) for row in rows])
