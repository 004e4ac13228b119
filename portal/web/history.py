"""What happened to an order, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from portal.model import Change
from portal.web.words import translations


def told(change: Change, locale: str) -> str:
    """The change in words of `locale`; a type that has none is told by its code."""
    sentence, undone = _sentences(locale).get(change.type, (change.type, change.type))
    said = undone if change.undone else sentence
    return said % {"value": change.value} if change.value else said.partition(":")[0].strip()


@cache
def _sentences(locale: str) -> dict[str, tuple[str, str]]:
    """By type: what is said of it, and what when it was taken back. Without a value the part from the colon on goes."""
    _: Callable[[str], str] = translations(locale).gettext
    status, tracking = _("Status: %(value)s"), _("Tracking number: %(value)s")
    canceled = _("Cancelled"), _("Cancellation withdrawn")
    shipped = _("Shipped: %(value)s"), _("Shipping taken back: %(value)s")
    paid = _("Paid: %(value)s"), _("Payment taken back: %(value)s")
    return {
        "ORDER_ADDED": _both(_("Order placed")),
        "ORDER_STATUS_CHANGED": _both(status),
        "ORDER_CANCELED": canceled,
        "ORDER_PAYED": paid,
        "ORDER_PRICE_CHANGED": _both(_("Total: %(value)s")),
        "ORDER_DEDUCTED": shipped,
        "ORDER_DELIVERY_ALLOWED": (_("Delivery allowed"), _("Delivery not allowed any more")),
        "ORDER_TRACKING_NUMBER_CHANGED": _both(tracking),
        "BASKET_ADDED": _both(_("Added: %(value)s")),
        "BASKET_REMOVED": _both(_("Removed: %(value)s")),
        "PAYMENT_ADDED": _both(_("Payment added: %(value)s")),
        "PAYMENT_PAID": paid,
        "SHIPMENT_ADDED": _both(_("Parcel added: %(value)s")),
        "SHIPMENT_SHIPPED": shipped,
        "SHIPMENT_CANCELED": (_("Parcel cancelled"), _("Cancellation of a parcel withdrawn")),
        "SHIPMENT_STATUS_CHANGED": _both(_("Parcel's status: %(value)s")),
        "SHIPMENT_TRACKING_NUMBER_CHANGED": _both(tracking),
    }


def _both(sentence: str) -> tuple[str, str]:
    return sentence, sentence
