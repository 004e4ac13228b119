"""The history of an order (b_sale_order_change): what of it may be told, and nothing else.

A list of what is allowed, as a core's new type may carry anything: DATA also holds what the staff wrote (COMMENTS, the
reasons of a cancellation or a mark), and nothing of that is ever looked up in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from portal.bitrix import php

ENCODINGS = ("utf-8", "cp1251")
"""PHP counts the bytes of the shop's own encoding; the database gives us text."""

LARGEST_SUM = 10**14
"""The shop's own columns hold no more; 1e999999 is a number, too, and long."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which keys of DATA are read: the value, and the flag that says whether it was done or taken back."""

    value: bytes = b""
    flag: bytes = b""


RULES: Mapping[str, Rule] = {
    "ORDER_ADDED": Rule(),
    "ORDER_STATUS_CHANGED": Rule(value=b"STATUS_ID"),
    "ORDER_CANCELED": Rule(flag=b"CANCELED"),
    "ORDER_PAYED": Rule(flag=b"PAYED"),
    "ORDER_PRICE_CHANGED": Rule(value=b"PRICE"),
    "ORDER_DEDUCTED": Rule(flag=b"DEDUCTED"),
    "ORDER_DELIVERY_ALLOWED": Rule(flag=b"ALLOW_DELIVERY"),
    "ORDER_TRACKING_NUMBER_CHANGED": Rule(value=b"TRACKING_NUMBER"),
    "BASKET_ADDED": Rule(value=b"NAME"),
    "BASKET_REMOVED": Rule(value=b"NAME"),
    "PAYMENT_ADDED": Rule(value=b"PAY_SYSTEM_NAME"),
    "PAYMENT_PAID": Rule(value=b"PAY_SYSTEM_NAME", flag=b"PAID"),
    "SHIPMENT_ADDED": Rule(value=b"DELIVERY_NAME"),
    "SHIPMENT_SHIPPED": Rule(value=b"DELIVERY_NAME", flag=b"DEDUCTED"),
    "SHIPMENT_CANCELED": Rule(flag=b"CANCELED"),
    "SHIPMENT_STATUS_CHANGED": Rule(value=b"STATUS_ID"),
    "SHIPMENT_TRACKING_NUMBER_CHANGED": Rule(value=b"TRACKING_NUMBER"),
}


def read(type: str, data: str | None) -> tuple[str, bool]:
    """The value and whether it was taken back, of a type in RULES; ("", False) where DATA cannot be read.

    DATA is cut by MySQL when it is too long, and holds anything: that a change happened is told all the same.
    """
    rule = RULES[type]
    found, encoding = _array(data or "")
    value = _text(found.get(rule.value), encoding)
    if rule.value == b"PRICE":
        value = _money(value, _text(found.get(b"CURRENCY"), encoding))
    return value, found.get(rule.flag) == b"N"


def _array(data: str) -> tuple[php.Array, str]:
    for encoding in ENCODINGS:
        try:
            found = php.unserialize(data.encode(encoding))
        except (php.Malformed, UnicodeEncodeError):
            continue
        if isinstance(found, dict):
            return found, encoding
    return {}, ENCODINGS[0]


def _text(value: object, encoding: str) -> str:
    if isinstance(value, bytes):
        return value.decode(encoding, "replace")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _money(amount: str, currency: str) -> str:
    try:
        sum = Decimal(amount)
    except InvalidOperation:
        return ""
    return f"{sum:.2f} {currency}".strip() if sum.is_finite() and abs(sum) < LARGEST_SUM else ""
