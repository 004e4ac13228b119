"""What a customer does with a request beside writing: close it, open it again, say how it went.

Kept first and done by the worker, like what he writes (writing.py), in the same queue: a request is closed after the
message that was sent before. Support reads why in an internal note.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from portal.database import Unit
from portal.service.outcomes import NOTE
from portal.service.sight import Person
from portal.service.writing import CLOSE
from portal.store import limits, outbox, ratings, turns
from portal.store.ratings import Rating
from portal.store.turns import Turn

MAX_WORDS = 20_000
"""Characters of a reason or of what is said with a rating."""

ACTS = ((20, 600), (100, 86400))
"""What an account may do: (how often, in how many seconds)."""

CHANGED_WITHIN = timedelta(days=1)
"""So long a rating can be changed."""


class Reason(StrEnum):
    """Why a request is closed."""

    SOLVED = "solved"
    NOT_NEEDED = "not_needed"
    OTHER = "other"


class Score(StrEnum):
    """How a request went."""

    GOOD = "good"
    BAD = "bad"


def turn(  # who, what, and how it is told from another
    unit: Unit,
    person: Person,
    kind: str,
    ticket_id: int,
    contact_id: int,
    *,
    once: str,
    reason: str = "",
    words: str = "",
) -> None:
    """Keep that he closes a request of his (CLOSE), or opens it again (writing.REOPEN); the same form does it once.

    `contact_id` is its requester now. Raises TooOften.
    """
    user = person.customer.id
    payload = {"contact": contact_id, "text": "", "files": []}
    kept = outbox.put(
        unit, kind, payload, user, queue=f"ticket:{ticket_id}", ticket_id=ticket_id, once=f"{user}:{once}"
    )
    if kept.new:
        limits.bound(unit, "act", user, ACTS)
        _note(unit, user, ticket_id, "closed" if kind == CLOSE else "reopened", reason=reason, words=words)


def rate(unit: Unit, person: Person, ticket_id: int, score: Score, words: str, *, once: str) -> bool:
    """Keep what he says of a closed request of his; the same form says the same once.

    False when it is too late to change it. Raises TooOften.
    """
    user = person.customer.id
    before = of_this_closing(ratings.of(unit, user, ticket_id), turns.of(unit, ticket_id))
    if before and not may_change(before):
        return False
    if before is None or (before.score, before.words) != (score, words):
        limits.bound(unit, "act", user, ACTS)
        ratings.put(unit, user, ticket_id, score, words, anew=before is None)
        _note(unit, user, ticket_id, "rated", score=score, words=words, once=f"{user}:{once}:{score}:{_digest(words)}")
    return True


def of_this_closing(rating: Rating | None, known: Sequence[Turn]) -> Rating | None:
    """The rating, None where the request has been closed again since: then he is asked anew."""
    closed = [turn.at for turn in known if turn.closed]
    return rating if rating and not (closed and closed[-1] > rating.at) else None


def _digest(words: str) -> str:
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def may_change(rating: Rating) -> bool:
    """Whether he may say something else still."""
    return datetime.now(UTC) - rating.at < CHANGED_WITHIN


def _note(
    unit: Unit,
    user: int,
    ticket_id: int,
    about: str,
    *,
    words: str,
    reason: str = "",
    score: str = "",
    once: str | None = None,
) -> None:
    told = {"about": about, "text": words[:MAX_WORDS], "reason": reason, "score": score, "files": []}
    outbox.put(unit, NOTE, told, user, queue=f"note:{ticket_id}", ticket_id=ticket_id, once=once)
