from __future__ import annotations

import pytest

from portal.bitrix.policy import Policy, ip2long, merge, of_user
from tests.bitrix.world import ANNA, BORIS, Shop, serialize


def test_the_strictest_of_several_groups_counts() -> None:
    loose = {
        "SESSION_TIMEOUT": "20",
        "SESSION_IP_MASK": "255.0.0.0",
        "MAX_STORE_NUM": 8,
        "STORE_IP_MASK": "0.0.0.0",
        "STORE_TIMEOUT": 1000,
    }
    strict = {"SESSION_TIMEOUT": 15, "SESSION_IP_MASK": "255.255.0.0", "MAX_STORE_NUM": "1", "STORE_TIMEOUT": 10}
    merged = Policy(15, b"255.255.0.0", 1, b"0.0.0.0", 10)
    assert merge([serialize(loose).decode(), serialize(strict).decode()]) == merged
    assert merge([serialize(strict).decode(), serialize(loose).decode()]) == merged


@pytest.mark.parametrize(
    "said", [None, "", "a:0:{}", "garbage", "i:7;", 's:1:"x";', serialize({"STORE_IP_MASK": 7}).decode()]
)
def test_what_says_nothing_changes_nothing(said: str | None) -> None:
    assert merge([said]) == Policy()


def test_nothing_may_be_stored_where_the_number_is_zero() -> None:
    assert merge([serialize({"MAX_STORE_NUM": 0, "SESSION_TIMEOUT": 0}).decode()]) == Policy(max_store_num=0)


def test_the_groups_are_everybodys_and_the_users_own_as_of_now(shop: Shop) -> None:
    def minutes() -> int:
        return int(shop.read(of_user, ANNA).session_timeout)

    assert minutes() == 24
    shop.group(2, serialize({"SESSION_TIMEOUT": 23}))
    assert minutes() == 23
    shop.group(5, serialize({"SESSION_TIMEOUT": 10}), BORIS)
    shop.group(6, serialize({"SESSION_TIMEOUT": 9}), ANNA, ACTIVE="N")
    shop.group(7, serialize({"SESSION_TIMEOUT": 8}), ANNA)
    shop.execute("UPDATE b_user_group SET DATE_ACTIVE_TO = NOW() - INTERVAL 1 DAY WHERE GROUP_ID = 7")
    shop.group(8, serialize({"SESSION_TIMEOUT": 7}), ANNA)
    shop.execute("UPDATE b_user_group SET DATE_ACTIVE_FROM = NOW() + INTERVAL 1 DAY WHERE GROUP_ID = 8")
    assert minutes() == 23
    shop.execute("UPDATE b_user_group SET DATE_ACTIVE_FROM = NOW() - INTERVAL 1 DAY WHERE GROUP_ID = 8")
    assert minutes() == 7


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("0.0.0.1", 1),
        (b"203.0.113.7", 3405803783),
        ("255.255.255.255", 2**32 - 1),
        ("::1", 0),
        ("", 0),
        ("1.2.3", 0),
        ("1.2.3.256", 0),
        ("1.2.3.4 ", 0),
        ("é.1.1.1", 0),
    ],
)
def test_addresses_are_numbers_as_in_php(address: str | bytes, number: int) -> None:
    assert ip2long(address) == number
