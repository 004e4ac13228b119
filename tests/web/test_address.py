from __future__ import annotations

import ipaddress

import pytest

from portal.web.address import client_address

PROXIES = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("10.0.0.0/8"))
VISITOR = "203.0.113.7"


def address(peer: str, real: str | None = None, forwarded: str | None = None) -> str:
    headers = {
        name: value for name, value in (("x-real-ip", real), ("x-forwarded-for", forwarded)) if value is not None
    }
    return client_address(peer, headers, PROXIES)


def test_a_strangers_headers_change_nothing() -> None:
    assert address(VISITOR, "198.51.100.1", "198.51.100.2") == VISITOR


def test_our_proxy_tells_the_visitors_address() -> None:
    assert address("127.0.0.1", VISITOR) == VISITOR
    assert address("10.1.2.3", None, VISITOR) == VISITOR
    assert address("127.0.0.1", VISITOR, "198.51.100.1") == VISITOR


def test_only_the_last_untrusted_address_of_a_chain_counts() -> None:
    assert address("127.0.0.1", None, f"198.51.100.66, {VISITOR}, 10.0.0.2") == VISITOR


def test_behind_garbage_nobody_is_believed() -> None:
    assert address("127.0.0.1", None, "198.51.100.66, unknown, 10.0.0.2") == "127.0.0.1"
    assert address("127.0.0.1", None, "198.51.100.66, ") == "127.0.0.1"


@pytest.mark.parametrize("real", ["", "unknown", "203.0.113.7, 1.1.1.1", "203.0.113.7:80", "0x7f000001", "\r\n", "ż"])
def test_a_real_ip_that_is_no_address_is_the_proxys_own(real: str) -> None:
    assert address("127.0.0.1", real) == "127.0.0.1"


def test_spellings_of_one_address_are_one() -> None:
    assert address("::ffff:127.0.0.1", f"::ffff:{VISITOR}") == VISITOR
    assert address("127.0.0.1", "2001:DB8:0::1") == "2001:db8::1"


def test_a_peer_without_an_address_is_nobody() -> None:
    assert address("", VISITOR) == ""
    assert address("testclient", VISITOR) == ""


def test_a_visitor_on_the_machine_itself() -> None:
    assert address("127.0.0.1", "127.0.0.1", "198.51.100.66, 127.0.0.1") == "127.0.0.1"
