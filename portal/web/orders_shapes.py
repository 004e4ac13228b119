"""What GET /api/orders/ answers, as types: the answer is made of them, and its description (web/openapi.py) too."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from portal.config import Settings
from portal.model import Order, OrderLine
from portal.service.orders import Pull
from portal.web.history import told

Id = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Money = Annotated[str, Meta(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="A decimal number with two decimals.")]
Currency = Annotated[str, Meta(description="ISO 4217.", examples=["RUB"])]
Moment = Annotated[datetime, Meta(description="In UTC.", examples=["2026-11-18T09:30:00Z"])]


class Spent(Struct):
    """What was paid in one currency for orders that are not cancelled."""

    sum: Money
    currency: Currency


class Buyer(Struct):
    """A shop account. `orders` counts all of its orders, whatever this answer was asked for."""

    id: Id
    name: str
    email: str
    phone: str
    registered_at: Moment | None
    orders: Count
    spent: list[Spent]


class Status(Struct):
    """A status by the shop's own code, and its name in the shop's language."""

    id: str
    name: str


class Option(Struct):
    """A property of the thing bought: colour, size."""

    name: str
    value: str


class Item(Struct):
    """A line of the order; a bundle is one. `price` is of one `measure`."""

    name: str
    quantity: int | float
    measure: str
    price: Money
    sum: Money
    product_id: int
    options: list[Option]


class Payment(Struct):
    """A payment, made or awaited."""

    name: str
    sum: Money
    paid: bool
    paid_at: Moment | None


class Shipment(Struct):
    """A parcel. `status` is its name in the shop's language; `tracking` is empty where there is no number yet."""

    name: str
    status: str
    tracking: str
    shipped: bool


class Change(Struct):
    """Something that happened to the order: the shop's code for it, and a sentence for people."""

    at: Moment
    type: str
    text: str


class OrderTold(Struct):
    """An order as its buyer may know it: what the staff noted is in no answer.

    `tickets` are the help desk's requests about it, newest first; `admin_url` is its page in the shop's admin.
    """

    id: Id
    number: str
    created_at: Moment
    updated_at: Moment
    status: Status
    paid: bool
    canceled: bool
    sum: Money
    paid_sum: Money
    delivery_sum: Money
    currency: Currency
    items: list[Item]
    payments: list[Payment]
    shipments: list[Shipment]
    history: list[Change]
    tickets: list[Id]
    admin_url: str


class OrderPage(Struct):
    """A page of a customer's orders, newest first. A page beyond `pages` has none."""

    user_id: Id
    customer: Buyer
    orders: list[OrderTold]
    page: Annotated[int, Meta(ge=1)]
    pages: Annotated[int, Meta(ge=1)]
    total: Annotated[int, Meta(ge=0, description="Orders on all pages.")]


class Problem(Struct, omit_defaults=True):
    """An error (RFC 9457). `detail` says what was wrong with the question."""

    title: str
    status: int
    detail: str = ""


def order_page(settings: Settings, found: Pull) -> OrderPage:
    """The answer, in the shop's language."""
    buyer = found.buyer
    customer = Buyer(
        id=buyer.id,
        name=buyer.name,
        email=buyer.email,
        phone=buyer.phone,
        registered_at=buyer.registered_at,
        orders=buyer.orders,
        spent=[Spent(_money(one.sum), one.currency) for one in buyer.spent],
    )
    orders = [_order(settings, order, found.tickets.get(order.id, [])) for order in found.orders]
    return OrderPage(buyer.id, customer, orders, found.page, found.pages, found.total)


def _order(settings: Settings, order: Order, tickets: list[int]) -> OrderTold:
    return OrderTold(
        id=order.id,
        number=order.number,
        created_at=order.created_at,
        updated_at=order.updated_at,
        status=Status(order.status.id, order.status.name),
        paid=order.paid,
        canceled=order.canceled,
        sum=_money(order.sum),
        paid_sum=_money(order.paid_sum),
        delivery_sum=_money(order.delivery_sum),
        currency=order.currency,
        items=[_item(line) for line in order.lines],
        payments=[Payment(one.name, _money(one.sum), one.paid, one.paid_at) for one in order.payments],
        shipments=[Shipment(one.name, one.status.name, one.tracking, one.shipped) for one in order.shipments],
        history=[Change(one.at, one.type, told(one, settings.locale)) for one in order.history],
        tickets=tickets,
        admin_url=f"{settings.public_url}{order.admin_path}",
    )


def _item(line: OrderLine) -> Item:
    whole = line.quantity == line.quantity.to_integral_value()
    return Item(
        name=line.name,
        quantity=int(line.quantity) if whole else float(line.quantity),
        measure=line.measure,
        price=_money(line.price),
        sum=_money(line.sum),
        product_id=line.product_id,
        options=[Option(name, value) for name, value in line.options],
    )


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
