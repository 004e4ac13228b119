"""What a dialect is: paths, decoders, and what has to be asked beside. v1.py and v2.py are two, as modules; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Protocol

from portal.config import Settings
from portal.helpdesk.call import Call
from portal.helpdesk.decode import Known, Row
from portal.model import Contact, Message, Ticket, Upload


class Dialect(Protocol):
    """The questions raise nothing; the decoders raise KeyError, ValueError or TypeError for a row without sense."""

    OLDEST_FIRST: bool
    """Whether lists of messages begin with the oldest."""

    def authorization(self, settings: Settings, /) -> str:
        """The Authorization header."""

    def find_contacts(self, email: str, page: int, /) -> Call:
        """People by address; what comes may be anybody."""

    def get_contact(self, contact_id: int, /) -> Call:
        """One person."""

    def list_tickets(self, contact_id: int, page: int, /) -> Call:
        """A person's tickets; what comes may be anybody's."""

    def changed_tickets(self, since: datetime | None, page: int, zone: tzinfo, /) -> Call:
        """Everybody's tickets that changed since then, newest change first; what comes may be older."""

    def get_ticket(self, ticket_id: int, /) -> Call:
        """One ticket."""

    def list_messages(self, ticket_id: int, page: int, /) -> Call:
        """A ticket's messages."""

    def statuses(self) -> Call | None:
        """The account's own statuses; None where there are none to ask for."""

    def status_names(self, found: list[Row], locale: str, /) -> dict[str, str]:
        """Slug to name, of what `statuses` brought."""

    def ticket_fields(self) -> Callable[[int], Call] | None:
        """The pages of the definitions of the tickets' custom fields; None where values go by the fields' names."""

    def field_key(self, found: list[Row], name: str, /) -> str:
        """What values of this field go by, of what `ticket_fields` brought; "" when nobody has defined it."""

    def field_value(self, row: Row, key: str, /) -> str:
        """A ticket's or a person's value of a custom field, "" for none."""

    def create_contact(self, email: str, name: str, phone: str, fields: Mapping[str, str], /) -> Call:
        """A new person; to be asked for only when nobody has the address. `fields`: by what `field_key` told."""

    def update_contact(self, contact: Contact, name: str, phone: str, fields: Mapping[str, str], /) -> Call | None:
        """Write these of a person, "" and absent fields stay as they are; None where nothing names the person.

        `fields`: by what `field_key` told.
        """

    def contact_fields(self) -> Callable[[int], Call] | None:
        """The pages of the definitions of people's custom fields; None where values go by the fields' names."""

    def contact_notes(self, contact_id: int, /) -> Callable[[int], Call] | None:
        """The pages of the staff's notes about a person; None where there are none."""

    def create_contact_note(self, contact_id: int, html: str, /) -> Call:
        """A note about a person."""

    def delete_contact_note(self, contact_id: int, note_id: int, /) -> Call:
        """Take a note about a person away."""

    def upload(self, file: Upload, /) -> Call | None:
        """A file before its message; None where files go with it."""

    def create_ticket(
        self, contact_id: int, subject: str, html: str, files: Sequence[Upload], file_ids: Sequence[Any], /
    ) -> Call:
        """A new ticket of this person's; `file_ids` are what the answers to `upload` told."""

    def create_message(self, of: Ticket, html: str, files: Sequence[Upload], file_ids: Sequence[Any], /) -> Call:
        """A public message of the requester's."""

    def create_note(self, ticket_id: int, html: str, /) -> Call:
        """A message for the staff only."""

    def reopen(self, ticket_id: int, /) -> Call:
        """Open a closed ticket."""

    def close_ticket(self, ticket_id: int, /) -> Call:
        """Close a ticket."""

    def visitor(self, email: str, name: str, /) -> Call | None:
        """A person's id in the chat; None where there is none."""

    def written(self, row: Row, ticket_id: int, /, *, internal: bool) -> int:
        """The id of the message or note that a call has made."""

    def contact(self, row: Row, /) -> Contact:
        """A person."""

    def ticket(self, row: Row, known: Known, /) -> Ticket:
        """A ticket."""

    def message(self, row: Row, of: Ticket, known: Known, /) -> Message | None:
        """A message of the ticket; None for what its customer must not see."""

    def strangers(self, found: list[Row], of: Ticket, /) -> list[int]:
        """Authors who have to be looked up."""
