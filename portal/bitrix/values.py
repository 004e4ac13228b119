"""What the shop's columns hold, in our words: sums, and times by the shop's own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

_CENTS = Decimal("0.01")
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
"""A price of 18 digits times a quantity of 18 digits."""


def money(value: object) -> Decimal:
    """A sum with two decimals, 5 rounded up as PHP does; 0.00 for none."""
    return Decimal(str(value or 0)).quantize(_CENTS, context=_WIDE)


def product(price: Decimal, quantity: Decimal) -> Decimal:
    """The sum of a line, with two decimals."""
    return _WIDE.multiply(price, quantity).quantize(_CENTS, context=_WIDE)


def moment(value: object, zone: ZoneInfo) -> datetime | None:
    """A DATETIME of the shop's, which names no zone, in UTC; None for none, and for what is none (0000-00-00)."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    try:
        return value.replace(tzinfo=zone).astimezone(UTC) if isinstance(value, datetime) else None
    except OverflowError:
        return None
