"""Dialect v2, the vendor's: Basic, posts apart from comments, slugs for statuses. Paths and decoders; no I/O.

Oddities told where they are handled: a filter that the vendor does not know is ignored and gives everybody's rows, so
the caller compares owners; a post does not say what its author is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from portal.config import Settings
from portal.helpdesk import decode
from portal.helpdesk.call import Call
from portal.helpdesk.credentials import basic, bearer
from portal.helpdesk.decode import Known, Row
from portal.model import Attachment, Contact, Message, Status, Ticket, Upload

_STATUSES = {"open": Status.RECEIVED, "process": Status.IN_PROGRESS, "closed": Status.CLOSED}
"""The only slugs that every account has; all others are its own, under its own names."""

FILE_ID_LENGTH = 16
OLDEST_FIRST = False


def authorization(settings: Settings) -> str:
    """The Authorization header."""
    return basic(settings) or bearer(settings)


def find_contacts(email: str, page: int) -> Call:
    """Users by a text search over names, addresses and phones; only equality, checked by the caller, means anything."""
    return Call("/users/", {"search": email, "exact_search": 1, "page": page})


def get_contact(contact_id: int) -> Call:
    """One user."""
    return Call(f"/users/{contact_id}")


def list_tickets(contact_id: int, page: int) -> Call:
    """A requester's tickets, newest activity first."""
    return Call("/tickets/", {"user_list": contact_id, "order_by": "date_updated{desc}", "page": page})


def changed_tickets(since: datetime | None, page: int, zone: tzinfo) -> Call:
    """Everybody's tickets that changed since then, newest change first. Times are the account's, to the second."""
    told = {"from_date_updated": f"{since.astimezone(zone):%Y-%m-%d %H:%M:%S}"} if since else {}
    return Call("/tickets/", {**told, "order_by": "date_updated{desc}", "page": page})


def get_ticket(ticket_id: int) -> Call:
    """One ticket; always fresher than the list."""
    return Call(f"/tickets/{ticket_id}")


def list_messages(ticket_id: int, page: int) -> Call:
    """A ticket's posts. Its comments, which are the staff's own, are never asked for."""
    return Call(f"/tickets/{ticket_id}/posts/", {"page": page})


def statuses() -> Call | None:
    """The account's own statuses."""
    return Call("/statuses/")


def status_names(found: list[Row], locale: str) -> dict[str, str]:
    """Slug to name."""
    return {decode.words(row.get("id")): decode.name(row.get("name"), locale) for row in found}


def ticket_fields() -> Callable[[int], Call] | None:
    """The definitions of the tickets' custom fields."""
    return lambda page: Call("/custom_fields/", {"page": page})


def field_key(found: list[Row], name: str) -> str:
    """A field's number, as text: the account's own. Its name may be one text, or one for each language."""
    for row in found:
        names = row.get("name")
        if name in (names.values() if isinstance(names, dict) else (names,)):
            return decode.words(row.get("id"))
    return ""


def field_value(row: Row, key: str) -> str:
    """A ticket's or a user's value of a custom field; only fields that were ever set are listed."""
    for field in decode.rows(row.get("custom_fields")):
        if decode.words(field.get("id")) == key:
            return decode.words(field.get("field_value"), decode.MAX_FIELD)
    return ""


def create_contact(email: str, name: str, phone: str, fields: Mapping[str, str]) -> Call:
    """A new user, who is not written to about it; an address that somebody has already is refused."""
    form = {"name": name, "email": email, "notifications": "0", **({"phone": phone} if phone else {})}
    return Call("/users/", method="POST", form=form | {f"custom_fields[{key}]": value for key, value in fields.items()})


def update_contact(contact: Contact, name: str, phone: str, fields: Mapping[str, str]) -> Call | None:
    """By id, as an address can have moved to somebody else. A form is not seen in a PUT."""
    told: dict[str, Any] = {"name": name, "phone": phone, "custom_fields": dict(fields)}
    body = {key: value for key, value in told.items() if value}
    return Call(f"/users/{contact.id}", method="PUT", json=body)


def contact_fields() -> Callable[[int], Call] | None:
    """The definitions of the users' custom fields."""
    return lambda page: Call("/users/custom_fields/", {"page": page})


def contact_notes(contact_id: int) -> Callable[[int], Call] | None:
    """The notes about a user."""
    return lambda page: Call(f"/users/{contact_id}/notes/", {"page": page})


def create_contact_note(contact_id: int, html: str) -> Call:
    """A note about a user."""
    return Call(f"/users/{contact_id}/notes/", method="POST", form={"text": html})


def delete_contact_note(contact_id: int, note_id: int) -> Call:
    """Success is told in the list of errors."""
    return Call(f"/users/{contact_id}/notes/{note_id}", method="DELETE")


def upload(_file: Upload) -> Call | None:
    """Files go with their message."""
    return None


def create_ticket(contact_id: int, subject: str, html: str, files: Sequence[Upload], _file_ids: Sequence[Any]) -> Call:
    """A ticket whose first post is the requester's."""
    form = {"title": subject, "description": html, "user_id": str(contact_id), "create_from_user": "1"}
    return Call("/tickets/", method="POST", form=form, files=_numbered(files), once=True)


def create_message(of: Ticket, html: str, files: Sequence[Upload], _file_ids: Sequence[Any]) -> Call:
    """A post of the requester's; without an author it would be the API user's."""
    form = {"text": html, "user_id": str(of.requester_id)}
    return Call(f"/tickets/{of.id}/posts/", method="POST", form=form, files=_numbered(files), once=True)


def create_note(ticket_id: int, html: str) -> Call:
    """A comment, which only the staff sees, of the API user's."""
    return Call(f"/tickets/{ticket_id}/comments/", method="POST", form={"text": html}, once=True)


def reopen(ticket_id: int) -> Call:
    """Open a closed ticket. A form is not seen in a PUT."""
    return Call(f"/tickets/{ticket_id}", method="PUT", json={"status_id": "open"})


def close_ticket(ticket_id: int) -> Call:
    """Close a ticket."""
    return Call(f"/tickets/{ticket_id}", method="PUT", json={"status_id": "closed"})


def visitor(email: str, name: str) -> Call | None:
    """Who this is to the chat."""
    return Call("/chat/visitor/id", method="POST", json={"email": email, "name": name})


def written(row: Row, ticket_id: int, *, internal: bool) -> int:
    """The id of the post or comment that was made, when it is in this ticket and for those eyes."""
    if decode.number(row["ticket_id"]) != ticket_id or (not internal and _is_internal(row)):
        raise ValueError("another post")
    return decode.number(row["id"])


def _numbered(files: Sequence[Upload]) -> list[tuple[str, Upload]]:
    """Without its number in the name a file is lost."""
    return [(f"files[{number}]", file) for number, file in enumerate(files)]


def contact(row: Row) -> Contact:
    """A user as a contact. `api_key`, which the vendor sends along, is never looked at."""
    group = row.get("group")
    full = f"{decode.words(row.get('name'))} {decode.words(row.get('lastname'))}".strip()
    return Contact(
        decode.number(row["id"]),
        decode.email(row.get("email")),
        full,
        decode.words(row.get("phone")),
        isinstance(group, dict) and group.get("type") == "staff",
    )


def ticket(row: Row, known: Known) -> Ticket:
    """A ticket, with the account's own name for its status."""
    zone = known.zone
    slug = decode.words(row.get("status_id"))
    owner = decode.count(row.get("owner_id"))
    created = decode.moment(row["date_created"], zone)
    status = _STATUSES.get(slug, Status.OTHER)
    return Ticket(
        id=decode.number(row["id"]),
        number=decode.words(row.get("unique_id")) or str(row["id"]),
        subject=decode.words(row.get("title"), 1000),
        status=status,
        status_name=known.names.get(slug) or slug,
        status_key=slug,
        requester_id=decode.number(row["user_id"]),
        requester_email=decode.email(row.get("user_email")),
        channel=decode.channel(row.get("source")),
        created_at=created,
        updated_at=decode.moment_or_none(row.get("date_updated"), zone) or created,
        closed=status is Status.CLOSED,
        owner_id=owner or None,
        owner_name=decode.words(row.get("owner_name")),
    )


def message(row: Row, of: Ticket, known: Known) -> Message | None:
    """A post. Its author is the requester, the ticket's assignee, or one of the people looked up before.

    Only the requester's own posts are his: anybody else, a colleague in copy too, is shown beside the staff.
    """
    if _is_internal(row):
        return None
    author = decode.count(row.get("user_id"))
    person = known.people.get(author)
    if author == of.requester_id:
        from_staff, name = False, ""
    elif author == of.owner_id:
        from_staff, name = True, of.owner_name
    else:
        from_staff, name = True, person.name if person else ""
    return Message(
        id=decode.number(row["id"]),
        author_id=author,
        author_name=name or decode.words(row.get("user_name")),
        from_staff=from_staff,
        html=decode.html(row.get("text")),
        created_at=decode.moment(row["date_created"], known.zone),
        files=decode.each(decode.rows(row.get("files")), _file, "files"),
    )


def strangers(found: list[Row], of: Ticket) -> list[int]:
    """Authors of posts who are neither the requester nor the assignee, each once."""
    authors = (decode.count(row.get("user_id")) for row in found)
    return list(dict.fromkeys(author for author in authors if author and author not in (of.requester_id, of.owner_id)))


def _is_internal(row: Row) -> bool:
    return decode.words(row.get("visible")).lower() == "staff"


def _file(row: Row) -> Attachment:
    url = decode.address(row["url"])
    # A file has no id of its own; its address is one, and must not be shown.
    file_id = hashlib.sha256(url.encode()).hexdigest()[:FILE_ID_LENGTH]
    return Attachment(file_id, decode.words(row.get("name")) or "file", url, None, decode.words(row.get("data_type")))
