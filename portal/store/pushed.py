"""custom_hde_pushed: of which accounts of the shop the help desk has been told, and as which contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit


@dataclass(frozen=True, slots=True)
class Pushed:
    """When (by the database's clock) an account was told of last, and who had its address then; None for nobody."""

    told_at: datetime
    contact_id: int | None


def get(unit: Unit, user_id: int) -> Pushed | None:
    """What of this account was told; None for nothing."""
    row = unit.state.execute(_GET, {"user": user_id}).one_or_none()
    return Pushed(row.told_at.replace(tzinfo=UTC), row.contact_id) if row else None


def put(unit: Unit, user_id: int, pushed: Pushed) -> None:
    """It was told, as it was at that time."""
    told_at = pushed.told_at.astimezone(UTC).replace(tzinfo=None)
    unit.state.execute(_PUT, {"user": user_id, "contact": pushed.contact_id, "at": told_at})


def drop(unit: Unit, user_id: int) -> None:
    """There is nothing more to tell of it."""
    unit.state.execute(_DROP, {"user": user_id})


def with_contact(unit: Unit, user_ids: Sequence[int]) -> frozenset[int]:
    """Those of these accounts whose contact we know; one query."""
    if not user_ids:
        return frozenset()
    return frozenset(unit.state.execute(_WITH_CONTACT, {"users": list(user_ids)}).scalars())


_GET = text("SELECT told_at, contact_id FROM custom_hde_pushed WHERE user_id = :user")
_PUT = text(
    "INSERT INTO custom_hde_pushed (user_id, contact_id, told_at) VALUES (:user, :contact, :at) "
    "ON DUPLICATE KEY UPDATE contact_id = VALUES(contact_id), told_at = VALUES(told_at)"
)
_DROP = text("DELETE FROM custom_hde_pushed WHERE user_id = :user")
_WITH_CONTACT = text(
    "SELECT user_id FROM custom_hde_pushed WHERE user_id IN :users AND contact_id IS NOT NULL"
).bindparams(bindparam("users", expanding=True))
