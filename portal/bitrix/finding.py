"""Whom an operator means by an order's number, an address, a phone or the beginning of a name.

Accounts of the shop's own people (group 1, administrators) are found by none of them but their orders, those of
machines (EXTERNAL_AUTH_ID) and the one of all nameless buyers by nothing. With PORTAL_SITE_ID an account counts that
was opened on that site, or has ordered there.

Numbers and addresses are found by an index; phones by one of ours, which gives ids (store/people.py). Names have none,
and b_user is not ours to give it one: the NEWEST accounts are read for them, from the newest on until LIMIT is reached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import TextClause, bindparam, text

from portal.bitrix.asking import asked
from portal.bitrix.dossiers import NAMELESS
from portal.bitrix.orders import LONGEST_NUMBER, Sale, counts
from portal.bitrix.tables import Shape
from portal.database import Unit

LIMIT = 11
"""Ten are shown; the eleventh says that there are more."""

NEWEST = 200_000
"""Accounts that are read for a name, by their ids, and once before to count them."""

MACHINES = ("bot", "replica", "imconnector", "__controller", "saleanonymous", "document_editor", "call")
"""b_user.EXTERNAL_AUTH_ID of accounts that no person signs in to (main/lib/user.php, getExternalUserTypes)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An account, and what it was found by; `value`: the order's number."""

    user_id: int
    name: str
    email: str
    orders: int
    value: str = ""
    nameless: bool = False


def by_number(unit: Unit, sale: Sale, number: str) -> list[Hit]:
    """Whose order has this number, in the archive too; the nameless buyers' as such."""
    if not sale.shape.orders or not number.isprintable() or not 0 < len(number) <= LONGEST_NUMBER:
        return []
    row_id = int(number) if number.isdecimal() and number.isascii() and len(number) < 12 else 0
    return _asked(unit, sale, _by_number(sale.shape, bool(sale.site_id)), number=number, id=row_id)


def by_email(unit: Unit, sale: Sale, email: str) -> list[Hit]:
    """Whose address begins with these letters."""
    return _asked(unit, sale, _accounts(sale.shape, bool(sale.site_id), "u.EMAIL LIKE :email"), email=_prefix(email))


def by_ids(unit: Unit, sale: Sale, user_ids: Collection[int]) -> list[Hit]:
    """These accounts, those of them that may be found."""
    if not user_ids:
        return []
    statement = _accounts(sale.shape, bool(sale.site_id), "u.ID IN :ids").bindparams(bindparam("ids", expanding=True))
    return _asked(unit, sale, statement, ids=sorted(user_ids))


def by_name(unit: Unit, sale: Sale, words: Sequence[str]) -> tuple[list[Hit], int]:
    """Whose first and last name begin so: one word is either of them, two are both in any order. Newest first.

    And how many accounts, the newest ones, this is all of: 0 when no older ones were left out.
    """
    if not words:
        return [], 0
    left_out = unit.shop.execute(_AFTER_THE_NEWEST, {"newest": NEWEST}).scalar() or 0
    told = {"after": left_out, "first": _prefix(words[0])}
    where = "(u.NAME LIKE :first OR u.LAST_NAME LIKE :first)"
    if len(words) > 1:
        told["last"] = _prefix(words[1])
        where = "((u.NAME LIKE :first AND u.LAST_NAME LIKE :last) OR (u.LAST_NAME LIKE :first AND u.NAME LIKE :last))"
    statement = _accounts(sale.shape, bool(sale.site_id), f"u.ID > :after AND {where}", " ORDER BY u.ID DESC")
    return _asked(unit, sale, statement, **told), NEWEST if left_out else 0


def _asked(unit: Unit, sale: Sale, statement: TextClause, **told: Any) -> list[Hit]:
    site = {"site": sale.site_id} if sale.site_id else {}
    return [_hit(row) for row in asked(unit, statement, told | site)]


def _hit(row: Any) -> Hit:
    name = " ".join(part.strip() for part in (row.NAME, row.LAST_NAME) if part and part.strip())
    return Hit(row.ID, name, (row.EMAIL or "").strip().lower(), row.orders, row.value or "", bool(row.nameless))


def _prefix(typed: str) -> str:
    """A pattern of LIKE that what begins with `typed` fits; its own signs are letters."""
    return "".join(f"\\{char}" if char in "\\%_" else char for char in typed) + "%"


_OF = "u.ID, u.NAME, u.LAST_NAME, u.EMAIL"
_MACHINES = f"COALESCE(u.EXTERNAL_AUTH_ID, '') NOT IN ({', '.join(repr(name) for name in MACHINES)})"
_STAFF = "EXISTS (SELECT 1 FROM b_user_group g WHERE g.USER_ID = u.ID AND g.GROUP_ID = 1)"


def _bought(shape: Shape, site: bool) -> str:
    if not shape.orders:
        return "0"
    return f"(SELECT COUNT(*) FROM b_sale_order o WHERE o.USER_ID = u.ID{counts(shape, site)})"  # noqa: S608


# Counted, as ids have gaps: the newest account may have a million more than the last but one.
_AFTER_THE_NEWEST = text("SELECT ID FROM b_user ORDER BY ID DESC LIMIT 1 OFFSET :newest")


# S608 below: what is put together are names of columns and conditions of ours; values are parameters.
@cache
def _accounts(shape: Shape, site: bool, where: str, order: str = "") -> TextClause:
    here = ""
    if site:
        ordered = f" OR {_bought(shape, site)} > 0" if shape.orders else ""
        here = f" AND (u.LID = :site OR COALESCE(u.LID, '') = ''{ordered})"
    return text(
        f"SELECT {_OF}, {_bought(shape, site)} AS orders, '' AS value, 0 AS nameless FROM b_user u "  # noqa: S608
        f"WHERE {where} AND {_MACHINES} AND NOT {_STAFF} AND NOT {NAMELESS.format('u.ID')}{here}{order} LIMIT {LIMIT}"
    )


@cache
def _by_number(shape: Shape, site: bool) -> TextClause:
    """Two questions, each by its own index: an OR over two tables would be by none."""
    found = f"SELECT {_OF}, {_bought(shape, site)} AS orders, {{}} AS value, {NAMELESS.format('u.ID')} AS nameless FROM"
    by_id = "COALESCE(o.ACCOUNT_NUMBER, '') = '' AND o.ID = :id"
    questions = [
        f"({found.format('COALESCE(o.ACCOUNT_NUMBER, o.ID)')} b_sale_order o JOIN b_user u ON u.ID = o.USER_ID "
        f"WHERE {where}{counts(shape, site)} LIMIT {LIMIT})"
        for where in ("o.ACCOUNT_NUMBER = :number", by_id)
    ]
    if shape.archive:
        here = " AND a.LID = :site" if site else ""
        questions.append(
            f"({found.format('a.ACCOUNT_NUMBER')} b_sale_order_archive a JOIN b_user u ON u.ID = a.USER_ID "
            f"WHERE a.ACCOUNT_NUMBER = :number{here} LIMIT {LIMIT})"
        )
    return text(" UNION ".join(questions))
