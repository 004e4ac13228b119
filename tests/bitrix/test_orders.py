"""The shop's orders on a real MariaDB, in both generations of its tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event

from portal.bitrix import tables
from portal.bitrix.orders import Sale
from portal.database import Databases, Unit
from portal.model import Money, Order, OrderStatus
from portal.sandbox import schema as shop_tables
from tests.bitrix.world import ANNA, BORIS, Shop, Sql, serialize
from tests.conftest import MariaDB

CANARY = "canary: she is rude"
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.fixture(params=["old", "new"])
def either(request: pytest.FixtureRequest) -> Shop:
    """A shop of each generation."""
    found = request.getfixturevalue("shop" if request.param == "new" else "old_shop")
    assert isinstance(found, Shop)
    return found


def sale(shop: Shop, site: str = "", language: str = "ru") -> Sale:
    return Sale(shop.shape, site, MOSCOW, language)


def order(shop: Shop, id: int, user: int = ANNA, **changed: Any) -> None:
    row = {
        "ID": id, "LID": "s1", "PERSON_TYPE_ID": 1, "STATUS_ID": "N", "DATE_STATUS": Sql("NOW()"), "PRICE": "100.0000", "CURRENCY": "RUB",
        "USER_ID": user, "DATE_INSERT": "2026-11-20 10:00:00", "DATE_UPDATE": "2026-11-20 11:00:00", "ACCOUNT_NUMBER": f"A-{id}",
        "COMMENTS": CANARY, "REASON_CANCELED": CANARY, "REASON_MARKED": CANARY,
    }  # fmt: skip
    shop.insert("b_sale_order", **(row | changed))


def line(shop: Shop, id: int, order_id: int, **changed: Any) -> None:
    row = {
        "ID": id, "FUSER_ID": 1, "ORDER_ID": order_id, "PRODUCT_ID": 500 + id, "PRICE": "50.0000", "CURRENCY": "RUB", "LID": "s1",
        "DATE_INSERT": Sql("NOW()"), "DATE_UPDATE": Sql("NOW()"), "QUANTITY": "2.0000", "NAME": f"thing {id}", "DISCOUNT_PRICE": 0,
    }  # fmt: skip
    shop.insert("b_sale_basket", **(row | changed))


def parcel(shop: Shop, id: int, order_id: int, **changed: Any) -> None:
    row = {
        "ID": id, "ORDER_ID": order_id, "DATE_INSERT": Sql("NOW()"), "STATUS_ID": "DN", "DELIVERY_ID": 1, "DELIVERY_NAME": "Courier",
        "SYSTEM": "N", "COMMENTS": CANARY, "REASON_CANCELED": CANARY, "REASON_MARKED": CANARY,
    }  # fmt: skip
    shop.insert("b_sale_order_delivery", **(row | changed))


def payment(shop: Shop, id: int, order_id: int, **changed: Any) -> None:
    row = {
        "ID": id, "ORDER_ID": order_id, "PAY_SYSTEM_ID": 1, "PAID": "N", "SUM": "100.0000", "CURRENCY": "RUB", "PAY_SYSTEM_NAME": "Card",
        "COMMENTS": CANARY, "PAY_RETURN_COMMENT": CANARY,
    }  # fmt: skip
    shop.insert("b_sale_order_payment", **(row | changed))


def change(shop: Shop, id: int, order_id: int, type: str, data: object = None, **changed: Any) -> None:
    row = {
        "ID": id, "ORDER_ID": order_id, "TYPE": type, "DATA": data if isinstance(data, str) else serialize(data or {}).decode(),
        "DATE_CREATE": "2026-11-20 10:00:00", "DATE_MODIFY": Sql("NOW()"), "USER_ID": 1, "ENTITY": "ORDER",
    }  # fmt: skip
    shop.insert("b_sale_order_change", **(row | changed))


def status(shop: Shop, id: str, **names: str) -> None:
    shop.insert("b_sale_status", ID=id)
    for language, name in names.items():
        shop.insert("b_sale_status_lang", STATUS_ID=id, LID=language, NAME=name)


def page(shop: Shop, user: int = ANNA, limit: int = 20, offset: int = 0, **terms: str) -> tuple[Order, ...]:
    found: tuple[Order, ...] = shop.read(sale(shop, **terms).page, user, limit, offset)
    return found


def one(shop: Shop, **terms: str) -> Order:
    (found,) = page(shop, **terms)
    return found


@contextmanager
def counted(shop: Shop) -> Iterator[list[str]]:
    """The statements that reach the shop's database."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = shop.databases._shop_reads
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_an_order_is_what_the_shop_says(either: Shop) -> None:
    status(either, "P", ru="Собирается", en="Being packed")
    order(either, 7, STATUS_ID="P", PRICE="1690.5000", PRICE_DELIVERY="300.0000", SUM_PAID="500.00")
    assert one(either) == Order(
        id=7,
        number="A-7",
        created_at=datetime(2026, 11, 20, 7, tzinfo=UTC),
        updated_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
        status=OrderStatus("P", "Собирается"),
        paid=False,
        canceled=False,
        sum=Decimal("1690.50"),
        paid_sum=Decimal("500.00"),
        delivery_sum=Decimal("300.00"),
        currency="RUB",
        admin_path="/bitrix/admin/sale_order_view.php?ID=7",
    )
    assert one(either, language="en").status.name == "Being packed"


def test_a_status_is_named_as_well_as_the_shop_can(either: Shop) -> None:
    status(either, "P", de="Wird gepackt")
    order(either, 1, STATUS_ID="P")
    order(either, 2, STATUS_ID="X")
    assert [found.status.name for found in page(either)] == ["X", "Wird gepackt"]


def test_an_order_without_a_number_is_known_by_its_id(either: Shop) -> None:
    order(either, 7, ACCOUNT_NUMBER=None)
    order(either, 8, ACCOUNT_NUMBER="")
    assert [found.number for found in page(either)] == ["8", "7"]


def test_the_newest_come_first_and_pages_do_not_overlap(either: Shop) -> None:
    for id in range(1, 6):
        order(either, id, DATE_INSERT=f"2026-11-{10 + id} 10:00:00" if id < 5 else "2026-11-01 10:00:00")
    pages = [[found.id for found in page(either, limit=2, offset=offset)] for offset in (0, 2, 4, 6)]
    assert pages == [[4, 3], [2, 1], [5], []]


def test_anothers_orders_and_those_being_saved_do_not_count(either: Shop) -> None:
    order(either, 1, BORIS)
    order(either, 2, RUNNING="Y")
    order(either, 3)
    assert [found.id for found in page(either)] == [3]
    buyer = either.read(sale(either).buyer, ANNA)
    assert buyer.orders == 1


def test_one_site_or_all(either: Shop) -> None:
    order(either, 1)
    order(either, 2, LID="s2")
    assert [found.id for found in page(either)] == [2, 1]
    assert [found.id for found in page(either, site="s2")] == [2]
    assert [either.read(sale(either, site).buyer, ANNA).orders for site in ("", "s1", "s3")] == [2, 1, 0]


def test_a_line_with_its_options(either: Shop) -> None:
    order(either, 1)
    line(either, 10, 1, NAME="Mug", PRICE="449.9900", QUANTITY="3.0000", MEASURE_NAME="шт")
    line(either, 11, 1, NAME="Tea", PRICE="1960.3300", QUANTITY="0.2500", SORT=50)
    for id, (name, value, code) in enumerate(
        [("Colour", "blue", "COLOR"), ("XML", "4711", "PRODUCT.XML_ID"), ("Size", None, "SIZE")]
    ):
        either.insert("b_sale_basket_props", ID=id + 1, BASKET_ID=10, NAME=name, VALUE=value, CODE=code, SORT=100 - id)
    tea, mug = one(either).lines
    assert (tea.name, tea.quantity, tea.sum) == ("Tea", Decimal("0.25"), Decimal("490.08"))
    assert (mug.name, mug.quantity, mug.measure, mug.price, mug.sum, mug.product_id) == (
        "Mug", Decimal(3), "шт", Decimal("449.99"), Decimal("1349.97"), 510,
    )  # fmt: skip
    assert mug.options == (("Size", ""), ("Colour", "blue"))


def test_a_bundle_is_one_line_and_its_parts_are_none(either: Shop) -> None:
    order(either, 1, PRICE="250.0000")
    line(either, 10, 1, NAME="Set", TYPE=1, SET_PARENT_ID=10, PRICE="200.0000", QUANTITY="1.0000")
    line(either, 11, 1, NAME="part", SET_PARENT_ID=10)
    line(either, 12, 1, NAME="part", SET_PARENT_ID=10, TYPE=0)
    line(either, 13, 1, NAME="Ribbon", PRICE="50.0000", QUANTITY="1.0000")
    found = one(either)
    assert [each.name for each in found.lines] == ["Set", "Ribbon"]
    assert sum(each.sum for each in found.lines) == found.sum


def test_a_part_whose_bundle_is_gone_is_a_line(either: Shop) -> None:
    order(either, 1)
    line(either, 11, 1, NAME="left alone", SET_PARENT_ID=10)
    assert [each.name for each in one(either).lines] == ["left alone"]


def test_payments_and_parcels_without_the_technical_one(either: Shop) -> None:
    status(either, "DF", ru="Отгружен")
    order(either, 1)
    payment(either, 1, 1, SUM="40.0000", PAID="Y", DATE_PAID="2026-11-20 12:30:00")
    payment(either, 2, 1, SUM="60.0000", PAY_SYSTEM_NAME="Cash", DATE_PAID="2026-11-20 12:30:00")
    parcel(either, 1, 1, SYSTEM="Y", DELIVERY_NAME="technical")
    parcel(either, 2, 1, STATUS_ID="DF", DEDUCTED="Y", TRACKING_NUMBER="RA1")
    found = one(either)
    assert [(each.name, each.sum, each.paid, each.paid_at) for each in found.payments] == [
        ("Card", Decimal("40.00"), True, datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("Cash", Decimal("60.00"), False, None),
    ]
    assert [(each.name, each.status.name, each.tracking, each.shipped) for each in found.shipments] == [
        ("Courier", "Отгружен", "RA1", True)
    ]


def test_the_history_tells_what_may_be_told(either: Shop) -> None:
    status(either, "F", ru="Выполнен")
    order(either, 1)
    parcel(either, 5, 1, SYSTEM="Y")
    change(either, 1, 1, "ORDER_ADDED")
    change(either, 2, 1, "ORDER_STATUS_CHANGED", {"STATUS_ID": "F"})
    change(either, 3, 1, "ORDER_CANCELED", {"CANCELED": "Y", "REASON_CANCELED": CANARY})
    change(either, 4, 1, "ORDER_CANCELED", {"CANCELED": "N", "REASON_CANCELED": CANARY})
    change(either, 5, 1, "ORDER_COMMENTED", {"COMMENTS": CANARY})
    change(either, 6, 1, "ORDER_PRICE_CHANGED", {"PRICE": "100.5", "OLD_PRICE": 90.0, "CURRENCY": "RUB"})
    change(either, 7, 1, "SHIPMENT_TRACKING_NUMBER_CHANGED", {"TRACKING_NUMBER": "RA1"}, ENTITY="SHIPMENT", ENTITY_ID=6)
    change(either, 8, 1, "SHIPMENT_ADDED", {"DELIVERY_NAME": "technical"}, ENTITY="SHIPMENT", ENTITY_ID=5)
    change(either, 9, 1, "BRAND_NEW_TYPE", {"TEXT": CANARY})
    change(either, 10, 1, "BASKET_ADDED", {"NAME": "Кружка", "QUANTITY": 2})
    assert [(each.type, each.value, each.undone) for each in one(either).history] == [
        ("ORDER_ADDED", "", False),
        ("ORDER_STATUS_CHANGED", "Выполнен", False),
        ("ORDER_CANCELED", "", False),
        ("ORDER_CANCELED", "", True),
        ("ORDER_PRICE_CHANGED", "100.50 RUB", False),
        ("SHIPMENT_TRACKING_NUMBER_CHANGED", "RA1", False),
        ("BASKET_ADDED", "Кружка", False),
    ]


@pytest.mark.parametrize(
    "data",
    ["", "garbage", 'a:1:{s:4:"NAME";s:400:"cut off', 'O:8:"stdClass":0:{}', "i:5;", 'a:1:{s:4:"NAME";a:0:{}}', "a:0:{}x"],
)  # fmt: skip
def test_a_change_whose_details_cannot_be_read_still_happened(shop: Shop, data: str) -> None:
    order(shop, 1)
    change(shop, 1, 1, "BASKET_ADDED", data)
    assert [(each.type, each.value) for each in one(shop).history] == [("BASKET_ADDED", "")]


def test_details_count_their_bytes_in_the_shops_own_encoding(shop: Shop) -> None:
    order(shop, 1)
    change(shop, 1, 1, "BASKET_ADDED", 'a:1:{s:4:"NAME";s:6:"Кружка";}')
    assert [each.value for each in one(shop).history] == ["Кружка"]


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e999999", "cheap", "-1e15"])
def test_a_price_that_is_none_is_not_told(shop: Shop, price: str) -> None:
    order(shop, 1)
    change(shop, 1, 1, "ORDER_PRICE_CHANGED", {"PRICE": price, "CURRENCY": "RUB"})
    assert [each.value for each in one(shop).history] == [""]


def test_what_the_staff_wrote_is_nowhere(either: Shop) -> None:
    either.execute(f"UPDATE b_user SET ADMIN_NOTES = '{CANARY}', PERSONAL_NOTES = '{CANARY}' WHERE ID = {ANNA}")
    order(either, 1, CANCELED="Y", USER_DESCRIPTION="by the garden gate")
    line(either, 1, 1)
    payment(either, 1, 1)
    parcel(either, 1, 1)
    for id, type in enumerate(
        ["ORDER_ADDED", "ORDER_COMMENTED", "ORDER_CANCELED", "ORDER_MARKED", "SHIPMENT_MARKED", "ORDER_DEDUCTED"]
    ):
        change(
            either,
            id + 1,
            1,
            type,
            {"COMMENTS": CANARY, "REASON_CANCELED": CANARY, "REASON_MARKED": CANARY, "REASON_UNDO_DEDUCTED": CANARY},
        )
    with counted(either) as statements:
        told = [either.read(sale(either).buyer, ANNA), *page(either)]
    assert "canary" not in json.dumps([asdict(each) for each in told], default=str)
    assert not [each for each in statements if "COMMENTS" in each or "REASON_" in each]
    rows = either.read(lambda unit: unit.shop.exec_driver_sql("SELECT COMMENTS FROM b_sale_order").all())
    assert rows == [(CANARY,)], "the positive control: it is there to be leaked"


@pytest.mark.parametrize("orders", [1, 200])
def test_the_number_of_queries_does_not_grow_with_the_orders(either: Shop, orders: int) -> None:
    for id in range(1, orders + 1):
        order(either, id)
        line(either, id, id)
        payment(either, id, id)
    with counted(either) as statements:
        either.read(sale(either).buyer, ANNA)
        found = page(either, limit=200)
    assert len(statements) == 3
    assert [len(each.lines) + len(each.payments) for each in found] == [2] * orders


SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_what_was_changed_since_then_is_found_among_his_own_orders_alone(either: Shop) -> None:
    order(either, 1, DATE_UPDATE="2026-11-20 12:00:00")
    order(either, 2, DATE_UPDATE="2026-11-20 11:59:59")
    order(either, 3, BORIS, DATE_UPDATE="2026-11-20 12:00:00")
    order(either, 4, DATE_UPDATE="2026-11-21 12:00:00", RUNNING="Y")
    assert either.read(sale(either).changed, ANNA, SINCE) == 1
    assert [each.id for each in either.read(sale(either).page, ANNA, 20, 0, SINCE)] == [1]
    assert either.read(sale(either).page, ANNA, 20, 1, SINCE) == ()


def test_it_reads_no_more_rows_than_he_has_orders(either: Shop) -> None:
    order(either, 1, BORIS, DATE_UPDATE="2026-11-21 12:00:00")
    columns = "LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE"
    for _ in range(12):  # twice as many each time: 4,096, as of a few hundred a database may well read all
        either.execute(f"INSERT INTO b_sale_order ({columns}) SELECT {columns} FROM b_sale_order")
    for id in range(100_001, 100_006):
        order(either, id)
    read = "SHOW SESSION STATUS LIKE 'Handler_read_%'"

    def work(unit: Unit) -> int:
        unit.shop.exec_driver_sql("ANALYZE TABLE b_sale_order").all()
        unit.shop.exec_driver_sql("FLUSH STATUS")
        found = sale(either).changed(unit, ANNA, SINCE), len(sale(either).page(unit, ANNA, 20, 0, SINCE))
        assert found == (0, 0)
        return sum(int(value) for _, value in unit.shop.exec_driver_sql(read.replace("%", "%%")))

    assert either.read(work) < 100


def test_a_buyer_and_what_he_has_spent(either: Shop) -> None:
    either.execute(
        f"UPDATE b_user SET PERSONAL_MOBILE = '+7 900', DATE_REGISTER = '2026-01-02 03:00:00' WHERE ID = {ANNA}"
    )
    order(either, 1, PAYED="Y", SUM_PAID="100.00")
    order(either, 2, SUM_PAID="30.55")
    order(either, 3, SUM_PAID="500.00", CANCELED="Y")
    order(either, 4, CURRENCY="EUR", PAYED="Y", SUM_PAID="0.00", PRICE="9.9900")
    order(either, 5, CURRENCY="USD")
    order(either, 6, BORIS, PAYED="Y", SUM_PAID="100.00")
    buyer = either.read(sale(either).buyer, ANNA)
    assert (buyer.id, buyer.name, buyer.email, buyer.phone) == (ANNA, "Анна Иванова", "anna@shop.example", "+7 900")
    assert (buyer.registered_at, buyer.orders, buyer.active) == (datetime(2026, 1, 2, tzinfo=UTC), 5, True)
    assert buyer.spent == (Money(Decimal("9.99"), "EUR"), Money(Decimal("130.55"), "RUB"))


def test_a_buyer_without_orders_is_a_buyer_and_a_stranger_is_none(either: Shop) -> None:
    buyer = either.read(sale(either).buyer, BORIS)
    assert (buyer.orders, buyer.spent, buyer.phone) == (0, (), "")
    assert either.read(sale(either).buyer, 5) is None


def test_an_account_that_is_switched_off_is_told_as_such(shop: Shop, old_shop: Shop) -> None:
    shop.execute(f"UPDATE b_user SET BLOCKED = 'Y' WHERE ID = {ANNA}")
    old_shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {ANNA}")
    for each in (shop, old_shop):
        assert not each.read(sale(each).buyer, ANNA).active
        assert each.read(sale(each).buyer, BORIS).active


def test_the_account_of_all_nameless_buyers_is_nobodys(either: Shop) -> None:
    order(either, 1)
    assert either.read(sale(either).buyer, ANNA)
    either.insert("b_option", MODULE_ID="sale", NAME="anonymous_user_id", VALUE=str(ANNA))
    assert either.read(sale(either).buyer, ANNA) is None
    assert either.read(sale(either).buyer, BORIS)
    assert either.read(sale(either).choices, ANNA, 50) == []
    assert either.read(sale(either).own, ANNA, "A-1") is None
    assert page(either) == ()


def test_an_order_is_picked_by_exactly_its_number(either: Shop) -> None:
    order(either, 1, ACCOUNT_NUMBER="A-1")
    order(either, 2, ACCOUNT_NUMBER=None)
    order(either, 3, BORIS, ACCOUNT_NUMBER="B-3")

    def own(number: str) -> int | None:
        found = either.read(sale(either).own, ANNA, number)
        return found and found.id

    assert [own(number) for number in ("A-1", "2")] == [1, 2]
    for number in (
        "a-1",
        "A-1 ",
        " A-1",
        "Á-1",
        "1",
        "B-3",
        "3",
        "",
        "02",
        "２",
        "A-1\x00",
        "\ud800",
        "%",
        "x" * 5000,
        "9" * 90,
    ):
        assert own(number) is None, number
    row = either.read(
        lambda unit: unit.shop.exec_driver_sql("SELECT ID FROM b_sale_order WHERE ACCOUNT_NUMBER = 'á-1'").all()
    )
    assert row == [(1,)], "the positive control: the database alone would take it"


def test_choices_are_the_newest(either: Shop) -> None:
    for id in range(1, 4):
        order(either, id, PRICE=f"{id}.5000")
    found = either.read(sale(either).choices, ANNA, 2)
    assert [(each.number, each.total, each.currency) for each in found] == [
        ("A-3", Decimal("3.50"), "RUB"),
        ("A-2", Decimal("2.50"), "RUB"),
    ]


def test_a_shop_without_the_module_has_no_orders(database_url: str) -> None:
    databases = Databases(database_url)

    def create(unit: Unit) -> None:
        for statement in (
            "CREATE TABLE b_user (ID int PRIMARY KEY, LOGIN varchar(50), EMAIL varchar(255), NAME varchar(50), LAST_NAME varchar(50),"
            " CONFIRM_CODE varchar(8), ACTIVE char(1), PERSONAL_PHONE varchar(255), PERSONAL_MOBILE varchar(255), DATE_REGISTER datetime)",
            "CREATE TABLE b_option (MODULE_ID varchar(50), NAME varchar(50), VALUE text, SITE_ID char(2))",
            "INSERT INTO b_user VALUES (7, 'anna', 'anna@shop.example', 'Anna', NULL, NULL, 'Y', NULL, NULL, NOW())",
        ):
            unit.shop.exec_driver_sql(statement)

    databases.run_here(create)
    bare = Sale(databases.read_here(tables.inspect), "s1", MOSCOW, "ru")
    assert databases.read_here(bare.buyer, 7).orders == 0  # type: ignore[union-attr]
    assert databases.read_here(bare.page, 7, 20, 0) == ()
    assert databases.read_here(bare.choices, 7, 50) == []
    assert databases.read_here(bare.own, 7, "A-1") is None
    databases.close()


@pytest.mark.parametrize("hidden", ["b_sale_order", "b_sale_basket", "b_sale_basket_props", "b_sale_status_lang"])
def test_tables_that_may_not_be_read_are_as_if_they_were_not_there(mariadb: MariaDB, shop: Shop, hidden: str) -> None:
    order(shop, 1)
    name = shop.url.split("/")[3].split("?")[0]
    needed = ("b_user", "b_option", "b_sale_order", "b_sale_basket", "b_sale_basket_props", "b_sale_status_lang")
    mariadb.execute("CREATE OR REPLACE USER reader@localhost IDENTIFIED BY 'x'")
    for table in needed:
        mariadb.execute(f"GRANT SELECT ON {name}.{table} TO reader@localhost")
    reads = Databases(shop.url.replace("root@", "reader:x@"))
    assert reads.read_here(tables.inspect).orders, "the positive control"
    mariadb.execute(f"REVOKE SELECT ON {name}.{hidden} FROM reader@localhost")
    reads.close()
    reads = Databases(shop.url.replace("root@", "reader:x@"))
    shape = reads.read_here(tables.inspect)
    assert not shape.orders
    assert reads.read_here(Sale(shape, "", MOSCOW, "ru").buyer, ANNA).orders == 0  # type: ignore[union-attr]
    reads.close()


def test_the_oldest_modules_have_less_and_are_read_too(shop: Shop) -> None:
    order(shop, 1, PAYED="Y")
    line(shop, 1, 1, TYPE=1, SET_PARENT_ID=1)
    oldest = replace(shop.shape, running=False, bundles=False, parts=False, changes=False)
    (found,) = shop.read(Sale(oldest, "", MOSCOW, "ru").page, ANNA, 20, 0)
    assert (found.paid_sum, len(found.lines), found.payments, found.history) == (Decimal("100.00"), 1, (), ())


def test_tables_of_different_encodings_are_read_together(mariadb: MariaDB, schema: str) -> None:
    """A shop that has lived long: some tables were converted and others not."""
    mariadb.execute(*shop_tables.statements("old"), schema=schema)
    for table, encoding in (
        ("b_sale_basket", "cp1251 COLLATE cp1251_general_ci"), ("b_sale_status_lang", "utf8mb4 COLLATE utf8mb4_general_ci"),
        ("b_sale_order_change", "utf8mb3 COLLATE utf8mb3_unicode_ci"), ("b_sale_order", "cp1251"),
    ):  # fmt: skip
        mariadb.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {encoding}", schema=schema)
    shop = Shop(mariadb.url(schema), "old")
    shop.user(ANNA, "anna")
    order(shop, 1, ACCOUNT_NUMBER="Ж-1")
    line(shop, 1, 1, NAME="Кружка")
    status(shop, "N", ru="Принят")
    change(shop, 1, 1, "BASKET_ADDED", {"NAME": "Кружка"})
    found = one(shop)
    assert (found.number, found.status.name, found.lines[0].name, found.history[0].value) == (
        "Ж-1",
        "Принят",
        "Кружка",
        "Кружка",
    )
    assert shop.read(sale(shop).own, ANNA, "Ж-1").id == 1
    shop.databases.close()


@pytest.mark.parametrize("date", ["0", "'0001-01-01 00:00:00'"])
def test_a_date_of_zeros_is_no_date(shop: Shop, date: str) -> None:
    order(shop, 1)

    def zero(unit: Unit) -> None:
        unit.shop.exec_driver_sql("SET sql_mode = ''")
        unit.shop.exec_driver_sql(f"UPDATE b_sale_order SET DATE_INSERT = {date}, DATE_UPDATE = {date}")
        unit.shop.exec_driver_sql("SET sql_mode = 'STRICT_ALL_TABLES'")

    shop.databases.run_here(zero)
    assert one(shop).created_at == datetime(1970, 1, 1, tzinfo=UTC)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PRICES = st.decimals(0, Decimal("99999999999999.9999"), places=4, allow_nan=False, allow_infinity=False)
QUANTITIES = st.decimals(0, 99999, places=4, allow_nan=False, allow_infinity=False)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS, option=TEXTS, price=PRICES, quantity=QUANTITIES, paid=PRICES)
def test_any_text_and_any_sum_come_through(
    shop: Shop, name: str, option: str, price: Decimal, quantity: Decimal, paid: Decimal
) -> None:
    for table in ("b_sale_order", "b_sale_basket", "b_sale_basket_props", "b_sale_order_payment"):
        shop.execute(f"DELETE FROM {table}")
    order(shop, 1, PRICE=str(price))
    line(shop, 1, 1, NAME=name, PRICE=str(price), QUANTITY=str(quantity))
    shop.insert("b_sale_basket_props", BASKET_ID=1, NAME=option, VALUE=name)
    payment(shop, 1, 1, SUM=str(paid), PAY_SYSTEM_NAME=name)
    found = one(shop)
    (bought,) = found.lines
    cents = Decimal("0.01")
    assert (bought.name, bought.options, found.payments[0].name) == (name, ((option, name),), name)
    assert abs(found.sum - price) <= cents / 2 and found.sum == found.sum.quantize(cents)
    assert abs(found.payments[0].sum - paid) <= cents / 2
    assert bought.quantity == quantity
    assert abs(bought.sum - price * quantity) <= cents / 2
