"""What the operator's panel says: how an order stands, why two may be one person, and a sentence for the customer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from portal.bitrix.dossiers import Archived
from portal.model import Change, Money, Order, Status, Ticket
from portal.service.evidence import Evidence, Kind, Node
from portal.service.identity import Reach
from portal.service.panel_sheet import Hit
from portal.web.mended import mended
from portal.web.words import LOCALES, Words, tidy

COURIER = re.compile("курьер|courier", re.IGNORECASE)
ROUBLES = "RUB\N{NO-BREAK SPACE}"
"""How English writes them: the sign is shorter, and everybody in a Russian shop reads it."""

FINAL = "F"
"""b_sale_status: the core's own status of an order that is done."""


def said(text: str) -> str:
    """Foreign text of one line, as it was meant."""
    return tidy(mended(text))


class PanelWords:
    """The words of one language; `all_words`: of every language, for what is said to a customer in his."""

    def __init__(self, words: Words, all_words: Mapping[str, Words], shop_locale: str) -> None:
        self._words = words
        self._all = all_words
        self._shop = shop_locale

    def _(self, message: str) -> str:
        return self._words.translations.gettext(message)

    def sums(self, sums: Sequence[Money]) -> str:
        """Money by currency, "45 900 ₽ + 191.52 €"."""
        return " + ".join(self.money(one.sum, one.currency) for one in sums)

    def money(self, amount: Decimal, currency: str) -> str:
        """A sum as it is read at a glance: with the sign of the currency where all of us know it, "4,590 ₽"."""
        return _money(self._words, amount, currency)

    def hit(self, hit: Hit) -> Sequence[str]:
        """What tells somebody who was found from others of his name."""
        count = self._words.translations.ngettext("%(num)d order", "%(num)d orders", hit.orders) % {"num": hit.orders}
        parts = [
            f"№ {said(hit.value)}" if hit.by == "order" else "",
            said(hit.email) if hit.name else "",
            count if hit.orders else "",
            self._("not known to the shop") if hit.whom[0] == "contact" else "",
        ]
        return [part for part in parts if part]

    def pay(self, order: Order) -> str:
        """How an order stands with its payment."""
        if order.paid or (order.sum and order.paid_sum >= order.sum):
            return self._("paid")
        if order.paid_sum:
            paid = self.money(order.paid_sum, order.currency)
            left = self.money(order.sum - order.paid_sum, order.currency)
            return self._("%(paid)s paid, %(left)s to go") % {"paid": paid, "left": left}
        return self._("not paid")

    def language(self, language: str) -> str:
        """A customer's language by its name; the code where we do not speak it."""
        return {"ru": self._("Russian"), "en": self._("English")}.get(language, tidy(language))

    def addressed(self, language: str) -> str:
        """The language in which we can speak to him."""
        return language if language in LOCALES else self._shop

    def sentence(self, order: Order, language: str, now: datetime) -> str:
        """How the order stands, in a sentence for the customer in his language, to be pasted into an answer."""
        locale = self.addressed(language)
        words = self._all[locale]
        told = {
            "number": said(order.number),
            "date": words.full_date(order.created_at, now),
            "sum": _money(words, order.sum, order.currency),
            "state": self._state(order, words),
        }
        gettext = words.translations.gettext
        track = ", ".join(dict.fromkeys(said(one.tracking) for one in order.shipments if one.tracking.strip()))
        if track and not order.canceled:
            return gettext("Order %(number)s of %(date)s, %(sum)s, %(state)s, track %(track)s") % (
                told | {"track": track}
            )
        return gettext("Order %(number)s of %(date)s, %(sum)s, %(state)s") % told

    def _state(self, order: Order, words: Words) -> str:
        """By facts; the shop's name of a status is in the shop's language alone."""
        gettext = words.translations.gettext
        if order.canceled:
            return gettext("cancelled")
        if order.status.id == FINAL:
            return gettext("completed")
        shipped = [one for one in order.shipments if one.shipped]
        if 0 < len(shipped) < len(order.shipments):
            return gettext("partly handed over for delivery")
        if shipped:
            couriers = all(COURIER.search(mended(one.name)) for one in shipped)
            return gettext("handed to the courier") if couriers else gettext("handed over for delivery")
        if words.locale == self._shop and order.status.name != order.status.id:
            name = said(order.status.name)
            return name[:1].lower() + name[1:]
        return gettext("being prepared") if order.paid else gettext("accepted")

    def because(self, one: Evidence, now: datetime) -> str:
        """Why two may be the same person."""
        told = {"value": said(one.value)}
        text = {
            Kind.SAID_SAME: self._("an operator said so"),
            Kind.SAID_NOT: self._("an operator said that it is somebody else"),
            Kind.OWN_TICKET: self._("a request was opened signed in to the shop"),
            Kind.PROVEN_EMAIL: self._("proven e-mail %(value)s"),
            Kind.CONFIRMED_PHONE: self._("called from the confirmed phone %(value)s"),
            Kind.SAME_EMAIL: self._("the same e-mail %(value)s, not proven"),
            Kind.SAME_PHONE: self._("the same phone %(value)s"),
            Kind.SAME_NAME: self._("the same name"),
        }[one.kind]
        if one.kind is Kind.SAME_PHONE and one.source == "order":
            text = self._("the same phone %(value)s on an order")
        parts = [text % told]
        if one.word_id:
            parts += [self._node(node) for node in one.between]
        if one.shared:
            parts.append(self._("others have it, too"))
        if one.author:
            parts.append(said(one.author))
        if one.at:
            parts.append(self._words.date(one.at, now))
        return ", ".join(parts)

    def _node(self, node: Node) -> str:
        names = {"account": self._("account %(id)s"), "contact": self._("contact %(id)s")}
        return names[node.kind] % {"id": node.id}

    def change(self, change: Change) -> str:
        """What happened to an order, in a few words; a type unknown to us as the shop calls it."""
        names = self._changes().get(change.type)
        name = (names[1] if change.undone and names[1] else names[0]) if names else tidy(change.type)
        return f"{name}: {said(change.value)}" if change.value else name

    def _changes(self) -> Mapping[str, tuple[str, str]]:
        """What it is called when it is done, and when it is taken back."""
        _ = self._
        return {
            "ORDER_ADDED": (_("Ordered"), ""),
            "ORDER_STATUS_CHANGED": (_("Status"), ""),
            "ORDER_CANCELED": (_("Cancelled"), _("No longer cancelled")),
            "ORDER_PAYED": (_("Paid"), _("Payment taken back")),
            "ORDER_PRICE_CHANGED": (_("New sum"), ""),
            "ORDER_DEDUCTED": (_("Shipped"), _("Shipping taken back")),
            "ORDER_DELIVERY_ALLOWED": (_("Delivery allowed"), _("Delivery held back")),
            "ORDER_TRACKING_NUMBER_CHANGED": (_("Track"), ""),
            "BASKET_ADDED": (_("Added"), ""),
            "BASKET_REMOVED": (_("Removed"), ""),
            "PAYMENT_ADDED": (_("Payment"), ""),
            "PAYMENT_PAID": (_("Paid"), _("Payment taken back")),
            "SHIPMENT_ADDED": (_("Delivery"), ""),
            "SHIPMENT_SHIPPED": (_("Shipped"), _("Shipping taken back")),
            "SHIPMENT_CANCELED": (_("Delivery cancelled"), _("Delivery no longer cancelled")),
            "SHIPMENT_STATUS_CHANGED": (_("Delivery"), ""),
            "SHIPMENT_TRACKING_NUMBER_CHANGED": (_("Track"), ""),
        }

    def state(self, order: Order | Archived) -> str:
        """An order's status as a label: its name in the shop, or that it is cancelled."""
        return self._("Cancelled") if order.canceled else said(order.status.name)

    def request(self, ticket: Ticket) -> str:
        """A request's state as the shop's side sees it."""
        names = {
            Status.RECEIVED: self._("new"),
            Status.IN_PROGRESS: self._("waiting for us"),
            Status.WAITING: self._("waiting for the customer"),
            Status.CLOSED: self._("closed"),
        }
        return names.get(ticket.status) or tidy(ticket.status_name) or self._("open")

    def initials(self, name: str) -> str:
        """Two letters of a name at most."""
        return "".join(part[0] for part in name.split()[:2] if part[0].isalpha()).upper()

    def reaches(self, emails: Sequence[Reach], phones: Sequence[Reach]) -> Sequence[tuple[str, Reach]]:
        """All ways to reach somebody, each with its kind."""
        return [*(("email", one) for one in emails), *(("phone", one) for one in phones)]


def _money(words: Words, amount: Decimal, currency: str) -> str:
    text = words.money(amount, currency)
    return f"{text.removeprefix(ROUBLES)}\N{NO-BREAK SPACE}₽" if text.startswith(ROUBLES) else text
