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
    order_id: int
    ticket_id: int
    before: tuple[str, str, str] | None


def put(unit: Unit, operator: str, ticket_id: int, order_id: int, user_id: int, said: str, before: Row | None) -> int:  # noqa: PLR0917  # a row
    """Keep a word; gives its id."""
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
    return int(unit.state.execute(_PUT, told).lastrowid)


def last(unit: Unit, ticket_id: int, order_id: int) -> int:
    """The last word on this pair that stands, 0 for none."""
    return int(unit.state.execute(_LAST, {"ticket": ticket_id, "order": order_id}).scalar() or 0)


def take_back(unit: Unit, operator: str, word_id: int) -> Word | None:
    """The word, taken back; None unless it is the last one on its pair that stands."""
    row = unit.state.execute(_READ, {"id": word_id}).one_or_none()
    if row is None or last(unit, row.ticket_id, row.order_id) != word_id:
        return None
    unit.state.execute(_UNDO, {"id": word_id, "operator": operator})
    state = row.before_state.decode()
    before = (state, row.before_evidence.decode(), row.before_author) if state else None
    return Word(word_id, row.order_id, row.ticket_id, before)


_PUT = text(
    "INSERT INTO custom_hde_order_word (order_id, ticket_id, user_id, operator, said, before_state, before_evidence, "
    "before_author, created_at) VALUES (:order, :ticket, :user, :operator, :said, :state, :evidence, :author, "
    "UTC_TIMESTAMP(6))"
)
_LAST = text(
    "SELECT MAX(id) FROM custom_hde_order_word WHERE ticket_id = :ticket AND order_id = :order AND undone_at IS NULL"
)
_READ = text(
    "SELECT order_id, ticket_id, before_state, before_evidence, before_author FROM custom_hde_order_word "
    "WHERE id = :id AND undone_at IS NULL FOR UPDATE"
)
_UNDO = text("UPDATE custom_hde_order_word SET undone_by = :operator, undone_at = UTC_TIMESTAMP(6) WHERE id = :id")
