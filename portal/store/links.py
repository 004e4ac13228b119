"""custom_hde_user_map: which help desk contacts a shop account may read, and on what evidence.

custom_hde_ticket_owner: which tickets are an account's own whoever has proven what, as they were opened with us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.store.visits import REMEMBERED, Seen

OWN_TICKETS = 500
ADDRESS = 0
"""The contact id of the row that proves an address itself, before any contact with it is known."""

FOR_OPERATORS = "address"
"""The evidence of a link that nobody has proven: operators see whose contact it may be, he sees nothing."""


@dataclass(frozen=True, slots=True)
class Link:
    """One row: this account and this contact, by this address (lower-cased); `sees` is the grant."""

    contact_id: int
    email: str
    evidence: str
    sees: bool

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken away, and not just never granted."""
        return not self.sees and self.evidence != FOR_OPERATORS


@dataclass(frozen=True, slots=True)
class Account:
    """A shop account that is linked to a contact, seen from the contact."""

    user_id: int
    email: str
    sees: bool
    evidence: str = ""

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken away, and not just never granted."""
        return not self.sees and self.evidence != FOR_OPERATORS


@dataclass(frozen=True, slots=True)
class Owner:
    """An account that opened a ticket with us, and the requester that the ticket must still have."""

    user_id: int
    contact_id: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """An account's links, granted or not, its own tickets with the requester that each must still have, and what of
    all its tickets it has seen.
    """

    links: list[Link]
    tickets: dict[int, int]
    seen: Seen = field(default_factory=Seen)


def of(unit: Unit, user_id: int) -> Holdings:
    """What a shop account has, in one query; of its own tickets the newest OWN_TICKETS."""
    found, tickets, seen = [], {}, Seen()
    told = {"user": user_id, "limit": OWN_TICKETS, "visits": REMEMBERED}
    for ticket_id, contact_id, email, evidence, sees, seen_at in unit.state.execute(_OF, told):
        if seen_at:
            seen.add(int(ticket_id), seen_at.replace(tzinfo=UTC))
        elif ticket_id:
            tickets[int(ticket_id)] = int(contact_id)
        else:
            found.append(Link(contact_id, email.decode(), evidence.decode(), bool(sees)))
    return Holdings(found, tickets, seen)


def owner(unit: Unit, ticket_id: int) -> Owner | None:
    """Whose own this ticket is, None for a ticket that came another way."""
    found = unit.state.execute(_OWNER, {"ticket": ticket_id}).one_or_none()
    return Owner(int(found[0]), int(found[1])) if found else None


def present_owner(unit: Unit, ticket_id: int) -> Owner | None:
    """As `owner`, for who acts upon it: whoever is just making the ticket somebody's is waited for."""
    found = unit.state.execute(_PRESENT_OWNER, {"ticket": ticket_id}).one_or_none()
    return Owner(int(found[0]), int(found[1])) if found else None


def of_contact(unit: Unit, contact_id: int) -> list[Account]:
    """The accounts that are linked to this contact, granted or withdrawn."""
    rows = unit.state.execute(_OF_CONTACT, {"contact": contact_id})
    return [Account(user_id, email.decode(), bool(sees), evidence.decode()) for user_id, email, sees, evidence in rows]


def own(unit: Unit, ticket_id: int, user_id: int, contact_id: int, evidence: str, *, jti: str | None = None) -> bool:
    """The ticket is this account's own, as long as its requester is `contact_id`.

    False when it is somebody's already, or when the token `jti` has vouched for another ticket: nothing changes then.
    """
    told = {
        "ticket": ticket_id,
        "user": user_id,
        "contact": contact_id,
        "evidence": evidence.encode(),
        "jti": jti.encode() if jti else None,
    }
    try:
        unit.state.execute(_OWN, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def prove(unit: Unit, user_id: int, email: str, evidence: str) -> None:
    """The account has proven this address, by itself. Contacts that were withdrawn one by one stay withdrawn."""
    unit.state.execute(_INSERT, _row(user_id, ADDRESS, email, evidence))
    unit.state.execute(_GRANT, _row(user_id, ADDRESS, email, evidence))


def add(unit: Unit, user_id: int, email: str, evidence: str, contact_ids: Iterable[int]) -> None:
    """Contacts that carry a proven address. A withdrawn row stays so; one for the operators alone becomes a grant."""
    rows = [_row(user_id, contact_id, email, evidence) for contact_id in contact_ids]
    if rows:
        unit.state.execute(_ADD, rows)


def note(unit: Unit, user_id: int, email: str, contact_id: int) -> bool:
    """The account holds the contact's address and has not proven it: for operators. False when there is a row."""
    try:
        unit.state.execute(_NOTE, _row(user_id, contact_id, email, FOR_OPERATORS))
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        return False
    return True


def lapse(unit: Unit, user_id: int, email: str) -> None:
    """The account's address is another one now: what was proven of the former ends for good, also if it comes back."""
    unit.state.execute(_LAPSE, {"user": user_id, "email": email.encode()})


def _row(user_id: int, contact_id: int, email: str, evidence: str) -> dict[str, object]:
    return {"user": user_id, "contact": contact_id, "email": email.encode(), "evidence": evidence.encode()}


_OF = text(
    "SELECT 0, contact_id, email, evidence, sees, NULL FROM custom_hde_user_map WHERE user_id = :user UNION ALL "
    "(SELECT ticket_id, contact_id, '', '', 0, NULL FROM custom_hde_ticket_owner WHERE user_id = :user "
    "ORDER BY ticket_id DESC LIMIT :limit) UNION ALL "
    "(SELECT ticket_id, 0, '', '', 0, seen_at FROM custom_hde_visit WHERE user_id = :user "
    "ORDER BY ticket_id = 0 DESC, seen_at DESC LIMIT :visits)"
)
_OWNER = text("SELECT user_id, contact_id FROM custom_hde_ticket_owner WHERE ticket_id = :ticket")
_PRESENT_OWNER = text(
    "SELECT user_id, contact_id FROM custom_hde_ticket_owner WHERE ticket_id = :ticket LOCK IN SHARE MODE"
)
_OF_CONTACT = text("SELECT user_id, email, sees, evidence FROM custom_hde_user_map WHERE contact_id = :contact")
_OWN = text(
    "INSERT INTO custom_hde_ticket_owner (ticket_id, user_id, contact_id, evidence, jti, created_at) "
    "VALUES (:ticket, :user, :contact, :evidence, :jti, UTC_TIMESTAMP(6))"
)
_INSERT = text(
    "INSERT INTO custom_hde_user_map (user_id, contact_id, email, evidence, sees, created_at) "
    "VALUES (:user, :contact, :email, :evidence, 1, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)"
)
# Assignments are evaluated from left to right: the evidence is the last to change.
_ADD = text(
    "INSERT INTO custom_hde_user_map (user_id, contact_id, email, evidence, sees, created_at) "
    "VALUES (:user, :contact, :email, :evidence, 1, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE "
    "sees = IF(evidence = 'address', 1, sees), evidence = IF(evidence = 'address', VALUES(evidence), evidence)"
)
_NOTE = text(
    "INSERT INTO custom_hde_user_map (user_id, contact_id, email, evidence, sees, created_at) "
    "VALUES (:user, :contact, :email, :evidence, 0, UTC_TIMESTAMP(6))"
)
_LAPSE = text("DELETE FROM custom_hde_user_map WHERE user_id = :user AND email <> :email")
_GRANT = text(
    "UPDATE custom_hde_user_map SET sees = 1, evidence = :evidence "
    "WHERE user_id = :user AND contact_id = :contact AND email = :email"
)
