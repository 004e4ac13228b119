from __future__ import annotations

from dataclasses import replace

import pytest

from portal.bitrix import tables, users
from portal.bitrix.tables import Shape
from portal.bitrix.users import ShopOptions
from portal.database import Databases, Unit
from portal.errors import WrongSettings
from tests.bitrix.world import ANNA, BORIS, Shop


def customer(shop: Shop, user_id: int = ANNA):  # type: ignore[no-untyped-def]
    found = shop.read(lambda unit: users.account(unit, shop.shape, users.options(unit), user_id))
    return found.customer if found else None


def test_a_customer_is_what_b_user_says(shop: Shop, old_shop: Shop) -> None:
    for each in (shop, old_shop):
        anna = customer(each)
        assert (anna.id, anna.login, anna.email, anna.name, anna.language) == (
            ANNA,
            "anna",
            "anna@shop.example",
            "Анна Иванова",
            "ru",
        )
        assert customer(each, 5) is None


def test_an_account_without_names_and_address(shop: Shop) -> None:
    shop.user(77, "carol")
    carol = customer(shop, 77)
    assert (carol.email, carol.name, carol.language) == ("", "", "")


def test_blocked_and_inactive_accounts_are_nobody(shop: Shop) -> None:
    shop.execute(f"UPDATE b_user SET BLOCKED = 'Y' WHERE ID = {ANNA}")
    shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {BORIS}")
    assert customer(shop) is None
    assert customer(shop, BORIS) is None


def test_an_address_is_confirmed_when_the_shop_asks_for_it_and_got_it(shop: Shop) -> None:
    assert not customer(shop).confirmed
    shop.option("new_user_registration_email_confirmation", "Y")
    assert customer(shop).confirmed
    shop.execute(f"UPDATE b_user SET CONFIRM_CODE = 'abc' WHERE ID = {ANNA}")
    assert not customer(shop).confirmed


@pytest.mark.parametrize(
    ("email", "shared"),
    [
        ("anna@shop.example", True),
        ("ANNA@Shop.Example", True),
        ("anna@shop.example  ", True),
        (" anna@shop.example", True),
        ("ánna@shop.example", False),
        ("anna@shop.exampl", False),
    ],
)
def test_who_else_holds_an_address(shop: Shop, email: str, shared: bool) -> None:
    assert not shop.read(users.others_with_email, ANNA, "anna@shop.example")
    shop.user(77, "carol", EMAIL=email, ACTIVE="N", BLOCKED="Y")
    assert shop.read(users.others_with_email, ANNA, "anna@shop.example") is shared


def test_an_address_of_hundreds_is_shared_beyond_doubt(shop: Shop) -> None:
    for n in range(users.SAME_ADDRESS):
        shop.user(100 + n, f"u{n}", EMAIL="ánna@shop.example")
    assert shop.read(users.others_with_email, ANNA, "anna@shop.example")


def test_options_have_bitrixs_defaults(shop: Shop, old_shop: Shop) -> None:
    for each in (shop, old_shop):
        assert each.read(users.options) == ShopOptions("BITRIX_SM", "", True, False, False)


def test_options_are_what_the_shop_says(shop: Shop) -> None:
    for name, value in (
        ("cookie_name", "MYSHOP"), ("server_uniq_id", "u" * 32), ("store_password", "N"), ("allow_external_auth_stored_hash", "Y"),
        ("new_user_registration_email_confirmation", "Y"),
    ):  # fmt: skip
        shop.option(name, value)
    assert shop.read(users.options) == ShopOptions("MYSHOP", "u" * 32, False, True, True)


def test_a_sites_own_option_is_not_the_shops(old_shop: Shop) -> None:
    old_shop.option("cookie_name", "SITE", site="s2")
    assert old_shop.read(users.options).cookie_prefix == "BITRIX_SM"
    old_shop.option("cookie_name", "ALL")
    assert old_shop.read(users.options).cookie_prefix == "ALL"


def test_the_shape_is_told_by_the_tables(shop: Shop, old_shop: Shop) -> None:
    assert shop.shape == Shape(
        blocked=True,
        language=True,
        auth_actions=True,
        auth_action_application=True,
        user_session=True,
        sec_session=True,
        orders=True,
        running=True,
        bundles=True,
        parts=True,
        changes=True,
        phone_auth=True,
        order_props=True,
        order_props_entity=True,
        archive=True,
    )
    assert old_shop.shape == replace(
        shop.shape,
        blocked=False,
        auth_action_application=False,
        user_session=False,
        phone_auth=False,
        order_props_entity=False,
    )


def test_the_oldest_cores_have_less_and_are_read_too(database_url: str) -> None:
    databases = Databases(database_url)

    def create(unit: Unit) -> None:
        for statement in (
            "CREATE TABLE b_user (ID int, LOGIN varchar(50), EMAIL varchar(255), NAME varchar(50), LAST_NAME varchar(50), CONFIRM_CODE varchar(8), ACTIVE char(1))",
            "CREATE TABLE b_option (MODULE_ID varchar(50), NAME varchar(50), VALUE text, SITE_ID char(2))",
            "INSERT INTO b_user VALUES (7, 'anna', 'anna@shop.example', 'Anna', NULL, NULL, 'Y')",
        ):
            unit.shop.exec_driver_sql(statement)

    with pytest.raises(WrongSettings, match="b_user"):
        databases.read_here(tables.inspect)
    databases.run_here(create)
    shape = databases.read_here(tables.inspect)
    assert shape == Shape()
    found = databases.read_here(lambda unit: users.account(unit, shape, users.options(unit), 7))
    assert found and found.customer.name == "Anna"
    databases.run_here(
        lambda unit: unit.shop.exec_driver_sql("ALTER TABLE b_user MODIFY EMAIL varchar(255) COLLATE utf8mb4_bin")
    )
    with pytest.raises(WrongSettings, match="EMAIL"):
        databases.read_here(tables.inspect)
    databases.close()


@pytest.mark.parametrize("name", ['"', "\\", "Ёлка 😀", "a\x1f\n\t", "</script>", "'; --", "{}[],"])
def test_names_of_every_kind_come_through(shop: Shop, name: str) -> None:
    shop.user(77, name, NAME=name, EMAIL=f"{name}@shop.example")
    carol = customer(shop, 77)
    assert (carol.login, carol.name, carol.email) == (name, name.strip(), f"{name}@shop.example".lower())


def test_the_sole_live_holder_of_an_address(shop: Shop, old_shop: Shop) -> None:
    for each in (shop, old_shop):

        def sole(email: str, each: Shop = each) -> int | None:
            found: int | None = each.read(users.sole_holder, each.shape, email)
            return found

        assert sole("anna@shop.example") == ANNA
        assert sole("nobody@shop.example") is None
        each.user(77, "carol", EMAIL="Anna@shop.example", ACTIVE="N")
        each.user(78, "dora", EMAIL="ánna@shop.example")
        assert sole("anna@shop.example") == ANNA, "an account that is switched off, and another address"
        each.user(79, "eve", EMAIL="anna@shop.example ")
        assert sole("anna@shop.example") is None
    shop.execute("UPDATE b_user SET BLOCKED = 'Y' WHERE ID = 79")
    assert shop.read(users.sole_holder, shop.shape, "anna@shop.example") == ANNA


@pytest.mark.parametrize(("letters", "is_one"), [(151, True), (200, False)])
def test_an_address_of_more_bytes_than_any_server_takes_is_none(shop: Shop, letters: int, *, is_one: bool) -> None:
    """The shop's column holds 255 letters of any alphabet."""
    email = f"{'я' * letters}@shop.example"
    shop.user(77, "carol", EMAIL=email)
    assert (customer(shop, 77).email == email) is is_one
    assert (shop.read(users.sole_holder, shop.shape, email) == 77) is is_one


def test_an_address_of_hundreds_has_no_sole_holder(shop: Shop) -> None:
    for n in range(users.SAME_ADDRESS):
        shop.user(100 + n, f"u{n}", EMAIL="ánna@shop.example")
    assert shop.read(users.sole_holder, shop.shape, "anna@shop.example") is None
