"""What a dialect is: paths, decoders, and what has to be asked beside. v1.py and v2.py are two, as modules; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from portal.config import Settings
from portal.helpdesk.decode import Call, Known, Row
from portal.model import Contact, Message, Ticket


class Dialect(Protocol):
    """The questions raise nothing; the decoders raise KeyError, ValueError or TypeError for a row without sense."""

    def authorization(self, settings: Settings, /) -> str:
        """The Authorization header."""

    def find_contacts(self, email: str, page: int, /) -> Call:
        """People by address; what comes may be anybody."""

    def get_contact(self, contact_id: int, /) -> Call:
        """One person."""

    def list_tickets(self, contact_id: int, page: int, /) -> Call:
        """A person's tickets; what comes may be anybody's."""

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
        """A ticket's value of a custom field, "" for none."""

    def contact(self, row: Row, /) -> Contact:
        """A person."""

    def ticket(self, row: Row, known: Known, /) -> Ticket:
        """A ticket."""

    def message(self, row: Row, of: Ticket, known: Known, /) -> Message | None:
        """A message of the ticket; None for what its customer must not see."""

    def strangers(self, found: list[Row], of: Ticket, /) -> list[int]:
        """Authors who have to be looked up."""
