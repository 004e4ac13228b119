"""The demo shop's orders: what Anna and Boris have bought, on two sites and in two currencies.

Every oddity of a real shop is there once: a bundle, a cancelled order, one that is paid in part, the technical shipment
beside the real one, and notes of the staff (CANARY) that nobody outside may ever read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pymysql

CANARY = "staff-only-7d1f: звонить осторожно"

STATUSES = (
    ("N", "O", "Принят", "Accepted"),
    ("P", "O", "Собирается", "Being packed"),
    ("F", "O", "Выполнен", "Done"),
    ("DN", "D", "Ждёт отгрузки", "Waiting"),
    ("DF", "D", "Отгружен", "Shipped"),
)
SET = 1
"""b_sale_basket.TYPE of a bundle."""

Row = tuple[str, Mapping[str, Any]]
"""A table, and a row of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order. `parts`: of a bundle, what is in it."""

    name: str
    quantity: str
    price: str
    measure: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bought:
    """An order; its id is also the beginning of the ids of all that belongs to it."""

    id: int
    number: str
    user: int
    at: str
    status: str
    price: str
    lines: tuple[Line, ...]
    paid: str = "0.00"
    delivery: str = "300.0000"
    site: str = "s1"
    currency: str = "RUB"
    canceled: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is paid as a whole."""
        return float(self.paid) >= float(self.price)


def bought(anna: int, boris: int) -> tuple[Bought, ...]:
    """The orders of the demo, oldest first."""
    mugs = Line("Кружка «Рассвет»", "2", "450.0000", "шт")
    tea = Line("Чай листовой", "0.25", "1960.0000", "кг")
    gift = Line("Набор «Утро»", "1", "3200.0000", "шт", ("Кружка «Утро»", "Кофе в зёрнах"))
    cups = Line("Tea cups, wholesale", "48", "3.9900", "pcs")
    pot = Line("Чайник", "1", "2100.0000", "шт")
    mug = Line("Кружка «Рассвет»", "1", "450.0000", "шт")
    return (
        Bought(1007, "А-1007", anna, "2026-11-18 12:30:00", "F", "1690.0000", (mugs, tea), paid="1690.00"),
        Bought(1012, "А-1012", anna, "2026-11-22 09:05:00", "P", "3500.0000", (gift,), paid="1000.00"),
        Bought(1013, "W-13", anna, "2026-11-23 18:40:00", "N", "191.5200", (cups,), "191.52", "0.0000", "s2", "EUR"),
        Bought(1014, "А-1014", anna, "2026-11-24 10:00:00", "N", "2400.0000", (pot,), canceled=True),
        Bought(1015, "А-1015", boris, "2026-11-24 11:15:00", "N", "750.0000", (mug,)),
    )


def put(cursor: pymysql.cursors.Cursor, anna: int, boris: int) -> None:
    """Put the orders where they are not there yet."""
    rows = list(_shop())
    for order in bought(anna, boris):
        rows += _order(order)
    for table, row in rows:
        names = list(row)
        columns, places = ", ".join(f"`{name}`" for name in names), ", ".join(["%s"] * len(names))
        known = f"ON DUPLICATE KEY UPDATE `{names[0]}` = VALUES(`{names[0]}`)"
        # S608: names of tables and columns are ours.
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({places}) {known}", list(row.values()))  # noqa: S608


def _shop() -> Iterator[Row]:
    yield "b_lang", {"LID": "s2", "NAME": "Лавка, опт", "DIR": "/opt/", "LANGUAGE_ID": "en"}
    for status, kind, russian, english in STATUSES:
        yield "b_sale_status", {"ID": status, "TYPE": kind}
        yield "b_sale_status_lang", {"STATUS_ID": status, "LID": "ru", "NAME": russian}
        yield "b_sale_status_lang", {"STATUS_ID": status, "LID": "en", "NAME": english}


def _order(order: Bought) -> Iterator[Row]:
    yield (
        "b_sale_order",
        {
            "ID": order.id,
            "LID": order.site,
            "PERSON_TYPE_ID": 1,
            "PAYED": _flag(order.whole),
            "CANCELED": _flag(order.canceled),
            "REASON_CANCELED": CANARY if order.canceled else None,
            "STATUS_ID": order.status,
            "DATE_STATUS": order.at,
            "PRICE_DELIVERY": order.delivery,
            "PRICE": order.price,
            "CURRENCY": order.currency,
            "USER_ID": order.user,
            "DATE_INSERT": order.at,
            "DATE_UPDATE": order.at,
            "COMMENTS": CANARY,
            "SUM_PAID": order.paid,
            "ACCOUNT_NUMBER": order.number,
        },
    )
    for place, line in enumerate(order.lines):
        yield from _line(order, order.id * 100 + place * 10, line)
    yield "b_sale_order_payment", _payment(order)
    yield "b_sale_order_delivery", _parcel(order, 0, "Без доставки", technical=True)
    yield "b_sale_order_delivery", _parcel(order, 1, "Курьер")
    for place, (type, data) in enumerate(_history(order)):
        stamps = {"DATE_CREATE": order.at, "DATE_MODIFY": order.at}
        ids = {"ID": order.id * 100 + place, "ORDER_ID": order.id, "USER_ID": 1}
        yield "b_sale_order_change", ids | stamps | {"TYPE": type, "DATA": data, "ENTITY": "ORDER"}


def _line(order: Bought, id: int, line: Line) -> Iterator[Row]:
    row = {
        "ID": id,
        "FUSER_ID": 1,
        "ORDER_ID": order.id,
        "PRODUCT_ID": id,
        "PRICE": line.price,
        "CURRENCY": order.currency,
        "DATE_INSERT": order.at,
        "DATE_UPDATE": order.at,
        "QUANTITY": line.quantity,
        "LID": order.site,
        "NAME": line.name,
        "DISCOUNT_PRICE": 0,
        "MEASURE_NAME": line.measure,
        "TYPE": SET if line.parts else None,
        "SET_PARENT_ID": id if line.parts else None,
    }
    yield "b_sale_basket", row
    for place, part in enumerate(line.parts, 1):
        yield "b_sale_basket", row | {"ID": id + place, "NAME": part, "TYPE": None}
    for place, (name, value, code) in enumerate(
        (("Цвет", "синий", "COLOR"), ("Внешний код", "4711", "PRODUCT.XML_ID"))
    ):
        yield "b_sale_basket_props", {"ID": id + place, "BASKET_ID": id, "NAME": name, "VALUE": value, "CODE": code}


def _payment(order: Bought) -> dict[str, Any]:
    return {
        "ID": order.id,
        "ORDER_ID": order.id,
        "PAID": _flag(order.whole),
        "DATE_PAID": order.at if order.whole else None,
        "PAY_SYSTEM_ID": 2,
        "SUM": order.price,
        "CURRENCY": order.currency,
        "PAY_SYSTEM_NAME": "Банковская карта",
        "COMMENTS": CANARY,
    }


def _parcel(order: Bought, place: int, name: str, *, technical: bool = False) -> dict[str, Any]:
    sent = order.status == "F" and not technical
    return {
        "ID": order.id * 10 + place,
        "ORDER_ID": order.id,
        "DATE_INSERT": order.at,
        "STATUS_ID": "DF" if sent else "DN",
        "DEDUCTED": _flag(sent),
        "DELIVERY_ID": 1,
        "TRACKING_NUMBER": "RA123456789RU" if sent else None,
        "DELIVERY_NAME": name,
        "SYSTEM": _flag(technical),
        "COMMENTS": CANARY,
    }


def _history(order: Bought) -> Iterator[tuple[str, str]]:
    yield "ORDER_ADDED", "a:0:{}"
    yield "ORDER_COMMENTED", _php(COMMENTS=CANARY)
    if order.whole:
        yield "PAYMENT_PAID", _php(PAID="Y", ID=str(order.id), PAY_SYSTEM_NAME="Банковская карта")
    if order.status != "N":
        yield "ORDER_STATUS_CHANGED", _php(STATUS_ID=order.status)
    if order.canceled:
        yield "ORDER_CANCELED", _php(CANCELED="Y", REASON_CANCELED=CANARY)


def _flag(value: bool) -> str:
    return "Y" if value else "N"


def _php(**values: str) -> str:
    """An array of texts as PHP's serialize() writes it; lengths are bytes."""
    items = "".join(f"{_text(name)}{_text(value)}" for name, value in values.items())
    return f"a:{len(values)}:{{{items}}}"


def _text(value: str) -> str:
    return f's:{len(value.encode())}:"{value}";'
