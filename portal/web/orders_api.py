"""GET /api/orders/: a customer's orders as JSON, for the help desk's plugin and for the customer himself.

A Bearer secret (PORTAL_PANEL_SECRETS) may ask for anybody; a token of ours (`?token=`, purpose "orders", good for
TOKEN_SECONDS) for the customer it names. Who is asking is settled before what is asked, and that before what is there.
"""

from __future__ import annotations

import logging
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.exceptions import ClientException, NotAuthorizedException

from portal.model import Order, OrderLine
from portal.service.orders import Pull
from portal.web.bearer import has_panel_secret
from portal.web.history import told
from portal.web.site import Site
from portal.web.visitor import AnyRequest

log = logging.getLogger(__name__)

TOKEN_SECONDS = 300
LARGEST_USER = 2**31 - 1
"""b_user.ID is an INT."""
LARGEST_TICKET = 2**63 - 1
LARGEST_PAGE = 10**9

NUMBER = re.compile(r"[1-9][0-9]{0,18}")

Query = dict[str, list[str]]


@get("/api/orders/")
async def pull(request: AnyRequest, site: NamedDependency[Site]) -> Response[bytes]:
    """A page of somebody's orders: of `user_id`, or of whoever `ticket_id` belongs to."""
    query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    asking = _asking(site, request, query)
    user_id = _number(query, "user_id", LARGEST_USER)
    ticket_id = _number(query, "ticket_id", LARGEST_TICKET)
    page = _number(query, "page", LARGEST_PAGE) or 1
    if (user_id is None) == (ticket_id is None):
        raise ClientException("one of user_id and ticket_id is needed, and not both")
    if user_id is not None:
        found = await site.orders.of_user(user_id, page, asking)
    else:
        found = await site.orders.of_ticket(ticket_id or 0, page, asking)
    return Response(msgspec.json.encode(_pulled(site, found)), media_type=MediaType.JSON)


def _asking(site: Site, request: AnyRequest, query: Query) -> int | None:
    """The customer who asks, None for the help desk. Raises NotAuthorizedException for anybody else."""
    if has_panel_secret(site.settings, request):
        return None
    tokens = query.get("token", [])
    carried = site.tokens.open("orders", tokens[0], TOKEN_SECONDS) if len(tokens) == 1 else None
    if carried is None or not NUMBER.fullmatch(carried[0]):
        raise NotAuthorizedException
    return int(carried[0])


def _number(query: Query, name: str, largest: int) -> int | None:
    """A number of the query, None without one. Raises ClientException for any but the plain spelling, and for two."""
    given = query.get(name)
    if given is None:
        return None
    if len(given) > 1 or not NUMBER.fullmatch(given[0]) or int(given[0]) > largest:
        raise ClientException(f"{name} must be one positive whole number")
    return int(given[0])


def _pulled(site: Site, found: Pull) -> dict[str, Any]:
    buyer = found.buyer
    return {
        "user_id": buyer.id,
        "customer": {
            "id": buyer.id,
            "name": buyer.name,
            "email": buyer.email,
            "phone": buyer.phone,
            "registered_at": buyer.registered_at,
            "orders": buyer.orders,
            "spent": [{"sum": _money(spent.sum), "currency": spent.currency} for spent in buyer.spent],
        },
        "orders": [_order(site, order, found.tickets.get(order.id, [])) for order in found.orders],
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
    }


def _order(site: Site, order: Order, tickets: list[int]) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "status": {"id": order.status.id, "name": order.status.name},
        "paid": order.paid,
        "canceled": order.canceled,
        "sum": _money(order.sum),
        "paid_sum": _money(order.paid_sum),
        "delivery_sum": _money(order.delivery_sum),
        "currency": order.currency,
        "items": [_item(line) for line in order.lines],
        "payments": [
            {"name": one.name, "sum": _money(one.sum), "paid": one.paid, "paid_at": one.paid_at}
            for one in order.payments
        ],
        "shipments": [
            {"name": one.name, "status": one.status.name, "tracking": one.tracking, "shipped": one.shipped}
            for one in order.shipments
        ],
        "history": [{"at": one.at, "type": one.type, "text": told(one, site.settings.locale)} for one in order.history],
        "tickets": tickets,
        "admin_url": f"{site.settings.public_url}{order.admin_path}",
    }


def _item(line: OrderLine) -> dict[str, Any]:
    whole = line.quantity == line.quantity.to_integral_value()
    return {
        "name": line.name,
        "quantity": int(line.quantity) if whole else float(line.quantity),
        "measure": line.measure,
        "price": _money(line.price),
        "sum": _money(line.sum),
        "product_id": line.product_id,
        "options": [{"name": name, "value": value} for name, value in line.options],
    }


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
