"""Dialect v1, the document's: Bearer, ISO 8601, messages with `internal`. Paths and decoders; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from portal.config import Settings
from portal.helpdesk import decode
from portal.helpdesk.call import Call
from portal.helpdesk.credentials import basic, bearer
from portal.helpdesk.decode import Known, Row
from portal.model import Attachment, Contact, Message, Status, Ticket, Upload

OLDEST_FIRST = True

_STATUSES = {"open": Status.IN_PROGRESS, "pending": Status.WAITING, "closed": Status.CLOSED}


def authorization(settings: Settings) -> str:
    """The Authorization header."""
    return bearer(settings) or basic(settings)


def find_contacts(email: str, page: int) -> Call:
    """Contacts by address."""
    return Call("/users", {"email": email, "page": page})


def get_contact(contact_id: int) -> Call:
    """One contact."""
    return Call(f"/users/{contact_id}")


def list_tickets(contact_id: int, page: int) -> Call:
    """A contact's tickets, newest activity first."""
    return Call("/tickets", {"user_id": contact_id, "page": page})


def changed_tickets(since: datetime | None, page: int, _zone: tzinfo) -> Call:
    """Everybody's tickets that changed since then, newest activity first."""
    told = {"updated_since": since.astimezone(UTC).isoformat().replace("+00:00", "Z")} if since else {}
    return Call("/tickets", {**told, "page": page})


def get_ticket(ticket_id: int) -> Call:
    """One ticket."""
    return Call(f"/tickets/{ticket_id}")


def list_messages(ticket_id: int, page: int) -> Call:
    """A ticket's messages."""
    return Call(f"/tickets/{ticket_id}/messages", {"page": page})


def create_contact(email: str, name: str, phone: str, fields: Mapping[str, str]) -> Call:
    """A new contact; whoever has the address already would get this name, so that is asked before."""
    return Call("/users", method="POST", json={"email": email, **_told(name, phone, fields)})


def update_contact(contact: Contact, name: str, phone: str, fields: Mapping[str, str]) -> Call | None:
    """Whoever carries the address gets what is told; a person without one cannot be named."""
    if not contact.email:
        return None
    return Call("/users", method="POST", json={"email": contact.email, **_told(name, phone, fields)})


def _told(name: str, phone: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """What is not told stays as it is."""
    told: dict[str, Any] = {"name": name, "phone": phone, "custom_fields": dict(fields)}
    return {key: value for key, value in told.items() if value}


def contact_fields() -> Callable[[int], Call] | None:
    """Values go by the fields' names."""
    return None


def contact_notes(_contact_id: int) -> Callable[[int], Call] | None:
    """Nobody can write about a person here."""
    return None


def create_contact_note(_contact_id: int, _html: str) -> Call:
    """Nobody can write about a person here."""
    raise NotImplementedError


def delete_contact_note(_contact_id: int, _note_id: int) -> Call:
    """Nobody can write about a person here."""
    raise NotImplementedError


def upload(file: Upload) -> Call | None:
    """A file, before the message it goes with; one that no message names is seen by nobody."""
    return Call("/files", method="POST", files=[("file", file)])


def create_ticket(contact_id: int, subject: str, html: str, _files: Sequence[Upload], file_ids: Sequence[Any]) -> Call:
    """A ticket with its first message."""
    body = {"user_id": contact_id, "subject": subject, "body": html, "file_ids": list(file_ids)}
    return Call("/tickets", method="POST", json=body, once=True)


def create_message(of: Ticket, html: str, _files: Sequence[Upload], file_ids: Sequence[Any]) -> Call:
    """A message of the requester's."""
    return _message_call(
        of.id, {"author_id": of.requester_id, "body": html, "internal": False, "file_ids": [*file_ids]}
    )


def create_note(ticket_id: int, html: str) -> Call:
    """A message that only the staff sees, of the API user's."""
    return _message_call(ticket_id, {"body": html, "internal": True})


def _message_call(ticket_id: int, body: Mapping[str, Any]) -> Call:
    return Call(f"/tickets/{ticket_id}/messages", method="POST", json=body, once=True)


def reopen(ticket_id: int) -> Call:
    """Open a closed ticket."""
    return Call(f"/tickets/{ticket_id}", method="PATCH", json={"status": "open"})


def close_ticket(ticket_id: int) -> Call:
    """Close a ticket."""
    return Call(f"/tickets/{ticket_id}", method="PATCH", json={"status": "closed"})


def visitor(_email: str, _name: str) -> Call | None:
    """There is no such id."""
    return None


def written(row: Row, ticket_id: int, *, internal: bool) -> int:
    """The id of the message that was made, when it is in this ticket and for those eyes."""
    if decode.number(row["ticket_id"]) != ticket_id or _is_internal(row) != internal:
        raise ValueError("another message")
    return decode.number(row["id"])


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
    """A ticket's or a person's value of a custom field."""
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
        status_key=slug,
        requester_id=decode.number(row["user_id"]),
        requester_email=decode.email(row.get("user_email")),
        channel=decode.channel(row.get("channel")),
        created_at=created,
        updated_at=decode.moment_or_none(row.get("updated_at"), UTC) or created,
        last_reply_at=replied,
        closed=status is Status.CLOSED,
    )


def message(row: Row, of: Ticket, _known: Known) -> Message | None:
    """A message; None for an internal note.

    Only the requester's own messages are his: anybody else, a colleague in copy too, is shown beside the staff.
    """
    if _is_internal(row):
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


def _is_internal(row: Row) -> bool:
    """Whatever does not say clearly that it is public is internal; what says nothing at all makes no sense."""
    told = row["internal"]
    if not isinstance(told, bool | int | str):
        raise TypeError("neither internal nor public")
    return told not in (False, 0, "0", "")


def _file(row: Row) -> Attachment:
    size = row.get("size")
    return Attachment(
        decode.words(row["id"], 64),
        decode.words(row.get("name")) or "file",
        decode.address(row["url"]),
        decode.count(size) if size is not None else None,
        decode.words(row.get("type")),
    )
