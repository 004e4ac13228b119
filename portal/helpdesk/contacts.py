"""What the help desk can be told about a person: name, phone, our own custom fields, a note of the staff's.

All of it may be done twice: whoever lost an answer does it again. Whether anything is to be written is the caller's
business; a member of staff is never written to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from portal.errors import HelpdeskGarbled, HelpdeskMissing, HelpdeskStaff
from portal.helpdesk import decode
from portal.helpdesk.decode import Row
from portal.helpdesk.paging import first_pages
from portal.helpdesk.reads import FIELD_PAGES, FIELD_SECONDS
from portal.helpdesk.writes import Writes
from portal.model import Contact

log = logging.getLogger(__name__)

NOTE_PAGES = 5


@dataclass(frozen=True, slots=True)
class Card:
    """A contact with its values of the custom fields asked for, "" for none; one that nobody has defined is absent."""

    contact: Contact
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContactNote:
    """A note of the staff's about a contact."""

    id: int
    html: str


class Contacts(Writes):
    """Definitions of custom fields are asked for once a day, and told once when one is missing."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._defining = asyncio.Lock()
        self._defined: list[Row] = []
        self._defined_until = 0.0
        self._told: set[str] = set()

    async def get_card(self, contact_id: int, names: Iterable[str]) -> Card:
        """A contact and its values of these custom fields. Raises HelpdeskMissing."""
        keys = await self._contact_keys(names)
        answer = await self._wire.call(self._dialect.get_contact(contact_id))
        row = decode.one(answer["data"])
        contact = decode.sensible(row, self._dialect.contact)
        if contact.id != contact_id:
            raise HelpdeskGarbled("another contact than the one asked for")
        return Card(contact, {name: self._dialect.field_value(row, key) for name, key in keys.items()})

    async def ensure_card(self, email: str, name: str, phone: str, fields: Mapping[str, str]) -> Card:
        """The contact that carries this address, made with all of this when there is none; else left as it is.

        Raises as `ensure_contact` does.
        """
        keys = await self._contact_keys(fields)
        told = {key: decode.whole(fields[field]) for field, key in keys.items() if fields[field]}
        contact = await self.ensure_contact(email, name, phone, told)
        return await self.get_card(contact.id, fields)

    async def update_contact(
        self, contact: Contact, *, name: str = "", phone: str = "", fields: Mapping[str, str] | None = None
    ) -> None:
        """Write these of a contact; "" and fields that are not told, or not defined, stay as they are.

        Raises HelpdeskStaff for a member of staff. No call when there is nothing to write.
        """
        if contact.is_staff:
            raise HelpdeskStaff("the contact is a member of staff")
        fields = fields or {}
        keys = await self._contact_keys(fields) if fields else {}
        told = {key: decode.whole(fields[name]) for name, key in keys.items()}
        call = self._dialect.update_contact(contact, decode.words(name), phone, told)
        if call is None:
            log.warning("help desk: contact %d has no address any more, and cannot be written to", contact.id)
        elif name or phone or told:
            await self._wire.call(call)

    @property
    def notes_contacts(self) -> bool:
        """Whether the staff can keep notes about a contact here."""
        return self._dialect.contact_notes(1) is not None

    async def contact_notes(self, contact_id: int) -> tuple[ContactNote, ...]:
        """The staff's notes about a contact."""
        pages = self._dialect.contact_notes(contact_id)
        rows = (await first_pages(self._ask(pages), NOTE_PAGES))[0] if pages else []
        return decode.each(rows, lambda row: ContactNote(decode.number(row["id"]), decode.html(row["text"])), "notes")

    async def add_contact_note(self, contact_id: int, html: str) -> None:
        """A note about a contact; a lost answer leaves it open whether it is there."""
        await self._wire.call(self._dialect.create_contact_note(contact_id, decode.whole(html)))

    async def drop_contact_note(self, contact_id: int, note_id: int) -> None:
        """Take a note away; one that is not there is fine."""
        try:
            await self._wire.call(self._dialect.delete_contact_note(contact_id, note_id))
        except HelpdeskMissing:
            return

    async def _contact_keys(self, names: Iterable[str]) -> dict[str, str]:
        """What these fields' values go by; those that nobody has defined are left out."""
        found = {name: self._dialect.field_key(await self._definitions(), name) for name in names}
        for name in sorted(name for name, key in found.items() if not key and name not in self._told):
            self._told.add(name)
            log.warning("help desk: it has no field %s for contacts: make one, of the type text, or go without", name)
        return {name: key for name, key in found.items() if key}

    async def _definitions(self) -> list[Row]:
        pages = self._dialect.contact_fields()
        async with self._defining:
            if pages and monotonic() >= self._defined_until:
                self._defined, _whole = await first_pages(self._ask(pages), FIELD_PAGES)
                self._defined_until = monotonic() + FIELD_SECONDS
        return self._defined
