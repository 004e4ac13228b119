"""What the shop knows of a person, and whom an operator finds, in both generations of the shop's tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from portal.bitrix import dossiers, finding
from portal.bitrix.orders import Sale
from portal.database import Unit
from portal.model import Money
from portal.service.panel_find import Finder
from tests.bitrix.world import ANNA, BORIS, Shop, Sql

NAMELESS = 555
STAFF, MACHINE = 601, 602


@pytest.fixture(params=["new", "old"])
def sold(request: pytest.FixtureRequest) -> Shop:
    shop: Shop = request.getfixturevalue("shop" if request.param == "new" else "old_shop")
    shop.user(NAMELESS, "anonymous_x", EMAIL="anonymous_x@example.com", NAME="Анна")
    shop.insert("b_option", MODULE_ID="sale", NAME="anonymous_user_id", VALUE=str(NAMELESS))
    put(shop, 1, ANNA, "A-1", PAYED="Y", PRICE=100)
    put(shop, 2, ANNA, "A-2", CURRENCY="EUR", SUM_PAID=5, LID="s2")
    put(shop, 3, ANNA, "A-3", CANCELED="Y", SUM_PAID=50)
    put(shop, 4, BORIS, "B-4")
    put(shop, 5, NAMELESS, "N-5")
    archive(shop, 90, ANNA, "A-90")
    archive(shop, 91, NAMELESS, "N-91")
    return shop


def put(shop: Shop, id: int, user: int, number: str, **more: Any) -> None:
    row = {"ID": id, "LID": "s1", "PERSON_TYPE_ID": 1, "STATUS_ID": "N", "DATE_STATUS": Sql("NOW()"), "PRICE": 100, "CURRENCY": "RUB",
           "USER_ID": user, "DATE_INSERT": f"2026-11-{id % 28 + 1:02} 12:00:00", "DATE_UPDATE": Sql("NOW()"), "ACCOUNT_NUMBER": number}  # fmt: skip
    shop.insert("b_sale_order", **row | more)


def archive(shop: Shop, order_id: int, user: int, number: str) -> None:
    shop.insert(
        "b_sale_order_archive", LID="s1", ORDER_ID=order_id, ACCOUNT_NUMBER=number, DATE_INSERT="2020-01-01 10:00:00", PERSON_TYPE_ID=1,
        USER_ID=user, STATUS_ID="F", PAYED="Y", PRICE=70, CURRENCY="RUB", VERSION=1, DATE_ARCHIVED="2024-01-01 10:00:00",
    )  # fmt: skip


def sale(shop: Shop, site: str = "") -> Sale:
    return Sale(shop.shape, site, ZoneInfo("Europe/Moscow"), "ru")


def numbers(shop: Shop, *users: int, site: str = "", limit: int = 20, offset: int = 0) -> list[str]:
    return [order.number for order in shop.read(dossiers.orders, sale(shop, site), users, limit, offset)]


def test_a_person_of_two_accounts_has_the_orders_of_both_newest_first(sold: Shop) -> None:
    assert numbers(sold, ANNA, BORIS) == ["B-4", "A-3", "A-2", "A-1"]
    assert numbers(sold, ANNA, BORIS, limit=2, offset=1) == ["A-3", "A-2"]
    assert numbers(sold, ANNA, site="s2") == ["A-2"]


def test_worth_is_by_currency_and_what_is_cancelled_counts_as_an_order_alone(sold: Shop) -> None:
    (anna,) = sold.read(dossiers.accounts, sale(sold), [ANNA])
    assert (anna.orders, anna.canceled) == (3, 1)
    assert anna.spent == (Money(Decimal("5.00"), "EUR"), Money(Decimal("100.00"), "RUB"))
    assert anna.guest, "nobody has signed in as her"


def test_what_was_paid_back_is_told_by_currency(sold: Shop) -> None:
    for back in ("N", "Y", "P"):
        sold.execute(
            "INSERT INTO b_sale_order_payment (ORDER_ID, PAY_SYSTEM_ID, `SUM`, CURRENCY, PAY_SYSTEM_NAME, IS_RETURN) "
            "VALUES (1, 1, 10, 'RUB', 'x', :back)",
            back=back,
        )
    assert sold.read(dossiers.returned, sale(sold), [ANNA]) == (Money(Decimal("20.00"), "RUB"),)


def test_the_nameless_buyers_are_nobody_in_every_question(sold: Shop) -> None:
    assert numbers(sold, NAMELESS) == []
    assert sold.read(dossiers.accounts, sale(sold), [NAMELESS]) == []
    assert sold.read(dossiers.archived, sale(sold), [NAMELESS]) == []
    ((order, owner),) = sold.read(dossiers.by_id, sale(sold), [5])
    assert order.number == "N-5" and owner.nameless
    # The control: without the option it is an account like any other.
    sold.execute("DELETE FROM b_option")
    assert numbers(sold, NAMELESS) == ["N-5"]


def test_an_archived_order_shows_what_its_row_has(sold: Shop) -> None:
    (one,) = sold.read(dossiers.archived, sale(sold), [ANNA])
    assert (one.order_id, one.number, one.user_id, one.paid, one.sum) == (90, "A-90", ANNA, True, Decimal("70.00"))
    assert sold.read(dossiers.archived, sale(sold, "s2"), [ANNA]) == []


def found(shop: Shop, q: str, site: str = "") -> list[int]:
    finder = Finder(sale(shop, site), None)  # type: ignore[arg-type]
    return [hit.user_id for _, hit in shop.read(finder._ask, q)[0] if not hit.nameless]


def test_people_are_found_by_number_address_and_name(sold: Shop) -> None:
    sold.execute("UPDATE b_user SET EMAIL = 'anna@shop.example' WHERE ID = :id", id=ANNA)
    for q in (
        "A-1",
        "заказ № A-2",
        "#A-3",
        "A-90",
        "anna@",
        "ANNA@shop.example",
        "анн",
        "Иванова Анна",
        "Анна Ив",
    ):
        assert found(sold, q) == [ANNA], q
    for q in ("A-", "na@shop", "%", "_", "%@", "иваныч", "", "9161", "' OR 1=1 -- ", "N-5", "N-91", "\\"):
        assert found(sold, q) == [], q


def test_staff_machines_and_the_nameless_are_not_found_by_name(sold: Shop) -> None:
    sold.user(STAFF, "admin", NAME="Анна", EMAIL="admin@shop.example")
    sold.user(MACHINE, "bot", NAME="Анна", EXTERNAL_AUTH_ID="bot")
    assert set(found(sold, "Анна")) == {ANNA, STAFF}, "the control: an account of no group is anybody's"
    sold.group(1, None, STAFF)
    assert found(sold, "Анна") == [ANNA] and found(sold, "admin@") == []


def test_the_search_stays_on_its_site(sold: Shop) -> None:
    sold.execute("UPDATE b_user SET LID = 's1'")
    assert found(sold, "Борис") == [BORIS] and found(sold, "Борис", "s2") == []
    assert found(sold, "Анна", "s2") == [ANNA], "she has ordered there"
    assert found(sold, "A-2", "s1") == [] and found(sold, "A-2", "s2") == [ANNA]


def test_a_number_and_an_address_are_found_by_an_index_and_a_name_is_not(sold: Shop) -> None:
    for number in range(700, 900):
        sold.user(number, f"u{number}", EMAIL=f"u{number}@else.example", NAME="Кто-то")
        put(sold, number, number, f"C-{number}")
    at = (sold.shape, False)

    def whole(statement: Any, **told: Any) -> set[str]:
        """The tables that are read from end to end."""
        plan = sold.read(lambda unit: unit.shop.execute(text(f"EXPLAIN {statement.text}"), told).mappings().all())
        return {row["table"] for row in plan if row["type"] == "ALL"} & {"u", "o", "a"}

    assert whole(finding._accounts(*at, "u.EMAIL LIKE :email"), email="anna@%") == set()
    assert whole(finding._by_number(*at), number="A-1", id=1) == set()
    assert whole(finding._accounts(*at, "u.NAME LIKE :name"), name="анн%") == {"u"}, "the control"


@pytest.mark.parametrize("words", [["нет"], ["нет", "такого"], ["кто"]])
def test_a_name_costs_no_more_than_the_newest_accounts_however_many_there_are(
    sold: Shop, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    sold.execute(
        "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, LAST_NAME, DATE_REGISTER) "
        "SELECT seq, seq, '', 'Y', '', ELT(1 + (seq < 1010), 'Давний', 'Кто-то'), 'Такой', NOW() FROM seq_1000_to_3999"
    )

    def looked_at(unit: Unit) -> tuple[list[int], int, int]:
        unit.shop.exec_driver_sql("FLUSH STATUS")
        hits, newest = finding.by_name(unit, sale(sold), words)
        rows = unit.shop.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler\\_read%%'").all()
        return [hit.user_id for hit in hits], newest, sum(int(row[1]) for row in rows)

    old = [1009, 1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001, 1000] if words == ["кто"] else []
    hits, newest, reads = sold.read(looked_at)
    assert (hits, newest) == (old, 0) and reads > 3000, "the control: all are looked at, the newest first"
    monkeypatch.setattr(finding, "NEWEST", 200)
    hits, newest, reads = sold.read(looked_at)
    assert (hits, newest) == ([], 200) and reads < 2 * 200 + 50
