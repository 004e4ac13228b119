"""Dialect v1, the document's: Bearer, ISO 8601, messages with `internal`. Paths and decoders; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from portal.config import Settings
from portal.helpdesk import decode
from portal.helpdesk.credentials import basic, bearer
from portal.helpdesk.decode import Call, Known, Row
from portal.model import Attachment, Contact, Message, Status, Ticket

_STATUSES = {"open": Status.IN_PROGRESS, "pending": Status.WAITING, "closed": Status.CLOSED}


def authorization(settings: Settings) -> str:
    """The Authorization header."""
    return bearer(settings) or basic(settings)


def find_contacts(email: str, page: int) -> Call:
    """Contacts by address."""
    return "/users", {"email": email, "page": page}


def get_contact(contact_id: int) -> Call:
    """One contact."""
    return f"/users/{contact_id}", {}


def list_tickets(contact_id: int, page: int) -> Call:
    """A contact's tickets, newest activity first."""
    return "/tickets", {"user_id": contact_id, "page": page}


def get_ticket(ticket_id: int) -> Call:
    """One ticket."""
    return f"/tickets/{ticket_id}", {}


def list_messages(ticket_id: int, page: int) -> Call:
    """A ticket's messages."""
    return f"/tickets/{ticket_id}/messages", {"page": page}


def contact(row: Row) -> Contact:
    """A user as a contact."""
    return Contact(
        decode.number(row["id"]),
        decode.email(row.get("email")),
        decode.words(row.get("name")),
        decode.words(row.get("phone")),
        row.get("type") == "staff",
    )


def statuses() -> Call | None:
    """There are three statuses, and nothing to ask."""
    return None


def status_names(_found: list[Row], _locale: str) -> dict[str, str]:
    """Nothing was asked."""
    return {}


def ticket_fields() -> Callable[[int], Call] | None:
    """Values go by the fields' names."""
    return None


def field_key(_found: list[Row], name: str) -> str:
    """The name itself."""
    return name


def field_value(row: Row, key: str) -> str:
    """A ticket's value of a custom field."""
    fields = row.get("custom_fields")
    return decode.words(fields.get(key), decode.MAX_FIELD) if isinstance(fields, dict) else ""


def strangers(_found: list[Row], _of: Ticket) -> list[int]:
    """Nobody has to be looked up: a message says what its author is."""
    return []


def ticket(row: Row, _known: Known) -> Ticket:
    """A ticket."""
    slug = decode.words(row.get("status")).lower()
    replied = decode.moment_or_none(row.get("last_reply_at"), UTC)
    status = _STATUSES.get(slug, Status.OTHER)
    if status is Status.IN_PROGRESS and replied is None:
        status = Status.RECEIVED
    created = decode.moment(row["created_at"], UTC)
    return Ticket(
        id=decode.number(row["id"]),
        number=decode.words(row.get("number")) or str(row["id"]),
        subject=decode.words(row.get("subject"), 1000),
        status=status,
        status_name=slug,
        requester_id=decode.number(row["user_id"]),
        requester_email=decode.email(row.get("user_email")),
        channel=decode.channel(row.get("channel")),
        created_at=created,
        updated_at=decode.moment_or_none(row.get("updated_at"), UTC) or created,
        last_reply_at=replied,
        closed=status is Status.CLOSED,
    )


def message(row: Row, of: Ticket, _known: Known) -> Message | None:
    """A message; None for an internal note, and for whatever does not say clearly that it is none.

    Only the requester's own messages are his: anybody else, a colleague in copy too, is shown beside the staff.
    """
    if row.get("internal", False) not in (False, 0, "0", ""):
        return None
    author = row.get("author")
    author = author if isinstance(author, dict) else {}
    author_id = decode.count(author.get("id"))
    return Message(
        id=decode.number(row["id"]),
        author_id=author_id,
        author_name=decode.words(author.get("name")),
        from_staff=author.get("type") != "user" or author_id != of.requester_id,
        html=decode.html(row.get("body")),
        created_at=decode.moment(row["created_at"], UTC),
        files=decode.each(decode.rows(row.get("files")), _file, "files"),
    )


def _file(row: Row) -> Attachment:
    size = row.get("size")
    return Attachment(
        decode.words(row["id"], 64),
        decode.words(row.get("name")) or "file",
        decode.address(row["url"]),
        decode.count(size) if size is not None else None,
        decode.words(row.get("type")),
    )
