"""The remembered sign-in: cookies UIDL and UIDH against b_user_stored_auth. Nothing is renewed or deleted here."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy import bindparam, text

from portal.bitrix import policy
from portal.bitrix.asking import asked
from portal.bitrix.policy import Policy, ip2long
from portal.bitrix.users import ShopOptions
from portal.database import Unit

HASH_LENGTH = 32
LOGIN_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored sign-in; `age` is in seconds by the shop's clock, `temporary` lives as long as a session."""

    secret: bytes
    temporary: bool
    address: int
    age: int


def check(unit: Unit, options: ShopOptions, login: str, secret: str, client_ip: str) -> int:
    """The id of the account that this login and secret belong to, 0 when they belong to none.

    Whether that account may sign in at all (ACTIVE, BLOCKED) is for the caller to ask.
    """
    given = secret.encode("utf-8", "surrogateescape")
    if not options.store_password or not login or len(given) != HASH_LENGTH:
        return 0
    outsiders = {user_id: bool(external) for user_id, external in _accounts(unit, login)}
    if not outsiders:
        return 0
    stored: dict[int, list[Stored]] = {user_id: [] for user_id in outsiders}
    for row in unit.shop.execute(_STORED, {"ids": list(outsiders)}):
        stored[row[0]].append(Stored(row[1].encode(), row[2] == "Y", row[3], row[4]))
    for user_id, rows in stored.items():
        # The policy costs a query, so it is asked only for the one account whose secret was given.
        if any(hmac.compare_digest(row.secret, given) for row in rows):
            temporary_only = outsiders[user_id] and not options.external_stored_hash
            if opens(rows, given, policy.of_user(unit, user_id), temporary_only, client_ip):
                return user_id
    return 0


def opens(rows: list[Stored], given: bytes, rules: Policy, temporary_only: bool, client_ip: str) -> bool:
    """Whether one of an account's stored sign-ins, the latest used first, is this one and still good."""
    mask, visitor = ip2long(rules.store_ip_mask), ip2long(client_ip)
    lasting = 0
    for row in rows:
        lasting += not row.temporary
        minutes = rules.session_timeout if row.temporary else rules.store_timeout
        if (
            hmac.compare_digest(row.secret, given)
            and lasting <= rules.max_store_num
            and row.age <= minutes * 60
            and (row.temporary or not temporary_only)
            and visitor & mask == row.address & mask
        ):
            return True
    return False


def _accounts(unit: Unit, login: str) -> list[tuple[int, str | None]]:
    """Every account with this login: with outside services a login may be there more than once."""
    readable = _readable(login)
    if not readable:
        return []
    return [(row[0], row[1]) for row in asked(unit, _ACCOUNTS, {"login": readable[:LOGIN_LENGTH]})]


def _readable(login: str) -> str:
    """The login as text; a cookie that is not UTF-8 comes from a shop in windows-1251."""
    try:
        login.encode()
        return login
    except UnicodeEncodeError:
        return login.encode("utf-8", "surrogateescape").decode("cp1251", "ignore")


_ACCOUNTS = text("SELECT ID, EXTERNAL_AUTH_ID FROM b_user WHERE LOGIN = :login")
# The ages in SQL: LAST_AUTH is in the shop's local time, and so is NOW().
_STORED = text(
    "SELECT USER_ID, STORED_HASH, TEMP_HASH, IP_ADDR, TIMESTAMPDIFF(SECOND, LAST_AUTH, NOW()) FROM b_user_stored_auth "
    "WHERE USER_ID IN :ids ORDER BY LAST_AUTH DESC, ID DESC"
).bindparams(bindparam("ids", expanding=True))
