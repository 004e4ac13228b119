"""What strangers type is compared with what the shop has, whatever its tables can write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.bitrix import finding, people, users
from portal.bitrix.orders import Sale
from portal.database import Unit
from portal.sandbox import schema as shop_tables
from tests.bitrix.test_dossiers import put
from tests.bitrix.world import ANNA, Shop
from tests.conftest import MariaDB

EMAIL, STRANGE = "anna@shop.example", "łu😀@shop.example"


@pytest.fixture(params=["utf8mb4", "cp1251", "latin1"])
def shop(request: pytest.FixtureRequest, mariadb: MariaDB, schema: str) -> Iterator[Shop]:
    """A shop of this character set, with Anna and an order of hers."""
    mariadb.execute(*shop_tables.statements("new"), schema=schema)
    for table, column, length in (
        ("b_user", "EMAIL", 255),
        ("b_user", "NAME", 50),
        ("b_user", "LAST_NAME", 50),
        ("b_sale_order", "ACCOUNT_NUMBER", 100),
        ("b_sale_order_archive", "ACCOUNT_NUMBER", 100),
    ):
        mariadb.execute(
            f"ALTER TABLE {table} MODIFY {column} VARCHAR({length}) CHARACTER SET {request.param}", schema=schema
        )
    made = Shop(mariadb.url(schema), "new")
    made.user(ANNA, "anna", EMAIL=EMAIL, NAME="Anna")
    put(made, 1, ANNA, "A-1")
    yield made
    made.databases.close()


@pytest.fixture
def sale(shop: Shop) -> Sale:
    return Sale(shop.shape, "", ZoneInfo("UTC"), "ru")


QUESTIONS: dict[str, tuple[Callable[[Unit, Sale, str, str], Any], Any, Any]] = {
    "others": (lambda unit, _sale, email, _: users.others_with_email(unit, 0, email), True, False),
    "holders": (lambda unit, sale, email, _: users.holders(unit, sale.shape, email), [ANNA], []),
    "sole holder": (lambda unit, sale, email, _: users.sole_holder(unit, sale.shape, email), ANNA, None),
    "by address": (lambda unit, sale, email, _: ids(finding.by_email(unit, sale, email)), [ANNA], []),
    "by name": (lambda unit, sale, _, number: ids(finding.by_name(unit, sale, [number])[0]), [], []),
    "by number": (lambda unit, sale, _, number: ids(finding.by_number(unit, sale, number)), [ANNA], []),
    "own": (lambda unit, sale, _, number: bool(sale.own(unit, ANNA, number)), True, False),
    "whosever": (lambda unit, sale, _, number: [one.id for one in sale.whosever(unit, {number})], [1], []),
}


def ids(hits: list[finding.Hit]) -> list[int]:
    return [hit.user_id for hit in hits]


def test_what_the_shop_cannot_write_nobody_in_it_has(shop: Shop, sale: Sale) -> None:
    for name, (question, good, strange) in QUESTIONS.items():
        assert shop.read(question, sale, EMAIL, "A-1") == good, name
        assert shop.read(question, sale, STRANGE, "Ж-😀1") == strange, name


def test_one_strange_letter_hides_nothing_else_that_is_asked_for(shop: Shop, sale: Sale) -> None:
    found = shop.read(people.found, sale.shape, [], [EMAIL, STRANGE], [])
    assert [holder.id for holder in found] == [ANNA]
    assert [one.id for one in shop.read(sale.whosever, {"A-1", "А-1", "A-😀"})] == [1]
