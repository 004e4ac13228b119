"""custom_hde_user_map: which help desk contacts a shop account may read, and on what evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text

from portal.database import Unit

ADDRESS = 0
"""The contact id of the row that proves an address itself, before any contact with it is known."""


@dataclass(frozen=True, slots=True)
class Link:
    """One row: this account and this contact, by this address (lower-cased); `sees` is the grant."""

    contact_id: int
    email: str
    evidence: str
    sees: bool


def of(unit: Unit, user_id: int) -> list[Link]:
    """Every link of a shop account, granted or not."""
    rows = unit.state.execute(_OF, {"user": user_id})
    return [Link(row[0], row[1].decode(), row[2].decode(), bool(row[3])) for row in rows]


def prove(unit: Unit, user_id: int, email: str, evidence: str) -> None:
    """The account has proven this address, by itself. Contacts that were withdrawn one by one stay withdrawn."""
    unit.state.execute(_INSERT, _row(user_id, ADDRESS, email, evidence))
    unit.state.execute(_GRANT, _row(user_id, ADDRESS, email, evidence))


def add(unit: Unit, user_id: int, email: str, evidence: str, contact_ids: Iterable[int]) -> None:
    """Contacts that carry a proven address. A row that is there already stays as it is, withdrawn ones too."""
    rows = [_row(user_id, contact_id, email, evidence) for contact_id in contact_ids]
    if rows:
        unit.state.execute(_INSERT, rows)


def lapse(unit: Unit, user_id: int, email: str) -> None:
    """The account's address is another one now: what was proven of the former ends for good, also if it comes back."""
    unit.state.execute(_LAPSE, {"user": user_id, "email": email.encode()})


def _row(user_id: int, contact_id: int, email: str, evidence: str) -> dict[str, object]:
    return {"user": user_id, "contact": contact_id, "email": email.encode(), "evidence": evidence.encode()}


_OF = text("SELECT contact_id, email, evidence, sees FROM custom_hde_user_map WHERE user_id = :user")
_INSERT = text(
    "INSERT INTO custom_hde_user_map (user_id, contact_id, email, evidence, sees, created_at) "
    "VALUES (:user, :contact, :email, :evidence, 1, UTC_TIMESTAMP(6)) "
    "ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)"
)
_LAPSE = text("DELETE FROM custom_hde_user_map WHERE user_id = :user AND email <> :email")
_GRANT = text(
    "UPDATE custom_hde_user_map SET sees = 1, evidence = :evidence "
    "WHERE user_id = :user AND contact_id = :contact AND email = :email"
)
