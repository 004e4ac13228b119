"""b_user decides who somebody is, and the options of the shop that sign-in depends on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text

from portal.bitrix.asking import asked
from portal.bitrix.tables import Shape
from portal.database import Unit
from portal.model import Customer

EMAIL_BYTES = 320
"""64 before the @ and 255 behind it (RFC 5321)."""

SAME_ADDRESS = 100
"""Rows read when asking who else holds an address; that many are shared beyond doubt."""


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """Options of the module `main`, with Bitrix's own defaults where there is no row."""

    cookie_prefix: str = "BITRIX_SM"
    server_uniq_id: str = ""
    store_password: bool = True
    """Whether "remember me" is on."""
    external_stored_hash: bool = False
    """Whether "remember me" is on for accounts of outside services, too."""
    email_confirmation: bool = False
    """Whether a registration must be confirmed by e-mail."""


@dataclass(frozen=True, slots=True)
class Account:
    """A live account with the forced logouts that are waiting for it (ids of b_user_auth_action)."""

    customer: Customer
    logouts: frozenset[int]


def account(unit: Unit, shape: Shape, options: ShopOptions, user_id: int) -> Account | None:
    """The account and what waits for it, in one query; None when it is gone, not active or blocked."""
    rows = [json.loads(row[0]) for row in unit.shop.execute(_account(shape), {"id": user_id})]
    if not rows:
        return None
    return Account(_customer(rows[0], options), frozenset(row[7] for row in rows if row[7] is not None))


def others_with_email(unit: Unit, user_id: int, email: str) -> bool:
    """Whether another account, active or not, holds this address (lower-cased and trimmed, not empty).

    The collation folds more than case, so the rows that the index finds are compared again here.
    """
    rows = asked(unit, _SAME_EMAIL, {"email": email, "id": user_id})
    return len(rows) == SAME_ADDRESS or any(row[0].strip().lower() == email for row in rows)


def holders(unit: Unit, shape: Shape, email: str) -> list[int]:
    """The live accounts that hold this address (lower-cased and trimmed, not empty), SAME_ADDRESS at most."""
    rows = asked(unit, _holders(shape), {"email": email})
    return [user_id for user_id, address in rows if _email(address) == email]


def sole_holder(unit: Unit, shape: Shape, email: str) -> int | None:
    """The one live account that holds this address (lower-cased and trimmed, not empty); None for none or several."""
    rows = asked(unit, _holders(shape), {"email": email})
    live = [user_id for user_id, address in rows if _email(address) == email]
    return live[0] if len(live) == 1 and len(rows) < SAME_ADDRESS else None


def options(unit: Unit) -> ShopOptions:
    """The options as they are now; they change rarely, so read them once a minute and not once a request."""
    rows = unit.shop.execute(_OPTIONS).mappings().all()
    found = {row["NAME"]: row["VALUE"] for row in rows if not row.get("SITE_ID") and row["VALUE"] is not None}
    return ShopOptions(
        cookie_prefix=found.get("cookie_name") or "BITRIX_SM",
        server_uniq_id=found.get("server_uniq_id", ""),
        store_password=found.get("store_password") != "N",
        external_stored_hash=found.get("allow_external_auth_stored_hash") == "Y",
        email_confirmation=found.get("new_user_registration_email_confirmation") == "Y",
    )


def _customer(row: Sequence[Any], options: ShopOptions) -> Customer:
    user_id, login, email, name, last_name, confirm_code, language = row[:7]
    return Customer(
        id=user_id,
        login=login or "",
        email=_email(email),
        name=" ".join(part for part in ((name or "").strip(), (last_name or "").strip()) if part),
        language=(language or "").strip().lower(),
        confirmed=options.email_confirmation and not confirm_code,
    )


def _email(value: str | None) -> str:
    """The address as we compare it. What stands in other white space than the index can find again is no address.

    Nor is what no mail server delivers to: the column counts characters, and our keys count bytes.
    """
    address = (value or "").lower().removeprefix(" ").removesuffix(" ")
    return address if address == address.strip() and len(address.encode()) <= EMAIL_BYTES else ""


@cache
def _account(shape: Shape) -> TextClause:
    language = "u.LANGUAGE_ID" if shape.language else "NULL"
    blocked = " AND u.BLOCKED <> 'Y'" if shape.blocked else ""
    if not shape.auth_actions:
        waiting, join = "NULL", ""
    else:
        # A row for an application password concerns that password's sessions, which are refused anyway.
        whose = " AND (a.APPLICATION_ID IS NULL OR a.APPLICATION_ID = '')" if shape.auth_action_application else ""
        waiting = "a.ID"
        join = (
            " LEFT JOIN b_user_auth_action a"
            f" ON a.USER_ID = u.ID AND a.ACTION = 'logout' AND a.ACTION_DATE <= NOW(){whose}"
        )
    # One column instead of eight: the driver's work grows with columns, and this query is in every page (280 → 160 µs).
    # S608: what is put together are names of columns, from a list of ours; values are parameters.
    return text(
        f"SELECT JSON_ARRAY(u.ID, u.LOGIN, u.EMAIL, u.NAME, u.LAST_NAME, u.CONFIRM_CODE, {language}, {waiting}) "  # noqa: S608
        f"FROM b_user u{join} WHERE u.ID = :id AND u.ACTIVE = 'Y'{blocked}"
    )


@cache
def _holders(shape: Shape) -> TextClause:
    blocked = " AND BLOCKED <> 'Y'" if shape.blocked else ""
    return text(
        "SELECT ID, EMAIL FROM b_user WHERE EMAIL IN (:email, CONCAT(' ', :email), CONCAT(:email, ' ')) "  # noqa: S608
        f"AND ACTIVE = 'Y'{blocked} LIMIT {SAME_ADDRESS}"
    )


# Bitrix checks an address without the spaces around it and may keep it with them. S608: the limit is a number of ours.
_SAME_EMAIL = text(
    "SELECT EMAIL FROM b_user WHERE EMAIL IN (:email, CONCAT(' ', :email), CONCAT(:email, ' ')) AND ID <> :id "  # noqa: S608
    f"LIMIT {SAME_ADDRESS}"
)
# Every column, because SITE_ID is on its way out: a row that has one is for that site alone.
_OPTIONS = text(
    "SELECT * FROM b_option WHERE MODULE_ID = 'main' AND NAME IN ('cookie_name', 'server_uniq_id', 'store_password', "
    "'allow_external_auth_stored_hash', 'new_user_registration_email_confirmation')"
)
