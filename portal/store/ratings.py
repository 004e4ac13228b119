"""custom_hde_rating: what customers say of how their requests went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from portal.database import Unit


@dataclass(frozen=True, slots=True)
class Rating:
    """`score`: good or bad; `words`: plain text, "" for none; `at`: when he said it first, of this closing."""

    score: str
    words: str
    at: datetime


def put(unit: Unit, user_id: int, ticket_id: int, score: str, words: str, *, anew: bool) -> None:
    """He says this of it now; what he said before is forgotten, but when he said it first unless he says it `anew`."""
    told = {"user": user_id, "ticket": ticket_id, "score": score.encode(), "words": words, "anew": int(anew)}
    unit.state.execute(_PUT, told)


def of(unit: Unit, user_id: int, ticket_id: int) -> Rating | None:
    """What he has said of it."""
    row = unit.state.execute(_OF, {"user": user_id, "ticket": ticket_id}).one_or_none()
    return Rating(row.score.decode(), row.words, row.rated_at.replace(tzinfo=UTC)) if row else None


_PUT = text(
    "INSERT INTO custom_hde_rating (user_id, ticket_id, score, words, rated_at) "
    "VALUES (:user, :ticket, :score, :words, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE "
    "score = VALUES(score), words = VALUES(words), rated_at = IF(:anew, VALUES(rated_at), rated_at)"
)
_OF = text("SELECT score, words, rated_at FROM custom_hde_rating WHERE user_id = :user AND ticket_id = :ticket")
