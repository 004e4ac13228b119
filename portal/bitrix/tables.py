"""Which of the optional tables and columns this shop's core has: told by the data, not by the core's version."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from portal.database import Unit
from portal.errors import WrongSettings


@dataclass(frozen=True, slots=True)
class Shape:
    """What exists in this shop beside what every core since 12.5 has (facts: cores 12.5 to 25.7)."""

    blocked: bool = False
    """b_user.BLOCKED, since about 21.6."""
    language: bool = False
    """b_user.LANGUAGE_ID, since about 16."""
    auth_actions: bool = False
    """b_user_auth_action, since about 16."""
    auth_action_application: bool = False
    user_session: bool = False
    """b_user_session, of the new session engine."""
    sec_session: bool = False
    """b_sec_session, of the module security."""
    orders: bool = False
    """The tables of the module sale, all that are always needed. A shop without it has no orders, and that is fine; so
    it looks, too, when the database user may not read one of them."""
    running: bool = False
    """b_sale_order.RUNNING."""
    bundles: bool = False
    """b_sale_basket.TYPE, SET_PARENT_ID and MEASURE_NAME, since about 14."""
    parts: bool = False
    """b_sale_order_payment and b_sale_order_delivery, since 16; an order was paid and sent as a whole before."""
    changes: bool = False
    """b_sale_order_change."""
    archive: bool = False
    """b_sale_order_archive, since 16.5: orders that were moved out of the way, without their tables."""
    phone_auth: bool = False
    """b_user_phone_auth, since 18.5: phones that the shop has sent a code to."""
    order_props: bool = False
    """b_sale_order_props and b_sale_order_props_value: what a buyer typed into the order's form."""
    order_props_entity: bool = False
    """b_sale_order_props_value.ENTITY_TYPE: shipments have properties, too."""


_COLUMNS = text(
    "SELECT LOWER(TABLE_NAME), UPPER(COLUMN_NAME), COLLATION_NAME FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN "
    "('b_user', 'b_user_auth_action', 'b_user_session', 'b_sec_session', 'b_sale_order', 'b_sale_basket', "
    "'b_sale_basket_props', 'b_sale_status_lang', 'b_sale_order_payment', 'b_sale_order_delivery', "
    "'b_sale_order_change', 'b_user_phone_auth', 'b_sale_order_props', 'b_sale_order_props_value', "
    "'b_sale_order_archive')"
)
_ORDERS = (
    ("b_sale_order", "ACCOUNT_NUMBER"),
    ("b_sale_basket", "ORDER_ID"),
    ("b_sale_basket_props", "BASKET_ID"),
    ("b_sale_status_lang", "STATUS_ID"),
)


def inspect(unit: Unit) -> Shape:
    """Look once, at start. Raises WrongSettings when this is no Bitrix database, or not one that can be relied on."""
    columns = {(row[0], row[1]): row[2] or "" for row in unit.shop.execute(_COLUMNS)}
    if ("b_user", "ID") not in columns:
        raise WrongSettings(["PORTAL_DATABASE_URL names a database without Bitrix's table b_user"])
    if "_ci" not in columns.get(("b_user", "EMAIL"), ""):
        # Who else holds an address is asked of the index; one that tells case apart would miss them.
        raise WrongSettings(["PORTAL_DATABASE_URL names a database where b_user.EMAIL tells upper from lower case"])
    orders = all(column in columns for column in _ORDERS)
    return Shape(
        blocked=("b_user", "BLOCKED") in columns,
        language=("b_user", "LANGUAGE_ID") in columns,
        auth_actions=("b_user_auth_action", "ID") in columns,
        auth_action_application=("b_user_auth_action", "APPLICATION_ID") in columns,
        user_session=("b_user_session", "SESSION_ID") in columns,
        sec_session=("b_sec_session", "SESSION_ID") in columns,
        orders=orders,
        running=("b_sale_order", "RUNNING") in columns,
        bundles=("b_sale_basket", "SET_PARENT_ID") in columns,
        parts=("b_sale_order_payment", "ID") in columns and ("b_sale_order_delivery", "SYSTEM") in columns,
        changes=("b_sale_order_change", "ID") in columns,
        archive=("b_sale_order_archive", "ORDER_ID") in columns,
        phone_auth=("b_user_phone_auth", "CONFIRMED") in columns,
        order_props=orders
        and ("b_sale_order_props", "IS_PHONE") in columns
        and ("b_sale_order_props_value", "VALUE") in columns,
        order_props_entity=("b_sale_order_props_value", "ENTITY_TYPE") in columns,
    )
