"""Each check of a hit on its own, each beside the same session that passes."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from portal.bitrix import session_facts
from portal.bitrix.session_facts import Facts, holds, read
from tests.bitrix.world import ANNA, HOME, NOW, POLICY, auth, session, signed_in

GENERATIONS = ("A", "B", "C")
UNIQ = "0123456789abcdef0123456789abcdef"


def user_of(**changed: Any) -> int:
    return read(session(SESS_AUTH=changed)).user_id


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("handler", ["php", "php_serialize", "php_binary"])
def test_every_generation_is_read_from_every_handler(generation: str, handler: str) -> None:
    facts = read(signed_in(generation, handler=handler))
    assert (facts.user_id, facts.ip, facts.seen_at, facts.timeout) == (ANNA, HOME.encode(), int(NOW) - 60, 24)


def test_a_visitor_who_is_not_signed_in_has_an_auth_array_too() -> None:
    assert user_of(POLICY=POLICY) == 0
    assert read(b"").user_id == 0
    assert read(session(SESS_AUTH="Y")).user_id == 0


@pytest.mark.parametrize("said", ["N", "", None, True, 1, "y", ["Y"]])
def test_only_authorized_y_counts_in_the_old_generations(said: object) -> None:
    assert user_of(**auth("A", AUTHORIZED=said)) == 0


def test_a_user_id_without_authorized_is_nobody() -> None:
    array = auth("A")
    del array["AUTHORIZED"]
    assert user_of(**array) == 0


@pytest.mark.parametrize(
    "said",
    ["0", "-1", "", None, True, 1.5, "7x", " 7", "7 ", "٧", "9999999999", "99999999999999999999", ["7"], {"7": 7}],
)
def test_an_id_that_is_no_id_is_nobody(said: object) -> None:
    assert user_of(**auth("B", USER_ID=said)) == 0
    context = auth("C", context={"userId": said})
    assert user_of(**context) == 0


@pytest.mark.parametrize("said", [ANNA, str(ANNA)])
def test_an_id_may_be_a_number_or_its_digits(said: object) -> None:
    assert user_of(**auth("B", USER_ID=said)) == ANNA
    assert user_of(**auth("C", context={"userId": said})) == ANNA


@pytest.mark.parametrize(
    "context", ["", "null", "[]", "7", "{", '{"userId":', "[" * 100_000, '{"userId": {"a": 1}}', 7, ["userId", 7], True]
)
def test_a_context_that_is_no_context_is_nobody(context: object) -> None:
    assert user_of(**(auth("C") | {"CONTEXT": context})) == 0


def test_two_ids_that_differ_are_nobody() -> None:
    assert user_of(**auth("C", USER_ID=ANNA)) == ANNA
    assert user_of(**auth("C", USER_ID=ANNA + 1)) == 0
    assert user_of(**auth("C", AUTHORIZED="N")) == 0


@pytest.mark.parametrize("password", ["main", 5, "0"])
def test_application_passwords_are_refused(password: object) -> None:
    assert user_of(**auth("A", APPLICATION_ID=password)) == 0
    assert user_of(**auth("B", APPLICATION_ID=password)) == 0
    assert user_of(**auth("C", context={"applicationId": password})) == 0
    assert user_of(**auth("C", context={"applicationPasswordId": password})) == 0


def alive(client_ip: str = HOME, now: float = NOW, uniq: str = UNIQ, **changed: Any) -> bool:
    return holds(read(signed_in(**changed)), uniq, client_ip, now)


def with_policy(**changed: Any) -> dict[str, Any]:
    return auth("C", POLICY=POLICY | changed)


def test_a_session_ends_after_its_timeout() -> None:
    assert alive(SESS_TIME=int(NOW) - 24 * 60)
    assert not alive(SESS_TIME=int(NOW) - 24 * 60 - 1)
    assert alive(SESS_TIME=int(NOW) - 24 * 60 - 1, sess_auth=with_policy(SESSION_TIMEOUT="25"))
    assert not alive(SESS_TIME=str(int(NOW) - 24 * 60 - 1)), "as a text, too"


def test_without_a_timeout_or_a_time_a_session_does_not_end() -> None:
    assert alive(SESS_TIME=1, sess_auth=with_policy(SESSION_TIMEOUT=0))
    assert alive(SESS_TIME=0)


def test_a_session_terminated_by_the_shop_has_ended() -> None:
    assert alive(BX_SESSION_TERMINATE_TIME=int(NOW) + 1)
    assert not alive(BX_SESSION_TERMINATE_TIME=int(NOW) - 1)
    assert alive(BX_SESSION_TERMINATE_TIME=0)


def test_a_session_of_another_shop_is_refused_by_its_sign() -> None:
    sign = session_facts.session_sign(UNIQ)
    assert alive(BX_SESSION_SIGN=sign)
    assert not alive(BX_SESSION_SIGN=sign, uniq="another shop")
    assert not alive(BX_SESSION_SIGN=sign[:-1])
    assert not alive(BX_SESSION_SIGN=7)
    assert alive(BX_SESSION_SIGN="")


def test_a_session_of_a_one_time_link_is_refused() -> None:
    assert not alive(IS_EXPIRED=True)
    assert alive(IS_EXPIRED=False)


@pytest.mark.parametrize(
    ("mask", "client", "fine"),
    [
        ("0.0.0.0", "198.51.100.1", True), ("255.255.255.0", "203.0.113.99", True), ("255.255.255.0", "203.0.114.7", False),
        ("255.255.255.255", HOME, True), ("255.255.255.255", "203.0.113.8", False), ("garbage", "198.51.100.1", True),
        ("255.255.255.255", "2001:db8::1", False), ("", "198.51.100.1", True),
    ],
)  # fmt: skip
def test_a_session_is_bound_to_the_address_as_far_as_the_mask_says(mask: str, client: str, fine: bool) -> None:
    assert alive(client, sess_auth=with_policy(SESSION_IP_MASK=mask)) is fine


def test_ipv6_counts_as_zero_as_in_php() -> None:
    assert alive("2001:db8::1", sess_auth=with_policy(SESSION_IP_MASK="255.255.255.255"), SESS_IP="2001:db8::2")


def test_a_shop_that_sees_only_its_proxy_locks_nobody_out_and_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_facts._hidden, "_next", 0.0)
    with caplog.at_level(logging.WARNING):
        for inner in ("127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.0.1"):
            assert alive(sess_auth=with_policy(SESSION_IP_MASK="255.255.255.255"), SESS_IP=inner)
    assert caplog.text.count("private address") == 1
    assert not alive("10.9.9.9", sess_auth=with_policy(SESSION_IP_MASK="255.255.255.255"), SESS_IP="10.1.2.3")
    assert not alive(sess_auth=with_policy(SESSION_IP_MASK="255.255.255.255"), SESS_IP="172.32.0.1")


def test_facts_of_a_moved_session() -> None:
    facts = read(signed_in(destroyed=int(NOW) - 5, newSid="n" * 32))
    assert (facts.destroyed_at, facts.new_id) == (int(NOW) - 5, "n" * 32)
    assert read(signed_in()).destroyed_at is None


def test_forced_logouts_a_session_has_been_through() -> None:
    assert read(signed_in(AUTH_ACTIONS_PERFORMED={41: True, 42: True, 43: False})).performed == {41, 42}
    assert read(signed_in(sess_auth=auth("B", SELF_CHANGED_PASSWORD=True))).keeps
    assert read(signed_in(sess_auth=auth("C", AUTH_ACTION_SKIP_LOGOUT=True))).keeps
    assert not read(signed_in(sess_auth=auth("C", AUTH_ACTION_SKIP_LOGOUT=False))).keeps


def test_a_session_without_a_policy_says_so() -> None:
    array = auth("A")
    del array["POLICY"]
    assert read(signed_in(sess_auth=array)) == Facts(user_id=ANNA, ip=HOME.encode(), seen_at=int(NOW) - 60)
