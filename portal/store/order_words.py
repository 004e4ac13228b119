"""custom_hde_order_word: what operators have said of a ticket and an order, each word with what was there before it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from portal.database import Unit
from portal.store.order_tickets import Row


@dataclass(frozen=True, slots=True)
class Word:
    """`before`: state, evidence and author of what was there, None for nothing."""

    id: int
    before: tuple[str, str, str] | None


def put(  # noqa: PLR0917  # a row
    unit: Unit, operator: str, ticket_id: int, order_id: int, user_id: int, said: str, before: Row | None
) -> None:
    """Keep a word."""
    told = {
        "order": order_id,
        "ticket": ticket_id,
        "user": user_id,
        "operator": operator,
        "said": said.encode(),
        "state": before.state.encode() if before else b"",
        "evidence": before.evidence.encode() if before else b"",
        "author": before.author if before else "",
    }
    unit.state.execute(_PUT, told)


def take_back(unit: Unit, operator: str, ticket_id: int, order_id: int) -> Word | None:
    """The last word on this pair that stands, taken back; None for none. Whoever asks holds the pair's row."""
    row = unit.state.execute(_LAST, {"ticket": ticket_id, "order": order_id}).one_or_none()
    if row is None:
        return None
    unit.state.execute(_UNDO, {"id": row.id, "operator": operator})
    state = row.before_state.decode()
    before = (state, row.before_evidence.decode(), row.before_author) if state else None
    return Word(row.id, before)


_PUT = text(
    "INSERT INTO custom_hde_order_word (order_id, ticket_id, user_id, operator, said, before_state, before_evidence, "
    "before_author, created_at) VALUES (:order, :ticket, :user, :operator, :said, :state, :evidence, :author, "
    "UTC_TIMESTAMP(6))"
)
_LAST = text(
    "SELECT id, before_state, before_evidence, before_author FROM custom_hde_order_word "
    "WHERE ticket_id = :ticket AND order_id = :order AND undone_at IS NULL ORDER BY id DESC LIMIT 1 FOR UPDATE"
)
_UNDO = text("UPDATE custom_hde_order_word SET undone_by = :operator, undone_at = UTC_TIMESTAMP(6) WHERE id = :id")
