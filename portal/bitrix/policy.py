"""The security policy of a user's groups: how long sessions and stored sign-ins live, how much of an address counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text

from portal.bitrix import php
from portal.database import Unit

NO_MASK = b"0.0.0.0"


@dataclass(frozen=True, slots=True)
class Policy:
    """Minutes, a count, and dotted masks. The defaults are Bitrix's, with PHP's own session lifetime of 1440 s."""

    session_timeout: int = 24
    session_ip_mask: bytes = NO_MASK
    max_store_num: int = 10
    store_ip_mask: bytes = NO_MASK
    store_timeout: int = 60 * 24 * 365


def of_user(unit: Unit, user_id: int) -> Policy:
    """The policy of everybody's group 2 and the user's own groups, as they are now."""
    return merge(row[0] for row in unit.shop.execute(_POLICIES, {"id": user_id}))


def merge(serialized: Iterable[str | None]) -> Policy:
    """The strictest of several: the smallest numbers, the greatest masks (compared as text, as Bitrix does).

    What cannot be read is left out, as Bitrix leaves it out.
    """
    merged = Policy()
    for one in serialized:
        try:
            rules = php.unserialize((one or "").encode("utf-8", "surrogateescape"))
        except php.Malformed:
            continue
        if isinstance(rules, dict):
            merged = _stricter(merged, rules)
    return merged


def _stricter(policy: Policy, rules: php.Array) -> Policy:
    def least(name: bytes, known: int) -> int:
        return min(known, php.whole(rules[name])) if name in rules else known

    def greatest(name: bytes, known: bytes) -> bytes:
        mask = rules.get(name)
        return max(known, mask) if isinstance(mask, bytes) else known

    timeout = least(b"SESSION_TIMEOUT", policy.session_timeout)
    return Policy(
        # Zero means "as PHP is set", which the default stands for.
        session_timeout=timeout if timeout > 0 else policy.session_timeout,
        session_ip_mask=greatest(b"SESSION_IP_MASK", policy.session_ip_mask),
        max_store_num=least(b"MAX_STORE_NUM", policy.max_store_num),
        store_ip_mask=greatest(b"STORE_IP_MASK", policy.store_ip_mask),
        store_timeout=least(b"STORE_TIMEOUT", policy.store_timeout),
    )


def ip2long(address: str | bytes) -> int:
    """PHP's ip2long(), where false (IPv6, garbage) counts as 0 the moment it is masked."""
    parts = (address.encode("latin-1", "replace") if isinstance(address, str) else address).split(b".")
    if len(parts) != 4 or not all(part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts):
        return 0
    return int.from_bytes(bytes(int(part) for part in parts), "big")


_POLICIES = text(
    "SELECT g.SECURITY_POLICY FROM b_group g LEFT JOIN b_user_group m ON m.GROUP_ID = g.ID AND m.USER_ID = :id "
    "AND (m.DATE_ACTIVE_FROM IS NULL OR m.DATE_ACTIVE_FROM <= NOW()) "
    "AND (m.DATE_ACTIVE_TO IS NULL OR m.DATE_ACTIVE_TO >= NOW()) "
    "WHERE g.ACTIVE = 'Y' AND (g.ID = 2 OR m.USER_ID IS NOT NULL)"
)
