"""The demo's orders: whole, in every oddity, and put once."""

from __future__ import annotations

from portal.sandbox import orders, people
from portal.sandbox import schema as shop_tables
from tests.conftest import MariaDB


def test_they_are_put_once_and_stay(mariadb: MariaDB, schema: str, database_url: str) -> None:
    mariadb.execute(*shop_tables.statements("new"), schema=schema)
    with people.connect(database_url) as connection, connection.cursor() as cursor:
        for _ in range(2):
            orders.put(cursor, 7, 8)
            counts = {}
            for table in ("b_sale_order", "b_sale_basket", "b_sale_order_payment", "b_sale_order_delivery"):
                cursor.execute(f"SELECT COUNT(*) FROM {table}")
                counts[table] = cursor.fetchone()
            assert counts == {
                "b_sale_order": (5,),
                "b_sale_basket": (8,),
                "b_sale_order_payment": (5,),
                "b_sale_order_delivery": (10,),
            }


def test_every_oddity_is_there() -> None:
    demo = orders.bought(7, 8)
    assert {order.user for order in demo} == {7, 8}
    assert len({order.site for order in demo}) == len({order.currency for order in demo}) == 2
    assert any(order.canceled for order in demo)
    assert any(0 < float(order.paid) < float(order.price) for order in demo)
    assert any(line.parts for order in demo for line in order.lines)
