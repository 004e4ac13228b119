"""What belongs to orders: lines with their options, payments, parcels, history, and the names of statuses.

All of it in one question: who asks for the orders of a ticket may need three more to learn whose it is, and the whole
answer may take eight (design/contract.md).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, bindparam, text

from portal.bitrix import changes
from portal.bitrix.tables import Shape
from portal.bitrix.values import moment, money, product
from portal.database import Unit
from portal.model import Change, Order, OrderLine, OrderStatus, Payment, Shipment

SET = 1
"""b_sale_basket.TYPE of a bundle; its parts name it in SET_PARENT_ID, and so does it itself."""

INTERNAL_OPTIONS = frozenset({"CATALOG.XML_ID", "PRODUCT.XML_ID"})
"""Codes that the shop adds to every line for its exchange with 1C."""

CHANGES = 1000
"""Of all orders of a page, the newest; the shop logs every save."""

Row = list[Any]
Rows = Mapping[int, Sequence[tuple[int, Row]]]
"""By order: the id of each row, and its columns."""


def added(unit: Unit, shape: Shape, zone: ZoneInfo, language: str, orders: Sequence[Order]) -> tuple[Order, ...]:
    """The orders with what belongs to them, in one query."""
    if not orders:
        return ()
    found = _read(unit, shape, [order.id for order in orders])
    status = _statuses(found["status"], language)
    options: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for rows in found["option"].values():
        for _, (line, name, value, code) in rows:
            if code not in INTERNAL_OPTIONS:
                options[line].append((name, value or ""))
    return tuple(
        replace(
            order,
            status=status(order.status.id),
            lines=_lines(found["line"].get(order.id, ()), options),
            payments=tuple(_payment(row, zone) for _, row in found["payment"].get(order.id, ())),
            shipments=tuple(_shipment(row, status) for _, row in _parcels(found["shipment"], order.id)),
            history=_history(found, order.id, zone, status),
        )
        for order in orders
    )


_decode = json.JSONDecoder(parse_float=Decimal).decode


def _read(unit: Unit, shape: Shape, order_ids: Sequence[int]) -> dict[str, dict[int, list[tuple[int, Row]]]]:
    """The rows by what they are and by order, each in the order of its place in the shop, then of its id."""
    found: dict[str, dict[int, list[tuple[int, Row]]]] = defaultdict(lambda: defaultdict(list))
    history = {"types": list(changes.RULES), "changes": CHANGES} if shape.changes else {}
    told = unit.shop.execute(_statement(shape), {"orders": order_ids, **history}).scalars()
    for what, order_id, _, row_id, *row in sorted(map(_decode, told), key=lambda row: row[2:4]):
        found[what][order_id].append((row_id, row))
    return found


def _lines(rows: Sequence[tuple[int, Row]], options: Mapping[int, list[tuple[str, str]]]) -> tuple[OrderLine, ...]:
    """The lines as the buyer knows them: a bundle is one, and its parts, whose prices are in it, are none."""
    ids = {row_id for row_id, _ in rows}
    return tuple(
        _line(row, options.get(row_id, ()))
        for row_id, row in rows
        if row[5] == SET or row[6] == row_id or row[6] not in ids
    )


def _line(row: Row, options: Sequence[tuple[str, str]]) -> OrderLine:
    name, quantity, measure, price, product_id = row[:5]
    count = Decimal(quantity).normalize()
    return OrderLine(
        name=name,
        quantity=count,
        measure=measure or "",
        price=money(price),
        sum=product(Decimal(price), count),
        product_id=product_id,
        options=tuple(options),
    )


def _payment(row: Row, zone: ZoneInfo) -> Payment:
    name, sum, paid, paid_at = row
    return Payment(name, money(sum), paid == "Y", moment(paid_at, zone) if paid == "Y" else None)


def _parcels(rows: Rows, order_id: int) -> Sequence[tuple[int, Row]]:
    """The parcels without the technical one, which holds what is in no parcel yet."""
    return [(row_id, row) for row_id, row in rows.get(order_id, ()) if row[4] != "Y"]


def _shipment(row: Row, status: Callable[[str], OrderStatus]) -> Shipment:
    name, status_id, tracking, shipped = row[:4]
    return Shipment(name or "", status(status_id), tracking or "", shipped == "Y")


def _history(
    found: Mapping[str, Rows], order_id: int, zone: ZoneInfo, status: Callable[[str], OrderStatus]
) -> tuple[Change, ...]:
    """What happened to an order, oldest first; what happened to its technical shipment is nobody's business."""
    technical = {row_id for row_id, row in found["shipment"].get(order_id, ()) if row[4] == "Y"}
    told = []
    for _, (type, data, at, entity, entity_id) in found["change"].get(order_id, ()):
        happened_at = moment(at, zone)
        if happened_at is None or (entity == "SHIPMENT" and entity_id in technical):
            continue
        value, undone = changes.read(type, data)
        if type.endswith("STATUS_CHANGED"):
            value = status(value).name
        told.append(Change(happened_at, type, value, undone))
    return tuple(told)


def _statuses(rows: Rows, language: str) -> Callable[[str], OrderStatus]:
    names: dict[str, str] = {}
    for _, (status_id, of, name) in rows.get(0, ()):
        if of == language or status_id not in names:
            names[status_id] = name
    return lambda status_id: OrderStatus(status_id, names.get(status_id, status_id))


# S608 below: what is put together are names of tables and columns, all of them ours; values are parameters.
@cache
def _statement(shape: Shape) -> TextClause:
    bundle = "MEASURE_NAME, PRICE, PRODUCT_ID, TYPE, SET_PARENT_ID" if shape.bundles else "'', PRICE, PRODUCT_ID, 0, 0"
    option = _row("'option', b.ORDER_ID, p.SORT, p.ID, b.ID, p.NAME, p.VALUE, p.CODE")
    status = _row("'status', 0, 0, 0, STATUS_ID, LID, NAME")
    questions = [
        _question("line", "SORT", f"NAME, QUANTITY, {bundle}", "b_sale_basket", "ORDER_ID IN :orders"),
        f"SELECT {option} FROM b_sale_basket b "  # noqa: S608
        "JOIN b_sale_basket_props p ON p.BASKET_ID = b.ID WHERE b.ORDER_ID IN :orders",
        f"SELECT {status} FROM b_sale_status_lang",  # noqa: S608
    ]
    if shape.parts:
        sent = "DELIVERY_NAME, STATUS_ID, TRACKING_NUMBER, DEDUCTED, `SYSTEM`"
        questions += [
            _question("payment", "0", "PAY_SYSTEM_NAME, `SUM`, PAID, DATE_PAID", "b_sale_order_payment", _OF_ORDERS),
            _question("shipment", "0", sent, "b_sale_order_delivery", _OF_ORDERS),
        ]
    if shape.changes:
        happened = "TYPE, DATA, DATE_CREATE, ENTITY, ENTITY_ID"
        newest = f"{_OF_ORDERS} AND TYPE IN :types ORDER BY ID DESC LIMIT :changes"
        questions.append(f"({_question('change', '0', happened, 'b_sale_order_change', newest)})")
    made = text(" UNION ALL ".join(questions)).bindparams(bindparam("orders", expanding=True))
    return made.bindparams(bindparam("types", expanding=True)) if shape.changes else made


_OF_ORDERS = "ORDER_ID IN :orders"


def _question(what: str, place: str, columns: str, table: str, where: str) -> str:
    row = _row(f"'{what}', ORDER_ID, {place}, ID, {columns}")
    return f"SELECT {row} FROM {table} WHERE {where}"  # noqa: S608


def _row(columns: str) -> str:
    # One column, as the driver's work grows with columns; and in one encoding whatever the table's: the tables of a
    # shop differ in their collations, which a UNION of the columns themselves would refuse (error 1271).
    return f"CONVERT(JSON_ARRAY({columns}) USING utf8mb4)"
