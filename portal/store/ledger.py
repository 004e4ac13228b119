"""The inbox and the outbox as a person sees them: what came, what is to be done, and what has become of each.

A row is named by where it is and its number there: `in:12`, `out:34`. One that is running is its worker's, and nothing
here touches it; how rows live otherwise is told in queue.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, text

from portal.database import Unit
from portal.model import Event

TABLES: Mapping[str, str] = {"in": "custom_hde_inbox", "out": "custom_hde_outbox"}


class EntryId(NamedTuple):
    """`box` is a key of TABLES."""

    box: str
    number: int

    def __str__(self) -> str:
        return f"{self.box}:{self.number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of either table. Times are UTC.

    `user_id`: whose words they are. `sent_at`: a call that may have had its effect began then. `payload`: what the job
    needs, {} for an event and in a list. `more`: what only one of the tables has, by its column's name.
    """

    id: EntryId
    kind: str
    state: str
    attempts: int
    queue: str
    ticket_id: int | None
    user_id: int | None
    reason: str
    created_at: datetime
    run_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    payload: dict[str, Any]
    more: dict[str, Any]


def event(entry: Entry) -> Event:
    """The event of a row of the inbox."""
    more = entry.more
    key = more["event_key"].encode()
    return Event(entry.kind, entry.ticket_id or 0, more["contact_id"], more["message_id"], more["happened_at"], key)


class Verb(NamedTuple):
    """What a person may do with rows `of` these states; for those in `there` it is so already, or on its way."""

    of: tuple[str, ...]
    there: tuple[str, ...]


REPLAY = Verb(of=("dead", "aside", "discarded"), there=("waiting", "running", "done"))
DISCARD = Verb(of=("waiting", "dead", "aside"), there=("discarded",))


class Outcome(Enum):
    """What came of a person's wish."""

    DONE = "done"
    ALREADY = "already"
    REFUSED = "refused"
    MISSING = "missing"


class Answer(NamedTuple):
    """`state`: why nothing was changed, if so; "" when there is no such row."""

    outcome: Outcome
    state: str


def outcome(verb: Verb, state: str) -> Outcome:
    """What the verb does to a row in this state."""
    if state in verb.of:
        return Outcome.DONE
    return Outcome.ALREADY if state in verb.there else Outcome.REFUSED


def entries(
    unit: Unit, boxes: Sequence[str], *, states: Sequence[str] = (), kinds: Sequence[str] = (), limit: int
) -> list[Entry]:
    """The newest `limit` rows of these tables, newest first; of these states and kinds, where any are named."""
    told = {"states": _bytes(states), "any_state": not states, "kinds": _bytes(kinds), "any_kind": not kinds}
    found = [_entry(box, row) for box in boxes for row in unit.state.execute(_LIST[box], {**told, "limit": limit})]
    return sorted(found, key=lambda entry: (entry.created_at, entry.id), reverse=True)[:limit]


def entry(unit: Unit, entry_id: EntryId) -> Entry | None:
    """One row; None where there is none."""
    row = unit.state.execute(_ONE[entry_id.box], {"id": entry_id.number}).one_or_none()
    return _entry(entry_id.box, row) if row else None


def replay(unit: Unit, entry_id: EntryId) -> Answer:
    """A row that came to a bad end waits again, due now, with all its attempts before it.

    `sent_at` stays: what may have gone out is looked for before it is sent again. What waits, runs or is done is left
    as it is, so that replaying twice acts once.
    """
    return _do(unit, entry_id, REPLAY, _REPLAY[entry_id.box], "")


def discard(unit: Unit, entry_id: EntryId, reason: str) -> Answer:
    """A row that waits or came to a bad end is never done; `reason` says who wants it so, and since when."""
    return _do(unit, entry_id, DISCARD, _DISCARD[entry_id.box], reason)


def _do(unit: Unit, entry_id: EntryId, verb: Verb, statement: TextClause, reason: str) -> Answer:
    told = {"id": entry_id.number, "of": _bytes(verb.of)}
    if unit.state.execute(statement, {**told, "reason": reason} if reason else told).rowcount:
        return Answer(Outcome.DONE, "")
    row = unit.state.execute(_STATE[entry_id.box], {"id": entry_id.number}).one_or_none()
    if row is None:
        return Answer(Outcome.MISSING, "")
    # Between the two statements the row may have come to a state that the verb is for: it was not done all the same.
    state = row.state.decode()
    return Answer(Outcome.ALREADY if state in verb.there else Outcome.REFUSED, state)


def _bytes(words: Iterable[str]) -> list[bytes]:
    return [word.encode() for word in words]


_ONLY = {
    "in": ("event_key", "seen", "contact_id", "message_id", "happened_at", "version"),
    "out": ("result_id",),
}


def _entry(box: str, row: Any) -> Entry:
    return Entry(
        EntryId(box, row.id),
        row.kind.decode(),
        row.state.decode(),
        row.attempts,
        row.queue.decode(),
        row.ticket_id,
        row.user_id,
        row.reason,
        row.created_at.replace(tzinfo=UTC),
        row.run_at.replace(tzinfo=UTC),
        _told(row.sent_at),
        _told(row.finished_at),
        json.loads(row.payload),
        {name: _told(getattr(row, name)) for name in _ONLY[box]},
    )


def _told(value: Any) -> Any:
    """A value of the database in Python's own terms: times have their zone, and bytes are read."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _on(statement: str, *lists: str) -> dict[str, TextClause]:
    """The statement for each of the tables."""
    made = {}
    for box, table in TABLES.items():
        lacking = "NULL AS user_id, NULL AS sent_at" if box == "in" else "user_id, sent_at"
        payload = "'{}' AS payload" if box == "in" else "payload"
        columns = ", ".join((_COMMON, lacking, *_ONLY[box]))
        heard = " heard_at = NULL," if box == "in" else ""  # what it makes old is forgotten again, too
        filled = statement.replace("TABLE_", table).replace("COLUMNS_", columns).replace("PAYLOAD_", payload)
        clause = text(filled.replace("HEARD_", heard))
        made[box] = clause.bindparams(*(bindparam(name, expanding=True) for name in lists))
    return made


_COMMON = "id, kind, state, attempts, queue, ticket_id, reason, created_at, run_at, finished_at"
_LIST = _on(
    "SELECT COLUMNS_, '{}' AS payload FROM TABLE_ "
    "WHERE (:any_state OR state IN :states) AND (:any_kind OR kind IN :kinds) ORDER BY id DESC LIMIT :limit",
    "states",
    "kinds",
)
_ONE = _on("SELECT COLUMNS_, PAYLOAD_ FROM TABLE_ WHERE id = :id")
_STATE = _on("SELECT state FROM TABLE_ WHERE id = :id")
_REPLAY = _on(
    "UPDATE TABLE_ SET state = 'waiting', attempts = 0,HEARD_ run_at = UTC_TIMESTAMP(6), finished_at = NULL, "
    "holder = NULL "
    "WHERE id = :id AND state IN :of",
    "of",
)
# Assignments are evaluated from left to right: the reason still sees the state that was.
_DISCARD = _on(
    "UPDATE TABLE_ SET reason = LEFT(CONCAT_WS(': ', CONCAT(:reason, '; was ', CONVERT(state USING utf8mb4)), "
    "NULLIF(reason, '')), 500), state = 'discarded', holder = NULL, finished_at = UTC_TIMESTAMP(6) "
    "WHERE id = :id AND state IN :of",
    "of",
)
