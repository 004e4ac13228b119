"""Questions to the shop that name what strangers have typed, in whatever character set the shop keeps its own.

MySQL refuses to compare a column of windows-1251 or latin1 with letters that the set cannot write: an error, which
anybody could cause by an address or an order's number with an emoji. Nobody in such a shop has either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.exc import DBAPIError

from portal.database import Unit, code_of

ILLEGAL_MIX = frozenset({1267, 1270, 1271})
"""MySQL's numbers for two, three and more things of which one cannot be compared with the others."""

NOBODY_S = "\x1a"
"""It is in every character set, and in no name, address or number."""


def asked(unit: Unit, statement: TextClause, told: Mapping[str, Any]) -> list[Any]:
    """The rows. Where the shop cannot write all of it, those that it has for what is ASCII."""
    try:
        return list(unit.shop.execute(statement, told))
    except DBAPIError as error:
        if code_of(error) not in ILLEGAL_MIX:
            raise
    return list(unit.shop.execute(statement, {name: _plain(value) for name, value in told.items()}))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else NOBODY_S
    return [_plain(one) for one in value] if isinstance(value, list) else value
