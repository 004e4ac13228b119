"""The remembered sign-in: every check on its own, each beside the same that passes."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal.bitrix import stored_auth
from portal.bitrix.policy import Policy
from portal.bitrix.users import ShopOptions
from portal.database import Databases, Unit
from tests.bitrix.conftest import Files
from tests.bitrix.world import ANNA, BORIS, HOME, Shop, serialize

SECRET = "aB3" + "x" * 29
HOME_LONG = int.from_bytes(bytes(int(part) for part in HOME.split(".")), "big")


def check(
    shop: Shop, login: str = "anna", secret: str = SECRET, ip: str = HOME, options: ShopOptions | None = None
) -> int:
    return int(shop.read(stored_auth.check, options or ShopOptions(), login, secret, ip))


def test_the_login_and_the_hash_are_anna(shop: Shop) -> None:
    shop.stored(ANNA, SECRET)
    shop.stored(BORIS, "y" * 32)
    assert check(shop) == ANNA
    assert check(shop, "boris") == 0
    assert check(shop, "nobody") == 0
    assert check(shop, "") == 0


def test_on_the_core_of_2017_too(old_shop: Shop) -> None:
    old_shop.stored(ANNA, SECRET)
    assert check(old_shop) == ANNA


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.lower(),
        SECRET.upper(),
        SECRET + " ",
        SECRET[:-1],
        SECRET[:-1] + "х",
        "",
        "0",
        "0" * 32,
        "%",
        "á" + SECRET[1:],
    ],
)
def test_the_hash_is_compared_byte_by_byte(shop: Shop, secret: str) -> None:
    shop.stored(ANNA, SECRET)
    assert check(shop, secret=secret) == 0


def test_a_stored_hash_of_another_length_opens_nothing(shop: Shop) -> None:
    shop.stored(ANNA, "")
    shop.stored(ANNA, "short")
    assert check(shop, secret="") == check(shop, secret="short") == 0


def test_the_database_itself_would_have_folded_the_case(shop: Shop) -> None:
    shop.stored(ANNA, SECRET)

    def folded(unit: Unit) -> object:
        return unit.shop.execute(
            text("SELECT COUNT(*) FROM b_user_stored_auth WHERE STORED_HASH = :hash"), {"hash": SECRET.lower()}
        ).scalar()

    assert shop.read(folded) == 1


def test_the_shop_may_have_switched_it_off(shop: Shop) -> None:
    shop.stored(ANNA, SECRET)
    assert check(shop, options=ShopOptions(store_password=False)) == 0


def test_it_ends_after_the_time_that_the_groups_allow(shop: Shop) -> None:
    shop.group(2, serialize({"STORE_TIMEOUT": 60}))
    shop.stored(ANNA, SECRET, minutes=59)
    assert check(shop) == ANNA
    shop.execute("UPDATE b_user_stored_auth SET LAST_AUTH = NOW() - INTERVAL 61 MINUTE")
    assert check(shop) == 0


def test_without_a_policy_it_lasts_a_year(shop: Shop) -> None:
    shop.stored(ANNA, SECRET, minutes=525_599)
    assert check(shop) == ANNA
    shop.execute("UPDATE b_user_stored_auth SET LAST_AUTH = NOW() - INTERVAL 525601 MINUTE")
    assert check(shop) == 0


def test_a_temporary_one_lives_as_long_as_a_session(shop: Shop) -> None:
    shop.group(2, serialize({"SESSION_TIMEOUT": 30}))
    shop.stored(ANNA, SECRET, minutes=23, temporary="Y")
    assert check(shop) == ANNA
    shop.execute("UPDATE b_user_stored_auth SET LAST_AUTH = NOW() - INTERVAL 25 MINUTE")
    assert check(shop) == 0, "PHP's own 24 minutes are the stricter of the two"


def test_only_so_many_are_kept_and_the_latest_used_count(shop: Shop) -> None:
    shop.group(2, serialize({"MAX_STORE_NUM": 3}))
    shop.stored(ANNA, SECRET, minutes=100)
    for n in range(2):
        shop.stored(ANNA, f"{n}" * 32, minutes=n + 1)
    shop.stored(ANNA, "t" * 32, minutes=1, temporary="Y")
    assert check(shop) == ANNA, "the third of three; a temporary one does not count"
    shop.stored(ANNA, "3" * 32, minutes=50)
    assert check(shop) == 0
    assert check(shop, secret="3" * 32) == ANNA


@pytest.mark.parametrize(
    ("mask", "ip", "fine"),
    [
        ("255.255.255.0", "203.0.113.99", True),
        ("255.255.255.0", "203.0.114.7", False),
        ("0.0.0.0", "198.51.100.1", True),
        ("255.255.255.255", "2001:db8::1", False),
    ],
)
def test_it_is_bound_to_the_address_as_far_as_the_mask_says(shop: Shop, mask: str, ip: str, fine: bool) -> None:
    shop.group(2, serialize({"STORE_IP_MASK": mask}))
    shop.stored(ANNA, SECRET, ip=HOME_LONG)
    assert check(shop, ip=ip) == (ANNA if fine else 0)


def test_accounts_of_outside_services_have_temporary_ones_only(shop: Shop) -> None:
    shop.user(77, "carol", EXTERNAL_AUTH_ID="socservices")
    shop.stored(77, SECRET)
    assert check(shop, "carol") == 0
    assert check(shop, "carol", options=ShopOptions(external_stored_hash=True)) == 77
    shop.execute("UPDATE b_user_stored_auth SET TEMP_HASH = 'Y'")
    assert check(shop, "carol") == 77


def test_two_accounts_with_one_login_are_told_apart_by_the_hash(shop: Shop) -> None:
    shop.user(77, "anna", EXTERNAL_AUTH_ID="socservices")
    shop.stored(77, "y" * 32, temporary="Y")
    shop.stored(ANNA, SECRET)
    assert check(shop) == ANNA
    assert check(shop, secret="y" * 32) == 77


def test_nothing_is_written(shop: Shop) -> None:
    shop.stored(ANNA, SECRET, minutes=600_000)

    def rows(unit: Unit) -> list[tuple[object, ...]]:
        return [tuple(row) for row in unit.shop.execute(text("SELECT * FROM b_user_stored_auth"))]

    before = shop.read(rows)
    assert check(shop) == 0
    assert shop.read(rows) == before, "Bitrix would delete the expired row; we leave that to Bitrix"


def test_through_the_gate_b_user_decides_in_the_end(shop: Shop, files: Files) -> None:
    shop.stored(ANNA, SECRET)
    gate, remembered = shop.gate(files.setting), f"BITRIX_SM_UIDL=anna; BITRIX_SM_UIDH={SECRET}"
    found = shop.sign_in(gate, remembered)
    assert found
    assert found.customer.id == ANNA
    for change in ("ACTIVE = 'N'", "BLOCKED = 'Y'"):
        shop.execute(f"UPDATE b_user SET {change} WHERE ID = {ANNA}")
        assert shop.sign_in(gate, remembered) is None
        shop.execute(f"UPDATE b_user SET ACTIVE = 'Y', BLOCKED = 'N' WHERE ID = {ANNA}")


def test_after_a_session_that_is_nobodys(shop: Shop, files: Files) -> None:
    shop.stored(ANNA, SECRET)
    session = files.write(b'SESS_AUTH|a:1:{s:6:"POLICY";a:0:{}}')
    assert shop.sign_in(shop.gate(files.setting), f"{session}; BITRIX_SM_UIDL=anna; BITRIX_SM_UIDH={SECRET}")


def test_the_old_login_cookie_is_no_proof(shop: Shop, files: Files) -> None:
    shop.stored(ANNA, SECRET)
    assert shop.sign_in(shop.gate(files.setting), f"BITRIX_SM_LOGIN=anna; BITRIX_SM_UIDH={SECRET}") is None


def test_the_prefix_is_the_settings_else_the_shops(shop: Shop, files: Files) -> None:
    shop.stored(ANNA, SECRET)
    shop.option("cookie_name", "MYSHOP")
    for prefix, setting in (("MYSHOP", ""), ("OTHER", "OTHER")):
        gate = shop.gate(files.setting, cookie_prefix=setting)
        assert shop.sign_in(gate, f"{prefix}_UIDL=anna; {prefix}_UIDH={SECRET}")
        assert shop.sign_in(gate, f"BITRIX_SM_UIDL=anna; BITRIX_SM_UIDH={SECRET}") is None


def test_a_shop_in_windows_1251(database_url: str, shop: Shop) -> None:
    """Such a shop's cookies are not UTF-8, and its tables cannot hold every letter."""
    databases = Databases(database_url)

    def create(unit: Unit) -> None:
        for statement in (
            "CREATE TABLE b_user (ID int, LOGIN varchar(50), EXTERNAL_AUTH_ID varchar(255)) CHARACTER SET cp1251",
            "CREATE TABLE b_user_stored_auth (ID int, USER_ID int, STORED_HASH varchar(32), TEMP_HASH char(1), IP_ADDR int, LAST_AUTH datetime) CHARACTER SET cp1251",
            "CREATE TABLE b_group (ID int, ACTIVE char(1), SECURITY_POLICY text) CHARACTER SET cp1251",
            "CREATE TABLE b_user_group (USER_ID int, GROUP_ID int, DATE_ACTIVE_FROM datetime, DATE_ACTIVE_TO datetime)",
            "INSERT INTO b_user VALUES (7, 'анна', NULL)",
            f"INSERT INTO b_user_stored_auth VALUES (1, 7, '{SECRET}', 'N', 0, NOW())",
        ):
            unit.shop.execute(text(statement))

    databases.run_here(create)
    for login, user_id in (
        (b"\xe0\xed\xed\xe0", 7),
        ("анна".encode(), 7),
        ("😀".encode(), 0),
        ("安娜".encode(), 0),
        (b"\x98", 0),
    ):
        cookie = login.decode("utf-8", "surrogateescape")
        assert databases.read_here(stored_auth.check, ShopOptions(), cookie, SECRET, HOME) == user_id
    databases.close()


def test_among_several_the_very_one_that_was_given_counts() -> None:
    mine, folded = (
        stored_auth.Stored(SECRET.encode(), False, 0, 10**9),
        stored_auth.Stored(SECRET.lower().encode(), False, 0, 1),
    )
    assert not stored_auth.opens([folded, mine], SECRET.encode(), Policy(), False, HOME), (
        "hers has expired, the other is not hers"
    )
    assert stored_auth.opens([mine, folded], SECRET.lower().encode(), Policy(), False, HOME)
