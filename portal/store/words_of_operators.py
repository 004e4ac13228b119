"""custom_hde_word: what operators have said of who is who, row after row. custom_hde_said: which of it holds.

Saying and undoing add a row to the journal, each with who and when. What holds between two is the newest word that is
not undone: an undo brings back the word before it, as it was, with its own operator and time, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.database import Unit, is_duplicate
from portal.errors import NotFound

SAME, NOT = "same", "not"

Two = tuple[tuple[str, int], tuple[str, int]]
"""Kind and id of both, the lesser one first."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word, and whom it was about."""

    id: int
    two: Two
    verdict: str


def say(unit: Unit, operator: str, two: Two, verdict: str) -> int:
    """This holds between the two from now on; the word's id. What holds already is not said again."""
    told = _pair(two) | {"verdict": verdict.encode(), "operator": operator.encode()}
    unit.state.execute(_HOLD, told)  # who says something of the same two meanwhile waits here
    kept = unit.state.execute(_HELD, told).one()
    if kept.verdict == told["verdict"]:
        return int(kept.word_id)
    word_id = int(unit.state.execute(_SAY, told).lastrowid)
    unit.state.execute(_SHOW, told | {"word": word_id})
    return word_id


def undo(unit: Unit, operator: str, word_id: int) -> Said:
    """The word is as if it had not been said. Raises NotFound for one that is not there, or is undone already."""
    row = unit.state.execute(_WORD, {"word": word_id}).one_or_none()
    if row is None:
        raise NotFound
    two = (row.a_kind.decode(), int(row.a_id)), (row.b_kind.decode(), int(row.b_id))
    told = _pair(two) | {"word": word_id, "operator": operator.encode()}
    unit.state.execute(_HELD, told)
    try:
        unit.state.execute(_UNDO, told)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise NotFound from None
    newest = unit.state.execute(_NEWEST, told).scalar()
    unit.state.execute(_SHOW if newest else _SILENCE, told | {"word": newest})
    return Said(word_id, two, row.verdict.decode())


def _pair(two: Two) -> dict[str, Any]:
    (a_kind, a_id), (b_kind, b_id) = two
    return {"a_kind": a_kind.encode(), "a": a_id, "b_kind": b_kind.encode(), "b": b_id}


_BETWEEN = "a_kind = :a_kind AND a_id = :a AND b_kind = :b_kind AND b_id = :b"

_HOLD = text(
    "INSERT INTO custom_hde_said (a_kind, a_id, b_kind, b_id, verdict, word_id, operator, said_at) "
    "VALUES (:a_kind, :a, :b_kind, :b, '', 0, '', UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE word_id = word_id"
)
# S608 below: what is put together is a condition of ours; values are parameters.
_HELD = text(f"SELECT verdict, word_id FROM custom_hde_said WHERE {_BETWEEN} FOR UPDATE")  # noqa: S608
_SAY = text(
    "INSERT INTO custom_hde_word (a_kind, a_id, b_kind, b_id, verdict, operator, said_at) "
    "VALUES (:a_kind, :a, :b_kind, :b, :verdict, :operator, UTC_TIMESTAMP(6))"
)
_SHOW = text(
    "UPDATE custom_hde_said s JOIN custom_hde_word w ON w.id = :word SET s.verdict = w.verdict, s.word_id = w.id, "  # noqa: S608
    "s.operator = w.operator, s.said_at = w.said_at "
    f"WHERE {' AND '.join('s.' + part for part in _BETWEEN.split(' AND '))}"
)
_SILENCE = text(f"DELETE FROM custom_hde_said WHERE {_BETWEEN}")  # noqa: S608
_WORD = text("SELECT a_kind, a_id, b_kind, b_id, verdict FROM custom_hde_word WHERE id = :word AND verdict <> 'undo'")
_UNDO = text(
    "INSERT INTO custom_hde_word (a_kind, a_id, b_kind, b_id, verdict, undoes, operator, said_at) "
    "VALUES (:a_kind, :a, :b_kind, :b, 'undo', :word, :operator, UTC_TIMESTAMP(6))"
)
_NEWEST = text(
    f"SELECT MAX(w.id) FROM custom_hde_word w WHERE {_BETWEEN} AND w.verdict <> 'undo' "  # noqa: S608
    "AND NOT EXISTS (SELECT 1 FROM custom_hde_word u WHERE u.undoes = w.id)"
)
