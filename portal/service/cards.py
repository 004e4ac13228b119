"""What of a contact is ours to write: our own fields always, name and phone only where nobody has filled them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.helpdesk.contacts import Card
from portal.model import Buyer, Contact
from portal.service.phones import e164

USER_ID, ORDERS = "bitrix_user_id", "bitrix_orders"
OURS = (USER_ID, ORDERS)
"""Custom fields of contacts, by their names in the help desk."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written; "" and fields that are not named stay as they are."""

    name: str
    phone: str
    fields: Mapping[str, str]


def change(card: Card, buyer: Buyer, fields: Mapping[str, str]) -> Change:
    """What the contact lacks of what the shop knows. A field that the help desk does not have is left out."""
    return Change(
        name="" if _is_named(card.contact) or card.contact.name == buyer.name else buyer.name,
        phone="" if card.contact.phone else e164(buyer.phone),
        fields={
            name: value
            for name, value in fields.items()
            if name in card.fields and card.fields[name].split() != value.split()
        },
    )


def _is_named(contact: Contact) -> bool:
    """Whether somebody gave him a name: his address, or what stands before its @, is what machines call him."""
    return contact.name.lower() not in ("", contact.email, contact.email.partition("@")[0])
