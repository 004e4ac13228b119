"""custom_hde_profile: people who wrote to the help desk from an address that no account of the shop holds."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, cut, is_duplicate
from portal.model import Contact

NAME_CHARACTERS = 255
EMAIL_BYTES, PHONE_BYTES = 255, 32


class Caller(NamedTuple):
    """A contact of the help desk."""

    contact_id: int
    name: str
    email: str


def known(unit: Unit, contact_id: int) -> bool:
    """Whether this contact has a row."""
    return unit.state.execute(_KNOWN, {"contact": contact_id}).first() is not None


def put(unit: Unit, contact: Contact) -> bool:
    """Somebody new. False when he is known: what was written first stays; or has an address that nobody can have."""
    if len(contact.email.encode()) > EMAIL_BYTES:
        return False
    told = {
        "contact": contact.id,
        "email": contact.email.encode(),
        "name": contact.name[:NAME_CHARACTERS],
        "phone": cut(contact.phone, PHONE_BYTES),
    }
    try:
        unit.state.execute(_PUT, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def of_contact(unit: Unit, contact_id: int) -> list[Contact]:
    """This contact as he was first met; none when he was not."""
    rows = unit.state.execute(_OF_CONTACT, {"contact": contact_id})
    return [Contact(contact_id, _text(row.email), row.name, _text(row.phone)) for row in rows]


def _text(value: bytes) -> str:
    return bytes(value).decode("utf-8", "replace")


def of_phones(unit: Unit, phones: Collection[str], limit: int) -> list[Caller]:
    """Those of no account whom the help desk knows by one of these numbers, as it writes them; the first by id."""
    told = {"phones": [phone.encode() for phone in phones], "limit": limit}
    return [Caller(int(row.contact_id), row.name, _text(row.email)) for row in unit.state.execute(_OF_PHONES, told)]


def take_over(unit: Unit, user_id: int, email: str) -> int:
    """The account has proven this address: who wrote from it before was he. How many rows are his now."""
    return int(unit.state.execute(_TAKE_OVER, {"user": user_id, "email": email.encode()}).rowcount)


_KNOWN = text("SELECT 1 FROM custom_hde_profile WHERE contact_id = :contact")
_PUT = text(
    "INSERT INTO custom_hde_profile (contact_id, email, name, phone, created_at) "
    "VALUES (:contact, :email, :name, :phone, UTC_TIMESTAMP(6))"
)
_OF_CONTACT = text("SELECT email, name, phone FROM custom_hde_profile WHERE contact_id = :contact")
_OF_PHONES = text(
    "SELECT contact_id, name, email FROM custom_hde_profile WHERE phone IN :phones AND user_id IS NULL "
    "ORDER BY contact_id LIMIT :limit"
).bindparams(bindparam("phones", expanding=True))
_TAKE_OVER = text("UPDATE custom_hde_profile SET user_id = :user WHERE email = :email AND user_id IS NULL")
