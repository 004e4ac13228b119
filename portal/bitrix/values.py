"""What the shop's columns hold, in our words: sums, and times by the shop's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


def clock_from(since: datetime, zone: ZoneInfo) -> datetime:
    """The earliest DATETIME that the shop may write at `since` or later, naming no zone, in whole seconds.

    It is what the shop's clock shows then; less, where the clock is set back within the next hours and shows the same
    times once more. `since` is not at the ends of time.
    """
    at, later = since.astimezone(zone), (since + _SET_BACK).astimezone(zone)
    back = (later.utcoffset() or timedelta()) - (at.utcoffset() or timedelta())
    return at.replace(tzinfo=None, microsecond=0) + min(back, timedelta())


_SET_BACK = timedelta(hours=3)
"""No clock is set back by more at once."""
