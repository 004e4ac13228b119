"""When accounts and orders were changed last, asked by the primary key alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import TextClause, text

from portal.bitrix import stamps
from portal.bitrix.stamps import Stamp, Stamps
from portal.bitrix.tables import Shape
from tests.bitrix.world import ANNA, BORIS, Shop

MOSCOW = ZoneInfo("Europe/Moscow")


def at(shop: Shop) -> Stamps:
    return Stamps(shop.shape, MOSCOW)


def order(shop: Shop, order_id: int, user_id: int = ANNA, changed: str = "2026-11-20 13:00:00") -> None:
    shop.insert(
        "b_sale_order", ID=order_id, LID="s1", PERSON_TYPE_ID=1, STATUS_ID="N", DATE_STATUS=changed, PRICE=1, CURRENCY="RUB",
        USER_ID=user_id, DATE_INSERT=changed, DATE_UPDATE=changed, ACCOUNT_NUMBER=f"A{order_id}",
    )  # fmt: skip


def test_an_account_has_the_moment_of_its_last_change_whatever_the_connections_zone(shop: Shop) -> None:
    shop.execute("UPDATE b_user SET TIMESTAMP_X = FROM_UNIXTIME(1795000000) WHERE ID = :id", id=ANNA)
    assert shop.read(at(shop).users, [ANNA, 5]) == [Stamp(ANNA, ANNA, 1795000000)]

    def elsewhere(unit: Any) -> Any:
        unit.shop.exec_driver_sql("SET time_zone = '+09:00'")
        try:
            return at(shop).users(unit, [ANNA])
        finally:
            unit.shop.exec_driver_sql("SET time_zone = DEFAULT")

    assert shop.read(elsewhere) == [Stamp(ANNA, ANNA, 1795000000)]


def test_an_order_has_it_by_the_shops_clock_and_names_its_owner(shop: Shop) -> None:
    order(shop, 1001)
    order(shop, 1002, BORIS, "0001-01-01 00:00:00")
    seconds = int(datetime(2026, 11, 20, 13, tzinfo=MOSCOW).timestamp())
    found = shop.read(at(shop).orders, [1001, 1002, 1003])
    assert found[0] == Stamp(1001, ANNA, seconds)
    assert [(row.id, row.user_id) for row in found] == [(1001, ANNA), (1002, BORIS)]
    assert shop.read(at(shop).orders, []) == []


def test_rows_come_in_slices_by_id(shop: Shop) -> None:
    assert [row.id for row in shop.read(at(shop).users_after, 0, 1)] == [ANNA]
    assert [row.id for row in shop.read(at(shop).users_after, ANNA, 500)] == [BORIS]
    assert shop.read(at(shop).users_after, BORIS, 500) == []
    assert shop.read(at(shop).last_user) == BORIS


def test_a_shop_without_orders_has_none(shop: Shop) -> None:
    without = Stamps(Shape(), MOSCOW)
    assert shop.read(without.orders, [1]) == shop.read(without.orders_after, 0, 10) == []
    assert shop.read(without.last_order) == 0


def test_the_account_that_nameless_buyers_share_is_known(shop: Shop) -> None:
    assert shop.read(at(shop).nameless) == frozenset()
    for value in (str(ANNA), "", "no number", "1²"):
        shop.insert("b_option", MODULE_ID="sale", NAME="anonymous_user_id", VALUE=value)
        assert shop.read(at(shop).nameless) == (frozenset({ANNA}) if value == str(ANNA) else frozenset())
        shop.execute("DELETE FROM b_option")


@pytest.mark.parametrize("generation", ["old", "new"])
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (stamps._USERS, {"ids": [ANNA, BORIS, 500]}),
        (stamps._ORDERS, {"ids": [1001, 1002, 1500]}),
        (stamps._USERS_AFTER, {"after": 500, "limit": 50}),
        (stamps._ORDERS_AFTER, {"after": 500, "limit": 50}),
        (stamps._LAST_USER, {}),
        (stamps._LAST_ORDER, {}),
    ],
    ids=["users", "orders", "users after", "orders after", "last user", "last order"],
)
def test_no_query_scans_a_table(
    request: pytest.FixtureRequest, generation: str, statement: TextClause, told: dict[str, Any]
) -> None:
    shop: Shop = request.getfixturevalue("shop" if generation == "new" else "old_shop")
    _fill(shop)
    [plan] = explain(shop, statement, told)
    assert plan["Extra"] == "Select tables optimized away" or (plan["type"], plan["key"]) == ("range", "PRIMARY"), plan


@pytest.mark.parametrize("generation", ["old", "new"])
def test_a_look_by_the_stamp_itself_would_scan(request: pytest.FixtureRequest, generation: str) -> None:
    """The control, and why we walk."""
    shop: Shop = request.getfixturevalue("shop" if generation == "new" else "old_shop")
    _fill(shop)
    [plan] = explain(shop, text("SELECT ID FROM b_user WHERE TIMESTAMP_X > NOW()"), {})
    assert plan["type"] == "ALL"


def _fill(shop: Shop) -> None:
    """Enough rows for a plan to matter."""
    shop.execute("DROP INDEX IF EXISTS IXS_DATE_UPDATE ON b_sale_order")
    shop.execute(
        "INSERT INTO b_user (ID, LOGIN, PASSWORD, DATE_REGISTER) SELECT seq, CONCAT('u', seq), '', NOW() FROM seq_1_to_2000"
    )
    shop.execute(
        "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, "
        "DATE_UPDATE, ACCOUNT_NUMBER) SELECT seq, 's1', 1, 'N', NOW(), 1, 'RUB', seq, NOW(), NOW(), seq FROM seq_1_to_2000"
    )
    shop.read(lambda unit: unit.shop.exec_driver_sql("ANALYZE TABLE b_user, b_sale_order").all())


def explain(shop: Shop, statement: TextClause, told: dict[str, Any]) -> list[Any]:
    expanding = [name for name in statement._bindparams if statement._bindparams[name].expanding]
    clause = text(f"EXPLAIN {statement.text}")
    if expanding:
        clause = clause.bindparams(*[stamps.bindparam(name, expanding=True) for name in expanding])
    return [dict(row) for row in shop.read(lambda unit: unit.shop.execute(clause, told).mappings().all())]
